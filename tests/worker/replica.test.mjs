// A replica in a user's own Worker: what it answers at once, what it waits for, and what it answers when things fail.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { AT, AUDIENCE, demo, start } from "./support.mjs";
import { FEATURES, World, faultyModules, published, stored, until } from "./world.mjs";
import { objectsOf, readManifest, snapshotFile, writeManifest } from "./manifest.mjs";
import { caller, ownModules } from "./own-support.mjs";

const PUBLIC_KEY = "f31c3c43989e068f86be2bdba834023e0c657fa3224386ea873215fa9d626a64";
const HOUR = 3_600_000;
const LONG = `cus_${"x".repeat(100)}`;

const small = World.of(40, "cus");
const large = World.of(1_200, LONG);
const silent = { HEARTBEAT_S: "86400", STALE_AFTER_S: "86400", SNAPSHOT_GRACE_S: "86400" };
const parts = faultyModules();

let running, shop, writer, largeWriter, own, ofLarge, ofNothing, first;
let n = 0;
/** Options that no other test has, of a replica that looks when it is told to, unless a test says otherwise. */
const optionsOf = (more) => ({ publicKeys: PUBLIC_KEY, audience: AUDIENCE, refreshMs: 24 * HOUR, heartbeatMs: 24 * HOUR + (n += 1), ...more });
const fresh = (worker, more) => worker.own(optionsOf(more));

before(async () => {
  const module = await ownModules();
  // The origins have no store, so their Durable Objects answer. A default entry point has no methods.
  const services = { MAYUSE: { worker: "worker-7", exportName: "Rpc" }, SHOP: { worker: "worker-8", exportName: "Rpc" }, OLD: { worker: "worker-9", exportName: "Rpc" }, NOBODY: { worker: "worker-7" } };
  const ownOf = (snapshots) => ({ parts: module, catalog: null, snapshots, services });
  running = await start(
    { snapshots: "shop" },
    { catalog: null, snapshots: "small", parts, bindings: silent },
    { catalog: null, snapshots: "large", parts, bindings: silent },
    ownOf("shop"), ownOf("small"), ownOf("large"), ownOf("nothing"),
    { catalog: null, writer: 1 }, { catalog: null, writer: 0 },
    // An origin with a replica that never looks again.
    { catalog: null, writer: 2, snapshots: "large", bindings: { ...silent, REFRESH_MS: "86400000" } },
  );
  const { workers } = running;
  [, writer, largeWriter] = workers;
  [shop, own, ofLarge, ofNothing] = workers.slice(3, 7).map(caller);
  await small.putAll(writer);
  await large.putAll(largeWriter);
  first = await published(writer, small);
  await published(largeWriter, large);
  await until(async () => (await workers[0].get("/readyz")).body.published_version === 1, "the demo is published");
});
after(() => running?.stop());

/** The decision of an answer, held against the version that it names. */
function judged(world, question, { answer, thrown }) {
  assert.equal(thrown, undefined, JSON.stringify(thrown));
  assert.notEqual(answer.decision, "INDETERMINATE", answer.reason);
  world.judge({ ...answer, freshness: { snapshot_version: answer.freshness.snapshotVersion } },
    { ...question, on_indeterminate: question.onIndeterminate });
  return answer;
}
const sso = { customer: "cus_0", feature: "f0" };
const about = ({ answer: { decision, reason, freshness } }) => [decision, reason, freshness.source, freshness.snapshotVersion];

test("the first question reads the manifest, the catalog and one shard; the next ones nothing, and wait for nothing", async () => {
  await own.faults();
  const replica = fresh(own);
  const cold = await replica("check", sso);
  assert.equal(cold.isPromise, true);
  assert.deepEqual(cold.reads, ["manifest", `o/${first.catalog.hash}`, ...cold.reads.slice(2)]);
  assert.equal(cold.reads.length, 3);
  judged(small, sso, cold);
  for (const call of ["check", "checkMany", "entitlements"]) {
    const args = { check: sso, checkMany: [sso, { ...sso, feature: "f2" }], entitlements: { customer: "cus_0" } };
    const warm = await replica(call, args[call]);
    assert.deepEqual([warm.isPromise, warm.reads, warm.errors], [false, [], []], call);
  }
});

