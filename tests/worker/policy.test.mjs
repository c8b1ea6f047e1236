// Nothing that a caller sends makes a yes of a sure no while the catalog can be asked; ages are by the clock, whatever
// instant is asked about; an isolate that was quiet looks before it answers; and each takes its own manifests alone.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { AUDIENCE, JSON_TYPE, start } from "./support.mjs";
import { World, faultyModules, faults, published, reads, statusOf, stored, until } from "./world.mjs";
import { objectsOf, readManifest, snapshotFile, writeManifest } from "./manifest.mjs";

const parts = faultyModules();
const silent = { HEARTBEAT_S: "86400", STALE_AFTER_S: "86400", SNAPSHOT_GRACE_S: "86400" };
const still = { ...silent, REFRESH_MS: "86400000" };
const CATALOG_DOWN = [{ call: "fetch", key: "catalog", kind: "down" }];
const DOWN = [...CATALOG_DOWN, { call: "get", key: "", kind: "down" }];
const POLICIES = { f0: undefined, f1: "ALLOW", f2: "DENY" };
const policy = (of) => of && { on_indeterminate: of };
/** Whoever has no plan may use nothing, surely. */
const world = new World([["cus_none", null], ["cus_some", 0]], { f1: policy("ALLOW"), f2: policy("DENY") });
const beating = World.of(8);

const groups = [];
async function begin(...options) {
  const started = await start(...options);
  groups.push(started);
  return started.workers;
}
after(() => Promise.all(groups.map(({ stop }) => stop())));

let writer;
let reader;
let lively;
let quiet;
let manifest;

before(async () => {
  const of = (snapshots, bindings, more) => ({ catalog: null, snapshots, parts, bindings, ...more });
  [writer, reader, lively, quiet] = await begin(
    of("policy", silent),
    of("policy", still, { writer: 0 }),
    of("quiet", silent),
    of("quiet", { ...silent, HEARTBEAT_S: "1", REFRESH_MS: "400" }, { writer: 2 }),
  );
  for (const [to, of] of [[writer, world], [lively, beating]]) {
    await of.putAll(to);
    await published(to, of);
  }
  manifest = readManifest(await stored.get(writer, "manifest"));
  await reads(reader, world);
});

/** The four ways to ask the same. */
const ways = {
  GET: async (worker, question) => {
    const { text } = await worker.send("GET", `/v1/check?${new URLSearchParams(question)}`);
    return JSON.parse(text);
  },
  POST: async (worker, question) => {
    const { text } = await worker.send("POST", "/v1/check", { body: JSON.stringify(question), headers: JSON_TYPE });
    return JSON.parse(text);
  },
  batch: async (worker, question) => {
    const sent = { body: JSON.stringify({ questions: [question] }), headers: JSON_TYPE };
    return JSON.parse((await worker.send("POST", "/v1/check/batch", sent)).text).results[0];
  },
  all: async (worker, { customer, feature, ...more }) => {
    const path = `/v1/customers/${customer}/entitlements?${new URLSearchParams(more)}`;
    const { data } = JSON.parse((await worker.send("GET", path)).text);
    return data.find((decision) => decision.feature.code === feature);
  },
};

const LIMITS = [
  [{}, null],
  [{ min_version: 999_999_999 }, "SNAPSHOT_BEHIND"],
  [{ max_age_ms: 0 }, "SNAPSHOT_EXPIRED"],
  [{ max_age_ms: 1 }, "SNAPSHOT_EXPIRED"],
];

for (const isUp of [true, false]) {
  test(`a sure no stays one, with the catalog ${isUp ? "there" : "down"}`, async () => {
    await faults(reader, isUp ? [] : CATALOG_DOWN);
    const { version } = world;
    for (const [feature, ofFeature] of Object.entries(POLICIES)) {
      for (const ofQuestion of [undefined, "ALLOW", "DENY"]) {
        for (const [limit, reason] of LIMITS) {
          for (const at of [{}, { at: "2026-11-20T12:00:00Z" }, { at: "9998-01-01" }]) {
            for (const [way, ask] of Object.entries(ways)) {
              const question = { customer: "cus_none", feature, ...limit, ...at, ...policy(ofQuestion) };
              const { allowed, reason: found, freshness } = await ask(reader, question);
              const spoken = [ofFeature, ofQuestion].filter(Boolean);
              const isUnsaid = reason !== null && !isUp;
              const isYes = isUnsaid && spoken.length > 0 && !spoken.includes("DENY");
              const source = reason !== null && isUp ? "ORIGIN" : "SNAPSHOT";
              assert.deepEqual(
                [allowed, found, freshness.source, freshness.snapshot_version],
                [isYes, isUnsaid ? reason : "NO_ACTIVE_SUBSCRIPTION", source, version],
                `${way} ${JSON.stringify(question)}`,
              );
            }
          }
        }
      }
    }
    await faults(reader);
  });
}

/** A file of what is published, as of that many milliseconds ago, with no limits in it. */
async function fileOf(ago, more = {}) {
  const generatedAt = Date.now() - ago;
  const objects = await Promise.all(objectsOf(manifest).map((hash) => stored.get(writer, `o/${hash}`)));
  return snapshotFile(writeManifest({ ...manifest, generatedAt, policies: [0, 0, 0], ...more }), objects);
}

