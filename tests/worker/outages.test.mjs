// What is answered while nobody can be asked, how old an answer may be, and what the store is read for at all.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { JSON_TYPE, start } from "./support.mjs";
import { FEATURES, World, calls, faultyModules, faults } from "./world.mjs";
import { manifestIn, published, statusOf, stored, until } from "./world.mjs";
import { objectsOf, readManifest, sha256, snapshotFile } from "./manifest.mjs";

const DOWN = [{ call: "get", kind: "down" }, { call: "fetch", kind: "down" }];
const CATALOG_DOWN = DOWN.slice(1);
/** Long names take many shards, and so do not take many customers. */
const LONG = `cus_${"x".repeat(100)}`;
const N_LONG = 2_400;
const LONG_0 = `${LONG}_0`;
/** Two shards fit, and not three. */
const FEW_BYTES = 200_000;
const one = { customer: "cus_0", feature: "f0" };

const small = World.of(40, "cus");
/** Two features are never fresh enough. */
const strict = new World([["cus_0", 0]], { f1: { max_age_ms: 1 }, f2: { max_age_ms: 1, on_indeterminate: "DENY" } });
/** All of it is too old after a second, and then everybody may use one feature. */
const aged = new World([["cus_0", 0]], { f3: { on_indeterminate: "ALLOW" } });
const large = World.of(N_LONG, LONG);
const stale = World.of(700, LONG);
/** Beside the writers' own answers, what each file of a fallback holds. */
let file;
let versionOfFile;

const silent = { HEARTBEAT_S: "86400", STALE_AFTER_S: "86400", SNAPSHOT_GRACE_S: "86400" };
const parts = faultyModules();
const writerOf = (snapshots, more) => ({ catalog: null, snapshots, parts, bindings: { ...silent, ...more } });
const readerOf = (snapshots, writer, more) => ({ ...writerOf(snapshots, { REFRESH_MS: "86400000", ...more }), writer });

const groups = [];

/** Starts some Workers, the first few of them writers. */
async function begin(...options) {
  const started = await start(...options);
  groups.push(started);
  return started.workers;
}
after(() => Promise.all(groups.map(({ stop }) => stop())));

let writer;
let readers;
let largeWriter;
let largeReaders;

before(async () => {
  const all = await begin(
    writerOf("small"),
    writerOf("strict", { ON_INDETERMINATE: "ALLOW" }),
    writerOf("large"),
    writerOf("aged", { MAX_AGE_S: "1" }),
    writerOf("stale", { STALE_AFTER_S: "1" }),
    ...["quiet", "behind", "nothing"].map(() => readerOf("small", 0)),
    readerOf("small", 0, { ON_INDETERMINATE: "ALLOW" }),
    readerOf("strict", 1),
    readerOf("aged", 3),
    ...["all at once", "one part"].map(() => readerOf("large", 2)),
    readerOf("large", 2, { REPLICA_BYTES: `${FEW_BYTES}` }),
    readerOf("large", 2, { REPLICA_BYTES: "1" }),
    readerOf("stale", 4, { REFRESH_MS: "0" }),
  );
  const writers = all.slice(0, 5);
  [writer, , largeWriter] = writers;
  const [quiet, behind, nothing, allowing, ofFeature, ofDeployment, whole, part, few, least, last] = all.slice(5);
  readers = { quiet, behind, nothing, allowing, ofFeature, ofDeployment };
  readers.stale = { world: stale, worker: last, from: writers[4] };
  largeReaders = { whole, part, few, least };
  const worlds = [small, strict, large, aged, stale];
  await Promise.all(worlds.map((world, n) => world.putAll(writers[n])));
  await Promise.all(worlds.map((world, n) => published(writers[n], world)));
  const manifest = await stored.get(writer, "manifest");
  const objects = objectsOf(readManifest(manifest)).map((hash) => stored.get(writer, `o/${hash}`));
  file = snapshotFile(manifest, await Promise.all(objects));
  versionOfFile = small.version;
});

const isOf = (source) => (decisions) => decisions.every(({ freshness }) => freshness.source === source);

/** What it comes to where it cannot be said, and why. */
const verdict = ({ decision, reason, allowed }) => [decision, reason, allowed];

