// The store of snapshots fails in every way it can. Whatever it gives, nobody hears a yes or a no that is not that of
// the version which the answer names, and no isolate goes back to an older version.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { start } from "./support.mjs";
import { World, calls, faultyModules, faults, manifestIn, published, reads, statusOf, stored, until } from "./world.mjs";
import { objectsOf, readManifest, writeManifest } from "./manifest.mjs";

const parts = faultyModules();
const OTHER_SECRET = "11".repeat(32);
const one = { customer: "cus_0", feature: "f0" };
const get = (kind, key = "", more = {}) => ({ call: "get", key, kind, ...more });

const folder = mkdtempSync(join(tmpdir(), "mayuse-faults-"));
const world = World.of(40);
const unread = "cold outage slow early missing spoilt forged swapped clock alone limited".split(" ");
let started;
let writer;
/** Isolates that read what one other writes; none has read anything yet. */
const readers = {};

// The writer is silent unless something is written, and readers look again at every question.
const settings = { HEARTBEAT_S: "86400", STALE_AFTER_S: "86400", SNAPSHOT_GRACE_S: "86400" };
const reader = { catalog: null, snapshots: "faults", writer: 0, parts, bindings: { ...settings, REFRESH_MS: "0" } };
const all = () => [
  { catalog: null, snapshots: "faults", parts, bindings: settings, persist: folder },
  ...unread.map((name) =>
    name === "limited" ? { ...reader, limits: { RATE_LIMIT_STANDARD: { simple: { limit: 5, period: 10 } } } } : reader,
  ),
];

async function begin() {
  started = await start(...all());
  writer = started.worker;
  unread.forEach((name, n) => (readers[name] = started.workers[n + 1]));
}