test("requests share the replica of their isolate, whatever object the options are", async () => {
  const options = { publicKeys: [PUBLIC_KEY], isPlain: true, refreshMs: 24 * HOUR };
  const first = await own.own(options)("check", sso);
  const second = await own.own({ ...options, publicKeys: [PUBLIC_KEY] })("check", sso);
  const other = await own.own({ ...options, maxBytes: 1_000_000 })("check", sso);
  assert.deepEqual([first.isPromise, second.isPromise, other.isPromise], [true, false, true]);
  assert.equal(second.status.reads, first.status.reads);
});

test("an answer is that of the HTTP API, with the names of JavaScript", async () => {
  const replica = fresh(shop);
  const { customers, features } = demo();
  const timeless = ({ freshness, ...decision }) => ({ ...decision, freshness: { source: freshness.source, version: freshness.snapshotVersion } });
  for (const { id, alias } of customers) {
    const questions = features.map(({ code }) => ({ customer: alias ?? id, feature: code, consumed: 7, requested: "1", at: AT }));
    const { answer } = await replica("checkMany", questions);
    const bound = await shop.own({ publicKeys: PUBLIC_KEY, binding: "SHOP" })("checkMany", questions.map((one) => ({ ...one, maxAgeMs: 0 })));
    answer.forEach((decision, at) => {
      assert.equal(decision.freshness.source, "SNAPSHOT");
      const expected = timeless(bound.answer[at]);
      assert.equal(expected.freshness.source, "ORIGIN");
      assert.deepEqual({ ...timeless(decision), validUntil: null }, { ...expected, validUntil: null, freshness: { source: "SNAPSHOT", version: 1 } });
    });
    const { answer: all } = await replica("entitlements", { customer: id, consumed: 7, at: AT });
    assert.deepEqual(all.map(({ feature }) => feature.code).sort(), features.map(({ code }) => code).sort());
  }
});

test("many requests at the same time to an isolate that holds nothing are all answered", async () => {
  await own.faults([{ key: "", kind: "slow", ms: 50 }]);
  const replica = fresh(own);
  const questions = small.questions().slice(0, 40);
  const answers = await Promise.all(questions.map((question) => replica("check", question)));
  answers.forEach((answer, at) => assert.equal(judged(small, questions[at], answer).freshness.source, "SNAPSHOT"));
  await own.faults();
});

test("a batch reads each shard once", async () => {
  await ofLarge.faults();
  const { answer, reads } = await fresh(ofLarge)("checkMany", large.questions().slice(0, 1_000));
  assert.equal(answer.length, 1_000);
  assert.ok(3 < reads.length && new Set(reads).size === reads.length, reads.join());
});

test("a question is answered from memory, and the look for a newer version goes on when its request is over", async () => {
  const options = optionsOf({ refreshMs: 0, heartbeatMs: 24 * HOUR });
  const replica = own.own(options);
  await own.faults();
  const before = await replica("check", sso);
  const version = await small.subscribe(writer, "cus_0", 3);
  await published(writer, small);
  await own.faults([{ key: "manifest", kind: "slow", ms: 300 }]);
  const stale = await replica("check", sso);
  assert.deepEqual([stale.isPromise, stale.answer.freshness.snapshotVersion], [false, before.answer.freshness.snapshotVersion]);
  assert.equal(judged(small, sso, stale).allowed, true);
  // No other request goes to the replica until the look must be over: only `waitUntil` keeps it alive.
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  await own.faults([{ kind: "down" }]);
  const { answer, isPromise } = await replica("check", sso);
  assert.deepEqual([isPromise, answer.freshness.snapshotVersion, answer.allowed], [false, version, false]);
  await own.faults();
});