test("a check of a customer who is held does no I/O at all", async () => {
  const worker = readers.quiet;
  assert.ok(isOf("SNAPSHOT")(await small.askAll(worker)));
  await faults(worker);
  const keys = ["cus_0", "cus_alias_0", "cus_6", "nobody"];
  for (let n = 0; n < 100; n += 1) {
    const question = { customer: keys[n % keys.length], feature: FEATURES[n % 3] };
    const body = JSON.stringify(question);
    const posted = await worker.send("POST", "/v1/check", { body, headers: JSON_TYPE });
    small.judge(JSON.parse(posted.text), question);
    assert.equal((await small.ask(worker, question)).freshness.source, "SNAPSHOT");
    assert.ok(isOf("SNAPSHOT")(await small.askAll(worker, [question, { ...question, feature: "f3" }])));
    const path = `/v1/customers/${question.customer}/entitlements`;
    const { data } = JSON.parse((await worker.send("GET", path)).text);
    data.forEach((decision, at) => small.judge(decision, { ...question, feature: FEATURES[at] }));
    assert.equal(data.length, FEATURES.length);
  }
  assert.deepEqual(await calls(worker), []);
});

test("a batch reads each shard once", async () => {
  const { shards } = await manifestIn(largeWriter);
  assert.ok(shards.length >= 8, `${shards.length} shards`);
  const questions = large.questions();
  const spread = Array.from({ length: 1_000 }, (_, n) => questions[(n * 7919) % questions.length]);
  await faults(largeReaders.whole);
  assert.ok(isOf("SNAPSHOT")(await large.askAll(largeReaders.whole, spread)));
  const reads = (await calls(largeReaders.whole)).filter((call) => call.startsWith("get o/"));
  assert.equal(new Set(reads).size, reads.length, "none is read twice");
  assert.equal(reads.length, shards.length + 1, "each shard, and the catalog object");
});

test("an isolate with little memory answers everything, and holds no more than it may", async () => {
  const { shards } = await manifestIn(largeWriter);
  const largest = Math.max(...shards.map(({ size }) => size));
  const n = shards.reduce((total, { size }) => total + size, 0);
  assert.ok(2 * largest < FEW_BYTES && 2 * FEW_BYTES < n, `${largest} ${n}`);
  const questions = large.questions().filter((_, at) => at % 5 === 0);
  // An alias leads to another shard, for which there is no room beside its own where there is room for one.
  assert.ok(questions.some(({ customer: key }) => key.includes("alias")));
  for (const [worker, limit] of [[largeReaders.few, FEW_BYTES], [largeReaders.least, largest]]) {
    for (let from = 0; from < questions.length; from += 100) {
      const some = questions.slice(from, from + 100);
      await faults(worker);
      assert.ok(isOf("SNAPSHOT")(await large.askAll(worker, some)));
      const nReads = (await calls(worker)).filter((call) => call.startsWith("get o/")).length;
      assert.ok(nReads <= 2 * some.length, `${nReads} reads for ${some.length} questions`);
      const { bytes_held: held, shards_held: nHeld } = await statusOf(worker);
      // A shard takes a little more than its bytes, and an eighth for the holdings of its customers. The newest stays.
      assert.ok(0 < held && held <= Math.max(limit, largest * 1.125) + 1_024, `${held} bytes in ${nHeld} shards, of ${limit}`);
    }
  }
});

test("one shard that never comes keeps nobody from all else that is newer, once what is held is stale", async () => {
  const { world, worker, from } = readers.stale;
  assert.ok(isOf("SNAPSHOT")(await world.askAll(worker)));
  const before = await manifestIn(from);
  await world.subscribe(from, LONG_0, 1);
  const { shards } = await published(from, world);
  const gone = shards.filter(({ hash }, n) => hash !== before.shards[n]?.hash);
  assert.ok(gone.length === 1 && shards.length > 1, `${gone.length} of ${shards.length}`);
  await faults(worker, [{ call: "get", key: `o/${gone[0].hash}`, kind: "flipped" }]);
  const isTaken = async () => (await statusOf(worker)).snapshot_version === world.version;
  await until(isTaken, "the newest version is taken");
  const sources = {};
  for (const id of [...world.people.keys()].slice(0, 20)) {
    const { source, snapshot_version: version } = (await world.ask(worker, { customer: id, feature: "f0" })).freshness;
    sources[source] = (sources[source] ?? 0) + 1;
    assert.equal(version, world.version);
  }
  assert.deepEqual(Object.keys(sources).sort(), ["ORIGIN", "SNAPSHOT"]);
  await faults(worker);
  await until(async () => isOf("SNAPSHOT")(await world.askAll(worker)), "all of it is there");
});

