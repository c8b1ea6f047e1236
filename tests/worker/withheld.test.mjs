// What happens when something cannot be published: a shard that fails holds up nobody else, and everything that fails
// is tried again and said.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { start } from "./support.mjs";
import { World, faultyModules, faults, manifestIn, published, reads, sql, statusOf, stored, until } from "./world.mjs";

const parts = faultyModules();
/** Long names take several shards. */
const LONG = `cus_${"x".repeat(100)}`;
const NONE = "0".repeat(64);
const bindings = { HEARTBEAT_S: "1", STALE_AFTER_S: "86400" };
const readiness = async (worker) => (await worker.get("/readyz")).body;

let started;
let writer;
let reader;
const world = World.of(600, LONG);

before(async () => {
  const one = { catalog: null, snapshots: "withheld", parts, bindings };
  started = await start(one, { ...one, writer: 0, bindings: { ...bindings, REFRESH_MS: "0" } });
  [writer, reader] = started.workers;
  await world.putAll(writer);
  await published(writer, world);
});
after(() => started.stop());

test("a shard that cannot be made is asked about at the catalog, named, and tried again", async () => {
  const ids = [...world.people.keys()];
  const id = ids.find((key) => world.people.get(key).plan !== null);
  const { plan } = world.people.get(id);
  const path = `sub_${id}`;
  const [{ body }] = await sql(writer, "SELECT body FROM subscriptions WHERE id = ?", path);
  const spoilt = JSON.stringify({ ...JSON.parse(body), plan_version_id: "plv_nowhere" });
  await sql(writer, "UPDATE subscriptions SET body = ? WHERE id = ?", spoilt, path);
  // It is made anew, together with others that change.
  await world.put(writer, id, "poisoned");
  const others = ids.filter((key) => key !== id);
  for (const other of others.slice(0, 30)) {
    await world.subscribe(writer, other, world.people.get(other).plan === 0 ? 1 : 0);
  }
  const manifest = await published(writer, world);
  const withheld = manifest.shards.filter(({ hash }) => hash === NONE);
  assert.equal(withheld.length, 1);
  assert.ok(manifest.shards.length > 2);
  // Everybody else is answered as of now, those of that shard by the catalog itself.
  const sources = await until(async () => {
    const questions = others.map((customer) => ({ customer, feature: "f1" }));
    const decisions = [];
    for (const question of questions) {
      decisions.push(await world.ask(reader, question));
    }
    const isNew = ({ freshness }) => freshness.snapshot_version === world.version;
    return decisions.every(isNew) && decisions.map(({ freshness }) => freshness.source);
  }, "everybody is answered as of the last version");
  assert.deepEqual([...new Set(sources)].sort(), ["ORIGIN", "SNAPSHOT"]);
  assert.ok(sources.filter((source) => source === "ORIGIN").length < others.length / 2);
  // Nobody is told a yes about whom nothing is known.
  const unsaid = await reader.send("GET", `/v1/check?customer=${id}&feature=f1`);
  assert.ok(unsaid.status >= 500 || JSON.parse(unsaid.text).allowed === false, unsaid.text);
  // It is said.
  const degraded = await until(async () => {
    const said = await readiness(writer);
    return said.status === "degraded" && said;
  }, "it is said to be degraded");
  assert.equal(degraded.failing_shards, 1);
  assert.match(degraded.reason, /^shard \d+ of \d+: .*plv_nowhere/);
  assert.equal(degraded.published_version, degraded.snapshot_version);
  assert.equal((await statusOf(reader)).publishing.status, "degraded");
  // It is mended by a write, and comes back by itself.
  await sql(writer, "UPDATE subscriptions SET body = ? WHERE id = ?", body, path);
  await world.subscribe(writer, id, plan);
  await until(async () => (await readiness(writer)).failing_shards === 0, "it is made");
  const whole = await published(writer, world);
  await until(async () => (await manifestIn(writer)).shards.every(({ hash }) => hash !== NONE), "nothing is withheld");
  assert.ok(whole.version >= manifest.version);
  await reads(reader, world);
  assert.equal((await readiness(writer)).status, "ok");
});

test("a store that takes nothing is said, and how far behind a replica is", async () => {
  await reads(reader, world);
  await faults(writer, [{ call: "put", kind: "down", says: "KV PUT failed: 507" }]);
  const [id] = world.people.keys();
  await world.subscribe(writer, id, world.people.get(id).plan === 0 ? 1 : 0);
  const degraded = await until(async () => {
    const said = await readiness(writer);
    return said.status === "degraded" && said;
  }, "it is said to be degraded");
  assert.match(degraded.reason, /507/);
  assert.ok(Date.parse(degraded.since) < Date.now() - 2_000);
  assert.equal(degraded.snapshot_version, degraded.published_version + 1);
  const { versions_behind: behind, publishing } = await statusOf(reader);
  assert.deepEqual([behind, publishing.status, publishing.reason], [1, "degraded", degraded.reason]);
  await faults(writer);
  await until(async () => (await readiness(writer)).status === "ok", "it is well again");
  await reads(reader, world);
  assert.equal((await statusOf(reader)).versions_behind, 0);
});