test("after a quiet time a question waits for a look, but not for long", async () => {
  const options = optionsOf({ refreshMs: 1_000, heartbeatMs: 60_000 });
  const replica = own.own(options);
  await own.faults([], { clockOff: 0 });
  await replica("check", sso);
  const version = await small.subscribe(writer, "cus_0", 0);
  await published(writer, small);
  await own.faults([], { clockOff: 2 * HOUR });
  const found = await replica("check", sso);
  assert.deepEqual([found.isPromise, found.answer.freshness.snapshotVersion], [true, version]);
  await own.faults([{ key: "manifest", kind: "hangs" }], { clockOff: 4 * HOUR });
  const begun = performance.now();
  const late = await replica("check", sso);
  assert.deepEqual([late.isPromise, late.answer.freshness.snapshotVersion], [true, version]);
  assert.ok(performance.now() - begun < 2_500, "it waits for half a second, not for three");
  await own.faults([], { clockOff: 0 });
});

test("below `minVersion` the origin answers; without one, a look does", async () => {
  await own.faults();
  const [bound, alone] = [fresh(own, { binding: "MAYUSE" }), fresh(own)];
  for (const replica of [bound, alone]) await replica("check", sso);
  const version = await small.subscribe(writer, "cus_1", 2);
  await published(writer, small);
  const question = { customer: "cus_1", feature: "f0", minVersion: version };
  const [there, here] = [await bound("check", question), await alone("check", question)];
  assert.deepEqual(about(there), ["ALLOW", "ENABLED", "ORIGIN", version]);
  assert.deepEqual(about(here), ["ALLOW", "ENABLED", "SNAPSHOT", version]);
  const beyond = await alone("check", { ...question, minVersion: version + 1 });
  assert.deepEqual(about(beyond).slice(0, 2), ["INDETERMINATE", "SNAPSHOT_BEHIND"]);
  const now = await bound("check", { ...sso, maxAgeMs: 0 });
  assert.equal(now.answer.freshness.source, "ORIGIN");
  const expired = await alone("check", { ...sso, maxAgeMs: 0, onIndeterminate: "ALLOW" });
  assert.deepEqual([...about(expired).slice(0, 2), expired.answer.allowed], ["INDETERMINATE", "SNAPSHOT_EXPIRED", true]);
});

test("an origin whose own replica is older does not answer for one that is ahead", async () => {
  await ofLarge.faults([{ kind: "down" }]);
  const questions = large.questions().filter((_, at) => at % 50 === 0);
  const old = await fresh(ofLarge, { binding: "OLD" })("checkMany", questions);
  assert.deepEqual(new Set(old.answer.map(({ freshness }) => `${freshness.source} ${freshness.snapshotVersion}`)), new Set([`SNAPSHOT ${large.version}`]));
  const version = await large.subscribe(largeWriter, `${LONG}_0`, 3);
  await published(largeWriter, large);
  await ofLarge.faults();
  const ahead = fresh(ofLarge, { binding: "OLD" });
  await ahead("check", questions[0]);
  await ofLarge.faults([{ kind: "down" }]);
  const { answer } = await ahead("checkMany", questions);
  assert.deepEqual(new Set(answer.map(({ freshness }) => freshness.snapshotVersion)), new Set([version]));
  answer.forEach((decision, at) => judged(large, questions[at], { answer: decision }));
  await ofLarge.faults();
});