test("who is not held while everything is down is not answered for", async () => {
  const worker = largeReaders.part;
  const [held, ...others] = large.questions().filter(({ feature: code }) => code === "f0");
  assert.equal((await large.ask(worker, held)).freshness.source, "SNAPSHOT");
  await faults(worker, DOWN);
  const decisions = await large.askAll(worker, [held, ...others.slice(0, 300)]);
  assert.equal(decisions[0].freshness.source, "SNAPSHOT");
  const unsaid = decisions.filter(({ decision }) => decision === "INDETERMINATE");
  assert.ok(unsaid.length > 200, `${unsaid.length}`);
  unsaid.forEach((decision) => assert.deepEqual(verdict(decision), ["INDETERMINATE", "SNAPSHOT_MISSING", false]));
});

test("with nothing held and everything down, the question or else the deployment says what it comes to", async () => {
  for (const [worker, otherwise] of [[readers.nothing, false], [readers.allowing, true]]) {
    await faults(worker, DOWN);
    for (const [policy, allowed] of [[undefined, otherwise], ["DENY", false], ["ALLOW", true]]) {
      const query = new URLSearchParams({ ...one, ...(policy && { on_indeterminate: policy }) });
      const { status, text } = await worker.send("GET", `/v1/check?${query}`);
      assert.deepEqual([status, ...verdict(JSON.parse(text))], [200, "INDETERMINATE", "SNAPSHOT_MISSING", allowed]);
    }
  }
});

test("who wants a newer version than anybody has is told so, and never no", async () => {
  const worker = readers.behind;
  await small.askAll(worker);
  const wanted = { ...one, min_version: small.version + 1 };
  const never = ["INDETERMINATE", "SNAPSHOT_BEHIND", false];
  await faults(worker);
  // The catalog itself is the present: it answers whatever is wanted.
  const present = await small.ask(worker, wanted);
  assert.deepEqual([present.freshness.source, present.freshness.snapshot_version], ["ORIGIN", small.version]);
  assert.deepEqual((await calls(worker)).filter((call) => call === "fetch catalog").length, 1, "it was asked once");
  await faults(worker, CATALOG_DOWN);
  for (const question of [wanted, { ...wanted, feature: "f3" }, { ...wanted, customer: "nobody" }]) {
    assert.deepEqual(verdict(await small.ask(worker, question)), never);
    assert.deepEqual((await small.askAll(worker, [question])).map(verdict), [never]);
  }
  // Once it is written, the catalog itself says so, and without it nobody does.
  const before = small.version;
  await small.subscribe(writer, "cus_0", 1);
  await faults(worker);
  const now = await small.ask(worker, wanted);
  const { source, snapshot_version: version } = now.freshness;
  assert.deepEqual([source, version, now.decision], ["ORIGIN", before + 1, "DENY"]);
  await faults(worker, CATALOG_DOWN);
  assert.deepEqual(verdict(await small.ask(worker, wanted)), never);
  // Who does not want it has the one that is held.
  assert.equal((await small.ask(worker, one)).freshness.snapshot_version, before);
});