before(async () => {
  await begin();
  await world.putAll(writer);
  await published(writer, world);
});
after(async () => {
  await started.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Asks everything, and gives from where and from which version all of it was answered. */
async function sources(worker) {
  const decisions = await world.askAll(worker);
  const of = (read) => [...new Set(decisions.map(read))].join(" ");
  return `${of(({ freshness }) => freshness.source)} ${of(({ freshness }) => freshness.snapshot_version)}`;
}

/** Another version, in which other people have other plans. */
async function upgrade() {
  const [id, { plan }] = [...world.people][world.version % world.people.size];
  await world.subscribe(writer, id, plan === 0 ? 1 : 0);
  return published(writer, world);
}

test("a new isolate that cannot read the store asks the catalog itself", async () => {
  await faults(readers.cold, [get("down")]);
  assert.equal(await sources(readers.cold), `ORIGIN ${world.version}`);
  assert.match((await statusOf(readers.cold)).last_failure, /the binding is down/);
  await faults(readers.cold);
  await reads(readers.cold, world);
});

test("one that holds a version goes on with it while the store is down, and finds the next one after", async () => {
  const worker = readers.outage;
  await reads(worker, world);
  const held = world.version;
  await faults(worker, [get("down")]);
  await upgrade();
  for (let round = 0; round < 5; round += 1) {
    assert.equal(await sources(worker), `SNAPSHOT ${held}`);
  }
  assert.ok((await statusOf(worker)).failures > 0);
  await faults(worker);
  await reads(worker, world);
});

test("nobody waits for a store that is slow longer than a few seconds", async () => {
  await faults(readers.slow, [get("hangs")]);
  const began = Date.now();
  const decision = await world.ask(readers.slow, one);
  assert.equal(decision.freshness.source, "ORIGIN");
  const took = Date.now() - began;
  assert.ok(2_500 < took && took < 20_000, `${took} ms`);
  await faults(readers.slow);
  await reads(readers.slow, world);
  // Once it holds one, nobody waits at all: a minute is longer than the store hangs.
  await faults(readers.slow, [get("hangs")]);
  assert.equal(await sources(readers.slow), `SNAPSHOT ${world.version}`);
  await faults(readers.slow);
});

test("an older manifest that comes back is refused and counted", async () => {
  const worker = readers.outage;
  const older = await stored.get(writer, "manifest");
  await upgrade();
  await reads(worker, world);
  const before = (await statusOf(worker)).manifests_refused;
  // As a place does to which the newer one did not come yet, and as somebody does who wants an upgrade undone.
  await faults(worker, [get("value", "manifest", { value: older.toString("base64") })]);
  assert.equal(await sources(worker), `SNAPSHOT ${world.version}`);
  await until(async () => (await statusOf(worker)).manifests_refused > before, "it is counted");
  await faults(worker);
  const newest = await stored.get(writer, "manifest");
  await stored.put(writer, "manifest", older);
  const counted = (await statusOf(worker)).manifests_refused;
  assert.equal(await sources(worker), `SNAPSHOT ${world.version}`);
  await until(async () => (await statusOf(worker)).manifests_refused > counted, "it is counted");
  assert.equal((await statusOf(worker)).snapshot_version, world.version);
  await stored.put(writer, "manifest", newest);
});

test("a manifest whose objects are not there yet waits for them", async () => {
  const worker = readers.early;
  await reads(worker, world);
  const held = world.version;
  await faults(worker, [get("absent", "o/")]);
  await upgrade();
  for (let round = 0; round < 3; round += 1) {
    assert.equal(await sources(worker), `SNAPSHOT ${held}`);
  }
  assert.match((await until(() => statusOf(worker), "")).last_failure, /is not there/);
  await faults(worker);
  await reads(worker, world);
});

test("a new isolate that misses objects asks the catalog itself, and else says that it cannot say", async () => {
  const worker = readers.missing;
  const [catalog, shard] = objectsOf(await manifestIn(writer));
  for (const hash of [catalog, shard]) {
    await faults(worker, [get("absent", `o/${hash}`)]);
    assert.equal(await sources(worker), `ORIGIN ${world.version}`);
    await faults(worker, [get("absent", `o/${hash}`), { call: "fetch", kind: "down" }]);
    const decision = await world.ask(worker, one);
    assert.deepEqual([decision.decision, decision.reason], ["INDETERMINATE", "SNAPSHOT_MISSING"]);
  }
  await faults(worker);
  await reads(worker, world);
});

test("an object that is not what its name says is not read", async () => {
  const worker = readers.spoilt;
  const [catalog, shard] = objectsOf(await manifestIn(writer));
  for (const hash of [catalog, shard]) {
    for (const kind of ["flipped", "short", "wild", "empty"]) {
      await faults(worker, [get(kind, `o/${hash}`)]);
      assert.equal(await sources(worker), `ORIGIN ${world.version}`, kind);
      assert.match((await statusOf(worker)).last_failure, /is damaged/);
      await faults(worker, [get(kind, `o/${hash}`), { call: "fetch", kind: "down" }]);
      const { decision, reason } = await world.ask(worker, one);
      // Without the catalog object there is no manifest held, which is what is missing then.
      const expected = hash === shard ? "SNAPSHOT_INVALID" : "SNAPSHOT_MISSING";
      assert.deepEqual([decision, reason], ["INDETERMINATE", expected], kind);
    }
  }
  await faults(worker);
  await reads(worker, world);
});

test("a manifest that is damaged or that nobody trusted signed is refused, and the one held serves on", async () => {
  const worker = readers.forged;
  const bytes = await stored.get(writer, "manifest");
  const signed = readManifest(bytes);
  const newer = { ...signed, version: signed.version + 1_000 };
  const forged = writeManifest(newer, OTHER_SECRET);
  const wrong = Buffer.from(writeManifest(newer));
  wrong[wrong.length - 1] = wrong.at(-1) === 0x30 ? 0x31 : 0x30;
  const of = {
    "a signature of something else": Buffer.concat([writeManifest(newer).subarray(0, -128), bytes.subarray(-128)]),
    "a wrong digit": wrong,
    "another key": forged,
    "another key under the name of ours": Buffer.concat([writeManifest(newer).subarray(0, -128), forged.subarray(-128)]),
  };
  const damaged = {
    "half of it": bytes.subarray(0, bytes.length >> 1),
    nothing: Buffer.alloc(0),
    "not text": Buffer.from(bytes).fill(0xff, 3, 9),
    "something else": Buffer.from("<html>429 Too Many Requests</html>"),
    "a later format": Buffer.concat([Buffer.from("mym\x03"), bytes.subarray(4)]),
  };
  for (const isHeld of [false, true]) {
    for (const [name, value] of [...Object.entries(of), ...Object.entries(damaged)]) {
      await faults(worker, [get("value", "manifest", { value: value.toString("base64") })]);
      const before = await statusOf(worker);
      const source = isHeld ? "SNAPSHOT" : "ORIGIN";
      assert.equal(await sources(worker), `${source} ${signed.version}`, name);
      const seen = ({ failures, manifests_refused: refused }) =>
        failures > before.failures && (name in damaged || refused > before.manifests_refused);
      await until(async () => seen(await statusOf(worker)), `${name} is counted`);
    }
    await faults(worker);
    await reads(worker, world);
  }
});

test("a manifest that is swapped while it is loaded gives one version or the other", async () => {
  const worker = readers.swapped;
  const older = await stored.get(writer, "manifest");
  await upgrade();
  const newer = await stored.get(writer, "manifest");
  await stored.put(writer, "manifest", older);
  const swap = { puts: { manifest: newer.toString("base64") } };
  // Between the manifest and the catalog object, and between that and the shard.
  await faults(worker, [get("first", "o/", { ...swap, times: 1 })]);
  assert.equal(await sources(worker), `SNAPSHOT ${world.version - 1}`);
  await reads(worker, world);
  // The older one's shard is taken away as well: it was replaced while nobody looked.
  const [, gone] = objectsOf(readManifest(newer));
  await upgrade();
  const newest = await stored.get(writer, "manifest");
  await stored.put(writer, "manifest", newer);
  const body = await stored.get(writer, `o/${gone}`);
  const swapped = { puts: { manifest: newest.toString("base64") }, deletes: [`o/${gone}`] };
  await faults(readers.clock, [get("first", `o/${gone}`, { ...swapped, times: 1 })]);
  assert.equal(await sources(readers.clock), `ORIGIN ${world.version}`);
  await reads(readers.clock, world);
  await stored.put(writer, `o/${gone}`, body);
});

test("a clock that goes backward neither stops readers nor the writer", async () => {
  const worker = readers.clock;
  for (const clockOff of [-3_600_000, -7_200_000, 0, -3_600_000, 0]) {
    await faults(worker, [], clockOff);
    await faults(writer, [], clockOff);
    await upgrade();
    await reads(worker, world);
    const { age_ms: age } = (await world.ask(worker, one)).freshness;
    assert.ok(0 <= age, `${age}`);
  }
  // One whose clock is behind the writer's thinks nothing of it.
  await faults(worker, [], -3_600_000);
  await upgrade();
  await reads(worker, world);
  await faults(worker);
});

test("while the catalog is down what is in the store is answered, and writes are refused", async () => {
  const worker = readers.alone;
  await faults(worker, [{ call: "fetch", kind: "down" }]);
  assert.equal(await sources(worker), `SNAPSHOT ${world.version}`);
  const { status } = await worker.send("PUT", "/v1/catalog/customers/cus_0", { body: "{}" });
  assert.equal(status, 503);
  // Not even while the store is down as well.
  await faults(worker, [{ call: "fetch", kind: "down" }, get("down")]);
  assert.equal(await sources(worker), `SNAPSHOT ${world.version}`);
  assert.ok((await calls(worker)).every((call) => call !== "fetch catalog"));
});

test("a limiter that is down lets everybody in", async () => {
  await faults(readers.limited, [{ call: "limit", kind: "down" }, get("down")]);
  for (let n = 0; n < 8; n += 1) {
    assert.equal((await world.ask(readers.limited, { ...one, min_version: 1 })).freshness.source, "ORIGIN");
  }
});

test("evicted and begun anew, an isolate answers from the store and nowhere else", async () => {
  await started.stop();
  await begin();
  await faults(readers.cold, [{ call: "fetch", kind: "down" }]);
  assert.equal(await sources(readers.cold), `SNAPSHOT ${world.version}`);
  // The catalog goes on from where it was.
  await upgrade();
  await reads(readers.cold, world);
});