test("`usage`, `explain` and `suggest` are for the origin; without one they are refused", async () => {
  await shop.faults();
  const [bound, alone, lost] = [{ binding: "SHOP" }, {}, { binding: "NOBODY" }].map((more) => fresh(shop, more));
  const denied = { customer: "acme", feature: "custom_domains", at: AT };
  for (const replica of [bound, alone, lost]) await replica("check", denied);
  const { answer } = await bound("check", { ...denied, suggest: true });
  assert.ok(0 < answer.suggestions.length);
  const explained = await bound("check", { ...denied, feature: "sso", explain: true });
  assert.ok(0 < explained.answer.trace.length);
  const usage = [{ origin: "nothing", consumed: 1 }];
  const metered = { customer: "acme", feature: "api_calls", at: AT, consumed: 5 };
  assert.equal((await bound("check", { ...metered, usage })).answer.warnings[0].path, "usage[0]");
  const many = await bound("checkMany", [denied, { ...denied, suggest: true }]);
  assert.deepEqual(many.answer.map(({ suggestions }) => suggestions === undefined), [true, false]);
  for (const [name, value] of Object.entries({ usage, explain: true, suggest: true })) {
    const { thrown } = await alone("check", { ...metered, [name]: value });
    assert.deepEqual([thrown.name, thrown.path], ["QuestionError", name]);
  }
  assert.equal((await lost("check", { ...denied, suggest: true })).answer.reason, "NOT_ENTITLED");
  // What was used is stated by allowance alone, so it is not known here.
  assert.equal((await lost("check", { ...metered, usage })).answer.reason, "USAGE_UNAVAILABLE");
});

test("an older manifest that comes back is refused, and so are those of others and damaged ones", async () => {
  await own.faults();
  const replica = fresh(own);
  const { answer } = await replica("check", sso);
  const held = answer.freshness.snapshotVersion;
  const newest = await stored.get(writer, "manifest");
  const manifest = readManifest(newest);
  const next = { ...manifest, version: held + 100 };
  const refused = {
    older: writeManifest({ ...manifest, version: held - 1 }),
    "of another deployment": writeManifest({ ...next, audience: "elsewhere" }),
    "signed by a stranger": writeManifest(next, "1".repeat(64)),
    "with a wrong signature": Buffer.from(writeManifest(next).toString("latin1").replace(/..$/, (end) => (end === "00" ? "11" : "00")), "latin1"),
    "no manifest": Buffer.from("mym"),
    empty: Buffer.from(""),
  };
  let nRefused = 0;
  for (const [what, bytes] of Object.entries(refused)) {
    await own.faults([{ key: "manifest", kind: "value", value: bytes.toString("base64") }]);
    const { answer: accepted, status } = await replica("refresh");
    assert.equal(accepted, false, what);
    assert.equal(status.version, held, what);
    assert.equal(status.refused, (nRefused += 1), what);
    const after = await replica("check", sso);
    assert.deepEqual([after.isPromise, after.answer.freshness.snapshotVersion], [false, held], what);
  }
  await own.faults();
  const floor = fresh(own, { minVersion: held + 1 });
  assert.deepEqual(about(await floor("check", sso)).slice(0, 2), ["INDETERMINATE", "SNAPSHOT_MISSING"]);
});

test("an object that is not what its name says is not read: the origin answers, or nobody", async () => {
  const manifest = readManifest(await stored.get(writer, "manifest"));
  const shards = manifest.shards.map(({ hash }) => ({ key: `o/${hash}`, kind: "flipped" }));
  for (const faults of [shards, shards.map((one) => ({ ...one, kind: "absent" })), [{ key: `o/${manifest.catalog.hash}`, kind: "flipped" }]]) {
    await own.faults(structuredClone(faults));
    const alone = await fresh(own)("check", sso);
    assert.deepEqual([...about(alone).slice(0, 2), alone.answer.allowed], ["INDETERMINATE", "SNAPSHOT_MISSING", false]);
    assert.ok(0 < alone.errors.length);
    const bound = await fresh(own, { binding: "MAYUSE" })("check", sso);
    assert.equal(judged(small, sso, bound).freshness.source, "ORIGIN");
  }
  await own.faults();
});

