// What is published as the catalog grows, shrinks and changes, and what of it is taken away again.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { start } from "./support.mjs";
import { customer, subscription } from "./shop.mjs";
import { World, calls, faultyModules, faults, manifestIn, published, reads, stored, until, whole } from "./world.mjs";
import { objectsOf } from "./manifest.mjs";

const N_GROWN = 20_000;
/** Every so many of them has a plan. */
const EVERY = 5;
/** Of one customer, so many subscriptions with long names take more than a shard should. */
const N_HEAVY = 2_400;
const LINES = { "content-type": "application/x-ndjson" };

const parts = faultyModules();
const silent = { HEARTBEAT_S: "86400", STALE_AFTER_S: "86400", SNAPSHOT_GRACE_S: "86400" };
/** What nothing names is taken away a second later, and is looked for every second. */
const tidy = { HEARTBEAT_S: "1", SNAPSHOT_GRACE_S: "1" };
const writerOf = (snapshots, more) => ({ catalog: null, snapshots, parts, bindings: { ...silent, ...more } });
const readerOf = (snapshots, writer) => ({ ...writerOf(snapshots, { REFRESH_MS: "0" }), writer });

let started;
let grown;
let moved;
let collected;
let heavy;

before(async () => {
  started = await start(
    ...["grown", "moved"].map((name) => writerOf(name)),
    ...["collected", "heavy"].map((name) => writerOf(name, tidy)),
    ...["grown", "moved", "collected", "heavy"].map(readerOf),
  );
  const of = (n, world) => ({ writer: started.workers[n], reader: started.workers[n + 4], world });
  [grown, moved, collected] = [of(0, World.of(1)), of(1, World.of(60)), of(2, World.of(60))];
  heavy = of(3, new World([["cus_0", 0]]));
  for (const { writer, world } of [grown, moved, collected]) {
    await world.putAll(writer);
    await published(writer, world);
  }
});
after(() => started.stop());

const line = (kind, entity) => JSON.stringify({ kind, ...entity });

/** Imports lines, as what they do to the people. */
async function take({ writer, world }, lines, change) {
  const { status, text } = await writer.send("POST", "/v1/catalog/import", {
    body: lines.join("\n"),
    headers: LINES,
  });
  assert.equal(status, 200, text);
  change(world.people);
  world.settle(JSON.parse(text).snapshot_version);
}

test("deletes, moved and swapped aliases, and another catalog as a whole arrive", async () => {
  const { writer, reader, world } = moved;
  const [first, second] = ["cus_0", "cus_3"];
  const aliases = ["cus_alias_0", "cus_alias_3", "cus_alias_6", "new"];
  const arrives = async () => {
    await published(writer, world);
    await whole(writer);
    await reads(reader, world);
    const of = aliases.flatMap((key) => ["f0", "f1", "f2"].map((feature) => ({ customer: key, feature })));
    await world.askAll(reader, of);
  };
  await arrives();
  // To another name, to nobody, and to somebody else.
  await world.put(writer, first, "new");
  await arrives();
  await world.put(writer, first, undefined);
  await arrives();
  await world.put(writer, second, undefined);
  await world.put(writer, first, "cus_alias_3");
  await world.put(writer, second, "cus_alias_0");
  await arrives();
  // Both at once.
  const swapped = [customer(first, { alias: "cus_alias_0" }), customer(second, { alias: "cus_alias_3" })];
  await take(moved, swapped.map((one) => line("customer", one)), (people) => {
    people.set(first, { ...people.get(first), alias: "cus_alias_0" });
    people.set(second, { ...people.get(second), alias: "cus_alias_3" });
  });
  await arrives();
  // One goes, and somebody else takes the name.
  await world.subscribe(writer, first, null);
  await arrives();
  await world.remove(writer, first);
  await arrives();
  await world.put(writer, "cus_1", "cus_alias_0");
  await arrives();
  // All of them go, others come, and one stays with another plan.
  const other = World.of(30, "other").people;
  world.people = new Map([...other, ["cus_1", { plan: 3, alias: "new" }]]);
  await world.putAll(writer);
  await arrives();
  await world.askAll(reader, [...aliases, "cus_2", "cus_3"].map((key) => ({ customer: key, feature: "f1" })));
});

