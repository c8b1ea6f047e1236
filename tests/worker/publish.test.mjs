// Publishing, and everything that may come in between. Whenever it is looked at, the manifest in the store names only
// objects that are there, and sooner or later it is that of the catalog.
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { start } from "./support.mjs";
import { World, calls, faultyModules, faults, manifestIn, published, reads, until, whole } from "./world.mjs";
import { objectsOf } from "./manifest.mjs";

const SEED = Number(process.env.MAYUSE_SEED ?? 20_261_122);
const N_KILLS = 6;
/** A kill comes up to so long after a write was sent, which is published a tenth of a second after. */
const MAX_DELAY_MS = 400;
/** Long names take several shards. */
const LONG = `cus_${"x".repeat(100)}`;

const parts = faultyModules();
const silent = { HEARTBEAT_S: "86400", STALE_AFTER_S: "86400", SNAPSHOT_GRACE_S: "86400" };
const pair = (snapshots, writer, more) => [
  { catalog: null, snapshots, parts, bindings: { ...silent, ...more } },
  { catalog: null, snapshots, parts, writer, bindings: { ...silent, REFRESH_MS: "0" } },
];

let started;
let plain;
let second;
let beating;

before(async () => {
  started = await start(...pair("plain", 0), ...pair("second", 2), ...pair("beating", 4, { HEARTBEAT_S: "1" }));
  const of = (n, world) => ({ writer: started.workers[n], reader: started.workers[n + 1], world });
  [plain, second, beating] = [of(0, World.of(900, LONG)), of(2, World.of(900, LONG)), of(4, World.of(10))];
  for (const { writer, world } of [plain, second, beating]) {
    await world.putAll(writer);
    await published(writer, world);
  }
});
after(() => started.stop());

/** Another plan for everybody who has one, other ones each time. */
function anew({ version }) {
  let n = 0;
  return (plan) => (plan === null ? null : (plan + 1 + (((n += 1) * version) % 3)) % 4);
}

/** Gives so many people of several shards another plan. */
async function change({ writer, world }, n) {
  const ids = [...world.people.keys()];
  for (let at = 0; at < n; at += 1) {
    const id = ids[(world.version * 31) % ids.length];
    await world.subscribe(writer, id, world.people.get(id).plan === 0 ? 1 : 0);
  }
}

test("a write is published soon", async (t) => {
  const { writer, reader, world } = plain;
  const began = Date.now();
  await change(plain, 1);
  await published(writer, world);
  const took = Date.now() - began;
  t.diagnostic(`${took} ms`);
  assert.ok(took < 5_000, `${took} ms`);
  await whole(writer);
  await reads(reader, world);
});

test("objects are put first and the manifest last", async () => {
  const { writer, world } = plain;
  const before = objectsOf(await manifestIn(writer));
  assert.ok(before.length > 3, `${before.length} objects`);
  await faults(writer);
  await change(plain, 4);
  const names = objectsOf(await published(writer, world)).map((hash) => `put o/${hash}`);
  const puts = (await calls(writer)).filter((call) => call.startsWith("put "));
  assert.equal(puts.at(-1), "put manifest");
  assert.ok(puts.length >= 2);
  // What it names was there before, or was put before it.
  const old = new Set(before.map((hash) => `put o/${hash}`));
  assert.ok(names.every((name) => old.has(name) || puts.indexOf(name) >= 0));
  const n = puts.filter((put) => put !== "put manifest");
  assert.equal(new Set(n).size, n.length, "no object is put twice");
});