test("a deployment that could not sign publishes once it can, without a write", async () => {
  const folder = mkdtempSync(join(tmpdir(), "mayuse-unsigned-"));
  const one = { catalog: null, snapshots: "unsigned", parts, persist: folder };
  const unsigned = World.of(10);
  let own = await start({ ...one, bindings: { ...bindings, SNAPSHOT_SIGNING_KEY: "no key" } });
  try {
    await unsigned.putAll(own.worker);
    const said = await until(async () => {
      const state = await readiness(own.worker);
      return state.status === "degraded" && state.reason.includes("SNAPSHOT_SIGNING_KEY") && state;
    }, "it is said why");
    assert.deepEqual([said.published_version, said.published_at, said.since], [0, null, null]);
    await own.stop();
    own = await start({ ...one, bindings });
    await until(async () => (await readiness(own.worker)).published_version === unsigned.version, "it is published");
    const { at } = await until(async () => {
      const { published_at: first } = await readiness(own.worker);
      return { at: first };
    }, "it says when");
    await until(async () => (await readiness(own.worker)).published_at > at, "and again, though nothing changed");
  } finally {
    await own.stop();
    rmSync(folder, { recursive: true, force: true });
  }
});

test("what an earlier version of the program published is taken over, and taken away in time", async () => {
  const folder = mkdtempSync(join(tmpdir(), "mayuse-earlier-"));
  const one = { catalog: null, snapshots: "earlier", parts, persist: folder, bindings: { ...bindings, SNAPSHOT_GRACE_S: "1" } };
  const earlier = World.of(30);
  let own = await start(one);
  try {
    await earlier.putAll(own.worker);
    await published(own.worker, earlier);
    // The tables as they were, with what stands in the store.
    const old = "a".repeat(64);
    await stored.put(own.worker, `o/${old}`, "old");
    for (const statement of [
      "DROP TABLE publishing", "DROP TABLE published_shards", "DROP TABLE published_objects", "DROP TABLE chunks",
      "DELETE FROM dirty",
      "CREATE TABLE publication (only_row INTEGER PRIMARY KEY, seed TEXT, bits INTEGER, scanned TEXT, catalogue TEXT, version INTEGER, at INTEGER, manifest TEXT)",
      `INSERT INTO publication VALUES (1, '7', 0, NULL, '', ${earlier.version}, 1, '')`,
      "CREATE TABLE shards (n INTEGER)", "CREATE TABLE halves (n INTEGER)",
      "CREATE TABLE objects (hash TEXT PRIMARY KEY, body BLOB, pushed INTEGER, dropped_at INTEGER)",
      `INSERT INTO objects VALUES ('${old}', x'00', 1, NULL)`,
    ]) {
      await sql(own.worker, statement);
    }
    await own.stop();
    own = await start(one);
    await until(async () => {
      const said = await readiness(own.worker);
      return said.waiting_keys === 0 && Date.parse(said.published_at) > Date.now() - 5_000;
    }, "all shards are made anew and published");
    await until(async () => (await stored.get(own.worker, `o/${old}`)) === null, "what was published before is gone");
    await until(async () => {
      const decisions = await earlier.askAll(own.worker);
      return decisions.every(({ freshness }) => freshness.source === "SNAPSHOT");
    }, "everybody is answered from it");
  } finally {
    await own.stop();
    rmSync(folder, { recursive: true, force: true });
  }
});

test("aliases that all move at once, in more keys of one shard than are made anew at a time, hold up nobody", async () => {
  const N = 400;
  const of = (n) => [`moved_${n}`, n % 4, `alias_${n}`];
  const moved = new World(Array.from({ length: N }, (_, n) => of(n)));
  const one = { catalog: null, snapshots: "moved", parts, bindings };
  const own = await start(one, { ...one, writer: 0, bindings: { ...bindings, REFRESH_MS: "0" } });
  try {
    const [source, target] = own.workers;
    await moved.putAll(source);
    assert.equal((await published(source, moved)).shards.length, 1);
    const lines = [...moved.people.keys()].map((id, n) => {
      const alias = `alias_${(n + 1) % N}`;
      moved.people.set(id, { ...moved.people.get(id), alias });
      return JSON.stringify({ kind: "customer", id, name: id, alias });
    });
    const sent = { body: lines.join("\n"), headers: { "content-type": "application/x-ndjson" } };
    const { status, text } = await source.send("POST", "/v1/catalog/import", sent);
    assert.equal(status, 200, text);
    moved.settle(JSON.parse(text).snapshot_version);
    const manifest = await published(source, moved);
    assert.ok(manifest.shards.every(({ hash }) => hash !== NONE), "nothing is withheld");
    await reads(target, moved);
  } finally {
    await own.stop();
  }
});