test("what nothing names is taken away, and nothing else", async () => {
  const { writer, reader, world } = collected;
  for (let n = 0; n < 3; n += 1) {
    await world.subscribe(writer, `cus_${n}`, n % 2 === 0 ? 2 : 3);
    await published(writer, world);
    await whole(writer);
    await reads(reader, world);
  }
  const isTidy = async () => {
    const named = ["manifest", ...objectsOf(await whole(writer)).map((hash) => `o/${hash}`)];
    const names = await stored.names(writer);
    return names.length === new Set(named).size && names.every((name) => named.includes(name));
  };
  await until(isTidy, "only what is named is there");
  await reads(reader, world);
});

test("what comes back while it is taken away is put again", async () => {
  const { writer, reader, world } = collected;
  const { plan } = world.people.get("cus_0");
  const [, shard] = objectsOf(await published(writer, world));
  await faults(writer, [{ call: "delete", kind: "lost", times: 1 }]);
  await world.subscribe(writer, "cus_0", plan === 0 ? 1 : 0);
  await until(async () => (await calls(writer)).includes(`delete o/${shard}`), "it is taken away");
  assert.equal(await stored.get(writer, `o/${shard}`), null);
  await world.subscribe(writer, "cus_0", plan);
  const again = await published(writer, world);
  assert.equal(objectsOf(again)[1], shard, "the same people are the same object");
  await whole(writer);
  await reads(reader, world);
});

test("shards that nobody is in are one object, which stays as long as one of them is left", async () => {
  const { writer, reader, world } = heavy;
  const name = (n) => `sub_${"x".repeat(110)}_${n}`;
  const more = { plan_id: "plan_0", plan_version_id: "plv_0" };
  const document = world.document();
  document.subscriptions.push(...Array.from({ length: N_HEAVY }, (_, n) => subscription(name(n), "cus_0", more)));
  await world.write(writer, () => {}, "PUT", "/v1/catalog", document);
  const { shards } = await published(writer, world);
  const empty = shards.filter(({ n }) => n === 0);
  assert.ok(empty.length >= 2, `${empty.length} of ${shards.length} shards are empty`);
  assert.equal(new Set(empty.map(({ hash }) => hash)).size, 1);
  // Somebody comes into one of them.
  const nEmpty = async () => (await published(writer, world)).shards.filter(({ n }) => n === 0).length;
  for (let n = 0; (await nEmpty()) === empty.length; n += 1) {
    await world.put(writer, `late_${n}`);
  }
  assert.ok((await nEmpty()) > 0, "another one is left");
  const since = (await manifestIn(writer)).generatedAt;
  await until(async () => (await manifestIn(writer)).generatedAt > since + 3_000, "whatever is taken away is");
  await whole(writer);
  await reads(reader, world);
  // Many come, into all of them.
  for (let n = 0; n < 150; n += 1) {
    await world.put(writer, `later_${n}`);
  }
  assert.equal(await nEmpty(), 0);
  await whole(writer);
  await reads(reader, world);
});

test(`${N_GROWN} customers come, and everybody is answered from the store`, async (t) => {
  const { writer, reader, world } = grown;
  const ids = Array.from({ length: N_GROWN }, (_, n) => `grown_${n}`);
  const lines = ids.flatMap((id, n) => {
    const own = subscription(`sub_${id}`, id, { plan_id: `plan_${n % 4}`, plan_version_id: `plv_${n % 4}` });
    return [line("customer", customer(id)), ...(n % EVERY === 0 ? [line("subscription", own)] : [])];
  });
  await faults(writer);
  await take(grown, lines, (people) => {
    ids.forEach((id, n) => people.set(id, { plan: n % EVERY === 0 ? n % 4 : null }));
  });
  const { bits, shards } = await published(writer, world);
  const puts = (await calls(writer)).filter((call) => call.startsWith("put "));
  t.diagnostic(`${shards.length} shards, ${puts.length} puts`);
  assert.ok(bits >= 2 && shards.length === 2 ** bits);
  assert.equal(shards.reduce((total, { n }) => total + n, 0), world.people.size);
  await whole(writer);
  const questions = ids.map((customer, n) => ({ customer, feature: n % 2 === 0 ? "f1" : "f0" }));
  await reads(reader, world, world.version, questions);
});