test("what was deployed with the program answers last, says so, and never for something newer that was held", async () => {
  const { people, version } = small;
  await published(writer, small);
  assert.ok(versionOfFile < version);
  const modules = faultyModules(file);
  const own = { ...readerOf("own"), parts: modules };
  const damaged = { ...own, parts: faultyModules(Buffer.from(file).fill(0x30, file.length - 100)) };
  const bounded = { ...own, bindings: { ...own.bindings, MIN_VERSION: `${versionOfFile + 1}` } };
  const [embedded, newer, spoilt, choosy] = await begin(own, { ...own, snapshots: "newer" }, damaged, bounded);
  // Nothing is in their stores, and their catalogs are down.
  for (const worker of [embedded, spoilt, choosy]) {
    await faults(worker, DOWN);
  }
  const decisions = await small.askAll(embedded, small.questions());
  assert.ok(isOf("EMBEDDED")(decisions));
  assert.ok(decisions.every(({ freshness }) => freshness.snapshot_version === versionOfFile));
  assert.ok(decisions.some(({ allowed }) => allowed));
  const behind = { ...one, min_version: versionOfFile + 1 };
  assert.deepEqual(verdict(await small.ask(embedded, behind)), ["INDETERMINATE", "SNAPSHOT_BEHIND", false]);
  const old = await small.ask(embedded, { ...one, max_age_ms: 1 });
  assert.deepEqual(verdict(old), ["INDETERMINATE", "SNAPSHOT_EXPIRED", false]);
  for (const worker of [spoilt, choosy]) {
    assert.deepEqual(verdict(await small.ask(worker, one)), ["INDETERMINATE", "SNAPSHOT_MISSING", false]);
  }

  // This one reads a newer manifest, of which it never gets a shard.
  const manifest = await stored.get(writer, "manifest");
  const [catalog] = objectsOf(readManifest(manifest));
  await stored.put(newer, "manifest", manifest);
  const body = await stored.get(writer, `o/${catalog}`);
  assert.equal(sha256(body), catalog);
  await stored.put(newer, `o/${catalog}`, body);
  await faults(newer, CATALOG_DOWN);
  for (const id of [...people.keys()].slice(0, 5)) {
    const decision = await small.ask(newer, { customer: id, feature: "f0" });
    assert.deepEqual(verdict(decision), ["INDETERMINATE", "SNAPSHOT_MISSING", false]);
    assert.deepEqual([decision.freshness.source, decision.freshness.snapshot_version], ["SNAPSHOT", version]);
  }
});

test("an answer is too old by what the question, the feature or the deployment says", async () => {
  const ask = async (worker, more) => {
    const query = new URLSearchParams({ customer: "cus_0", ...more });
    return JSON.parse((await worker.send("GET", `/v1/check?${query}`)).text);
  };
  const expired = async (worker, question, allowed) =>
    assert.deepEqual(verdict(await ask(worker, question)), ["INDETERMINATE", "SNAPSHOT_EXPIRED", allowed]);
  // The deployment: not yet, and then too old, so that the catalog itself is asked, and is down.
  const { ofDeployment, ofFeature, quiet } = readers;
  await faults(ofDeployment, CATALOG_DOWN);
  await until(async () => (await ask(ofDeployment, { feature: "f0" })).freshness.age_ms > 1_000, "it is too old");
  await expired(ofDeployment, { feature: "f0" }, false);
  await expired(ofDeployment, { feature: "f3" }, true);
  await expired(ofDeployment, { feature: "f0", on_indeterminate: "ALLOW" }, true);
  await expired(ofDeployment, { feature: "f3", on_indeterminate: "DENY" }, false);
  // Asking for less does not make it younger.
  await expired(ofDeployment, { feature: "f0", max_age_ms: "9999999" }, false);
  // The feature.
  assert.deepEqual(verdict(await ask(ofFeature, { feature: "f0" })), ["ALLOW", "ENABLED", true]);
  await faults(ofFeature, CATALOG_DOWN);
  await expired(ofFeature, { feature: "f1" }, true);
  await expired(ofFeature, { feature: "f2" }, false);
  await expired(ofFeature, { feature: "f2", on_indeterminate: "ALLOW" }, false);
  await expired(ofFeature, { feature: "f1", max_age_ms: "9999999" }, true);
  // The question.
  assert.notEqual((await ask(quiet, { feature: "f0" })).decision, "INDETERMINATE");
  await faults(quiet, CATALOG_DOWN);
  await expired(quiet, { feature: "f0", max_age_ms: "1" }, false);
  await expired(quiet, { feature: "f0", max_age_ms: "1", on_indeterminate: "ALLOW" }, true);
});