/** Has one put after the other fail: it is not done, or it is done and nobody hears of it. */
async function failEach(one, kind) {
  const { writer, reader, world } = one;
  const nPuts = async () => (await calls(writer)).filter((call) => call.startsWith("put ")).length;
  for (let skip = 0; ; skip += 1) {
    const { version } = await manifestIn(writer);
    await faults(writer, [{ call: "put", kind, skip, times: 1 }]);
    // Everybody has another plan: every shard is put, and the manifest.
    await world.putAll(writer, anew(world));
    const isOver = async () => (await nPuts()) > skip || (await manifestIn(writer)).version === world.version;
    await until(isOver, "it is put");
    const hasFailed = (await nPuts()) > skip;
    const now = await whole(writer);
    assert.ok([version, world.version].includes(now.version));
    await reads(reader, world, now.version);
    if (!hasFailed) {
      assert.ok(skip >= 4, `${skip} puts`);
      return;
    }
    // Another write has it try again at once.
    await change(one, 1);
    await published(writer, world);
    await whole(writer);
  }
}

test("whichever put fails, the next ones make up for it", async () => {
  await Promise.all([failEach(plain, "down"), failEach(second, "lost")]);
  await reads(plain.reader, plain.world);
  await reads(second.reader, second.world);
});

test("while the store refuses, writes are taken and nothing is lost", async () => {
  const { writer, reader, world } = plain;
  const held = world.version;
  await reads(reader, world);
  await faults(writer, [{ call: "put", kind: "down", says: "KV PUT failed: 429 Too Many Requests" }]);
  await change(plain, 25);
  await until(async () => (await calls(writer)).some((call) => call.startsWith("put ")), "it is tried");
  assert.equal((await whole(writer)).version, held);
  await reads(reader, world, held);
  // Who wrote it reads it.
  const [id] = world.people.keys();
  const decision = await world.ask(reader, { customer: id, feature: "f0", min_version: world.version });
  assert.deepEqual([decision.freshness.source, decision.freshness.snapshot_version], ["ORIGIN", world.version]);
  // Nobody has to write again.
  await faults(writer);
  await published(writer, world);
  await whole(writer);
  await reads(reader, world);
});

test("that nothing changed is said again and again", async () => {
  const { writer, reader, world } = beating;
  const { version, generatedAt } = await manifestIn(writer);
  await reads(reader, world);
  await until(async () => (await manifestIn(writer)).generatedAt >= generatedAt + 2_000, "it is said twice");
  assert.equal((await whole(writer)).version, version);
  const isRead = async () => {
    const { freshness } = await world.ask(reader, { customer: "cus_0", feature: "f0" });
    return Date.parse(freshness.generated_at) >= generatedAt + 2_000;
  };
  await until(isRead, "it is read");
  await reads(reader, world);
});

/** The same numbers for the same seed: mulberry32. */
function randomFrom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

test(`${N_KILLS} kills in the midst of it`, async (t) => {
  t.diagnostic(`seed ${SEED} (MAYUSE_SEED)`);
  const random = randomFrom(SEED);
  const folder = mkdtempSync(join(tmpdir(), "mayuse-publish-"));
  const options = pair("killed", 0);
  options[0].persist = folder;
  const world = World.of(600, LONG);
  let nUnpublished = 0;
  let own = await start(...options);
  try {
    await world.putAll(own.worker);
    await published(own.worker, world);
    for (let n = 0; n < N_KILLS; n += 1) {
      const kill = async () => {
        await sleep(random() * MAX_DELAY_MS);
        const exited = once(own.runtime, "exit");
        assert.ok(own.runtime.kill("SIGKILL"));
        await exited;
      };
      const written = world.putAll(own.worker, anew(world)).catch(() => null);
      const [version] = await Promise.all([written, kill()]);
      await own.stop();
      own = await start(...options);
      const body = JSON.parse((await own.worker.send("GET", "/readyz")).text);
      assert.ok(body.snapshot_version >= (version ?? 0));
      world.settle(body.snapshot_version);
      nUnpublished += body.published_version < body.snapshot_version ? 1 : 0;
      // What is there names only what is there, and goes on by itself.
      await whole(own.worker);
      await published(own.worker, world);
      await whole(own.worker);
      await reads(own.workers[1], world);
    }
    t.diagnostic(`${nUnpublished} of ${N_KILLS} left something to publish`);
  } finally {
    await own.stop();
    rmSync(folder, { recursive: true, force: true });
  }
});