test("a reader's own limits hold for what was deployed with it, whatever instant is asked about", async () => {
  const HALF_A_YEAR = 183 * 24 * 3_600_000;
  const modules = faultyModules(await fileOf(HALF_A_YEAR));
  const own = (more) => ({ catalog: null, snapshots: "embedded", parts: modules, bindings: { HEARTBEAT_S: "60", ...more } });
  const [plain, strict] = await begin(own(), { ...own({ MAX_AGE_S: "3600" }), snapshots: "strict" });
  for (const worker of [plain, strict]) {
    await faults(worker, DOWN);
    for (const at of [{}, { at: new Date(Date.now() - HALF_A_YEAR).toISOString() }, { at: "9998-01-01" }]) {
      for (const [way, ask] of Object.entries(ways)) {
        const decision = await ask(worker, { customer: "cus_some", feature: "f0", ...at });
        const expected = worker === plain ? [true, "ENABLED"] : [false, "SNAPSHOT_EXPIRED"];
        assert.deepEqual([decision.allowed, decision.reason], expected, `${way} ${JSON.stringify(at)}`);
        const { source, stale, age_ms: age } = decision.freshness;
        assert.deepEqual([source, stale, age >= HALF_A_YEAR], ["EMBEDDED", true, true], JSON.stringify(decision));
      }
    }
  }
});

test("an isolate that was quiet looks for a newer version before it answers", async () => {
  for (let round = 0; round < 3; round += 1) {
    await reads(quiet, beating);
    await beating.subscribe(lively, "cus_0", round % 2 === 0 ? 3 : 0);
    await published(lively, beating);
    await sleep(1_100);
    const [question] = beating.questions();
    // Many at once wait for it alike.
    const decisions = await Promise.all(Array.from({ length: 8 }, () => beating.ask(quiet, question)));
    const versions = decisions.map(({ freshness }) => freshness.snapshot_version);
    assert.deepEqual(versions, Array(8).fill(beating.version));
  }
});

test("where the store does not answer, a quiet isolate goes on with what it holds", async () => {
  await reads(quiet, beating);
  await sleep(1_100);
  await faults(quiet, [{ call: "get", key: "manifest", kind: "hangs" }]);
  const [question] = beating.questions();
  const { freshness } = await beating.ask(quiet, question);
  assert.deepEqual([freshness.source, freshness.snapshot_version], ["SNAPSHOT", beating.version]);
  await faults(quiet);
});

test("a reader takes only what is for its deployment", async () => {
  const of = (snapshots, more, modules = parts) =>
    ({ catalog: null, snapshots, parts: modules, bindings: { ...silent, REFRESH_MS: "0", ...more } });
  const file = faultyModules(await fileOf(0));
  const [other, unset, embedded] = await begin(
    of("policy-other", { SNAPSHOT_AUDIENCE: "other" }),
    of("policy-unset", { SNAPSHOT_AUDIENCE: undefined }),
    of("policy-embedded", { SNAPSHOT_AUDIENCE: "other" }, file),
  );
  const one = { customer: "cus_some", feature: "f0" };
  const foreign = { ...manifest, generatedAt: Date.now() };
  for (const [worker, audience] of [[other, "other"], [unset, (await statusOf(unset)).audience]]) {
    for (const found of [AUDIENCE, "", undefined]) {
      const body = writeManifest({ ...foreign, audience: found });
      for (const hash of objectsOf(manifest)) {
        await stored.put(worker, `o/${hash}`, await stored.get(writer, `o/${hash}`));
      }
      await stored.put(worker, "manifest", body);
      const decision = await ways.GET(worker, one);
      assert.equal(decision.reason, "SNAPSHOT_MISSING", JSON.stringify(decision));
      const status = await statusOf(worker);
      assert.equal(status.snapshot_version, null);
      assert.ok(status.last_failure.includes(`here is ${audience}: build it with --audience ${audience}`), status.last_failure);
      const put = await worker.send("PUT", "/v1/snapshot/manifest", { body });
      assert.equal(put.status, 400, put.text);
      assert.ok(put.text.includes(`--audience ${audience}`), put.text);
    }
    await stored.put(worker, "manifest", writeManifest({ ...foreign, audience }));
    await until(async () => (await ways.GET(worker, one)).freshness.source === "SNAPSHOT", "its own is taken");
  }
  // Its store has nothing.
  await faults(embedded, CATALOG_DOWN);
  assert.equal((await ways.GET(embedded, one)).reason, "SNAPSHOT_MISSING");
  assert.match((await statusOf(embedded)).last_failure, /for the audience tests, and here is other/);
});

test("without a name of its own, a deployment is called as its catalog", async () => {
  const own = { catalog: null, parts, bindings: { ...silent, SNAPSHOT_AUDIENCE: undefined } };
  const [one, two] = await begin({ ...own, snapshots: "one" }, { ...own, snapshots: "two" });
  const names = [];
  for (const worker of [one, two]) {
    const small = World.of(3);
    await small.putAll(worker);
    const { audience } = await published(worker, small);
    assert.match(audience, /^[0-9a-f]{64}$/);
    assert.equal((await statusOf(worker)).audience, audience);
    await reads(worker, small);
    names.push(audience);
  }
  assert.notEqual(names[0], names[1]);
});