test("a newer manifest whose object is lost is not accepted before what is held is stale", async () => {
  for (const [staleAfterMs, clockOff, expected] of [[HOUR, 0, "held"], [HOUR, 2 * HOUR, "newer"]]) {
    await own.faults([], { clockOff: 0 });
    const replica = fresh(own, { staleAfterMs });
    const { answer } = await replica("check", sso);
    const version = await small.subscribe(writer, "cus_2", expected === "held" ? 1 : 0);
    const manifest = await published(writer, small);
    await own.faults(manifest.shards.map(({ hash }) => ({ key: `o/${hash}`, kind: "absent" })), { clockOff });
    await replica("refresh");
    const { status } = await replica("status");
    assert.equal(status.version, expected === "held" ? answer.freshness.snapshotVersion : version);
    await own.faults([], { clockOff });
    judged(small, sso, await replica("check", sso));
  }
  await own.faults([], { clockOff: 0 });
});

test("while the store is down, who is held is answered; others by the origin, the fallback, or the policy", async () => {
  const manifest = await published(writer, small);
  const bytes = await stored.get(writer, "manifest");
  const objects = [];
  for (const hash of objectsOf(manifest)) objects.push(await stored.get(writer, `o/${hash}`));
  const fallback = snapshotFile(bytes, objects).toString("base64");
  await own.faults();
  const held = fresh(own);
  await held("check", sso);
  await own.faults([{ kind: "down" }]);
  assert.equal((await held("check", sso)).answer.freshness.source, "SNAPSHOT");
  const ask = async (more, question = sso) => about(await fresh(own, more)("check", question));
  const v = manifest.version;
  assert.deepEqual(await ask({ binding: "MAYUSE", fallback }), ["ALLOW", "ENABLED", "ORIGIN", v]);
  assert.deepEqual(await ask({ binding: "NOBODY", fallback }), ["ALLOW", "ENABLED", "EMBEDDED", v]);
  assert.deepEqual(await ask({ fallback }), ["ALLOW", "ENABLED", "EMBEDDED", v]);
  assert.deepEqual(await ask({}), ["INDETERMINATE", "SNAPSHOT_MISSING", "SNAPSHOT", null]);
  assert.deepEqual(await ask({ binding: "NOBODY" }), ["INDETERMINATE", "SNAPSHOT_MISSING", "SNAPSHOT", null]);
  const damaged = Buffer.from(fallback, "base64");
  damaged[damaged.length >> 1] ^= 1;
  assert.deepEqual(await ask({ fallback: damaged.toString("base64") }), ["INDETERMINATE", "SNAPSHOT_MISSING", "SNAPSHOT", null]);
  assert.deepEqual(await ask({ fallback, minVersion: v + 1 }), ["INDETERMINATE", "SNAPSHOT_MISSING", "SNAPSHOT", null]);
  for (const [onIndeterminate, allowed] of [[undefined, false], ["DENY", false], ["ALLOW", true]]) {
    const { answer } = await fresh(own, { onIndeterminate })("check", sso);
    assert.equal(answer.allowed, allowed, onIndeterminate);
  }
  const all = await fresh(own, { fallback })("entitlements", { customer: "cus_0" });
  assert.deepEqual(all.answer.map(({ freshness }) => freshness.source), FEATURES.map(() => "EMBEDDED"));
  assert.deepEqual((await fresh(own)("entitlements", { customer: "cus_0" })).answer, []);
  // A store that does not answer is one that is down, after three seconds.
  await own.faults([{ kind: "hangs" }]);
  assert.deepEqual(await ask({ fallback }), ["ALLOW", "ENABLED", "EMBEDDED", v]);
  await own.faults();
});

test("where nothing is published, nothing is invented, and the origin answers", async () => {
  await ofNothing.faults();
  assert.deepEqual(about(await fresh(ofNothing)("check", sso)), ["INDETERMINATE", "SNAPSHOT_MISSING", "SNAPSHOT", null]);
  assert.equal((await fresh(ofNothing, { binding: "MAYUSE" })("check", sso)).answer.freshness.source, "ORIGIN");
});

test("the shards in memory keep to the bound, and every question is answered, aliases too", async () => {
  await ofLarge.faults();
  const keys = large.questions().filter((_, at) => at % 97 === 0);
  for (const maxBytes of [200_000, 1]) {
    const replica = fresh(ofLarge, { maxBytes });
    let most = 0;
    for (const question of keys) {
      const found = await replica("check", question);
      assert.equal(judged(large, question, found).freshness.source, "SNAPSHOT", JSON.stringify(question));
      most = Math.max(most, found.status.bytes);
    }
    // The newest shard stays, however large.
    assert.ok(most <= Math.max(maxBytes, 180_000), `${most} bytes of ${maxBytes}`);
  }
});

test("a customer who is ready is answered without waiting, also when the shard was lost since", async () => {
  await ofLarge.faults();
  const [a, b] = [`${LONG}_0`, `${LONG}_6`];
  const { answer } = await ofLarge.ready(optionsOf(), a, FEATURES);
  const expected = FEATURES.map((feature) => large.mayUse(large.version, a, feature));
  assert.deepEqual(answer.mayUse, expected);
  assert.deepEqual(answer.check.map(({ allowed }) => allowed), expected);
  assert.equal(answer.entitlements.length, FEATURES.length);
  // Some of them are in another shard.
  const others = Array.from({ length: 40 }, (_, n) => `${LONG}_${n * 20 + 1}`);
  const lost = await ofLarge.ready(optionsOf({ maxBytes: 1 }), a, FEATURES, { untilLostTo: others });
  lost.answer.check.forEach(({ decision, reason, allowed }) =>
    assert.deepEqual([decision, reason, allowed], ["INDETERMINATE", "SNAPSHOT_MISSING", false]));
  await ofLarge.faults([{ kind: "down" }]);
  const down = await ofLarge.ready(optionsOf(), b, FEATURES);
  assert.deepEqual(down.answer.mayUse, FEATURES.map(() => false));
  await ofLarge.faults();
});

test("a question that cannot be read is thrown, whether it is answered at once or not", async () => {
  await own.faults();
  for (const replica of [fresh(own), fresh(own, { binding: "MAYUSE" })]) {
    for (const round of ["cold", "warm"]) {
      const { thrown } = await replica("check", { customer: "cus_0", feature: "f0", consumd: 1 });
      assert.deepEqual([thrown?.name, thrown?.code, thrown?.path], ["QuestionError", "UNKNOWN_FIELD", "consumd"], round);
      await replica("check", sso);
    }
  }
});

test("an engine that traps is replaced, and the question is answered", async () => {
  await own.faults();
  const replica = fresh(own);
  await replica("check", sso);
  await own.faults([], { traps: true });
  const found = await replica("check", sso);
  assert.equal(judged(small, sso, found).freshness.source, "SNAPSHOT");
  assert.deepEqual([found.isPromise, found.status.failures, found.status.lastFailure], [true, 1, "unreachable"]);
  assert.equal((await replica("check", sso)).isPromise, false);
  await own.faults([], { traps: true });
  const { answer } = await own.ready(optionsOf({ onIndeterminate: "ALLOW" }), "cus_0", ["f0", "f1"]);
  assert.equal(answer.mayUse.length, 2);
});

test("no answer is torn while versions are published", async () => {
  await own.faults();
  const replica = fresh(own, { refreshMs: 0 });
  let ends = false;
  let nAnswers = 0;
  const versions = new Set();
  const asking = Array.from({ length: 4 }, async (_, k) => {
    for (let at = k; !ends; at += 7) {
      const questions = small.questions();
      const question = questions[at % questions.length];
      const found = await replica("check", question);
      versions.add(judged(small, question, found).freshness.snapshotVersion);
      nAnswers += 1;
    }
  });
  for (let round = 0; round < 24; round++) {
    await small.subscribe(writer, `cus_${round % 5}`, round % 4);
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
  ends = true;
  await Promise.all(asking);
  assert.ok(2 < versions.size && 100 < nAnswers, `${versions.size} versions, ${nAnswers} answers`);
});
