// The runtime is killed at random in the middle of writes. What was acknowledged is there, what was not is there whole
// or not at all, and versions never go back.
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { JSON_TYPE, start } from "./support.mjs";
import { PABBLY_PRODUCT, customer, shop, subscription, pabblyBody } from "./shop.mjs";

const SEED = Number(process.env.MAYUSE_SEED ?? 20_261_121);
const N_WRITES = 1_000;
const N_KILLS = 22;
const N_CLIENTS = 4;
/** A kill comes up to so long after the write that it is meant for was sent. */
const MAX_DELAY_MS = 12;
const KINDS = ["products", "prices", "features", "add_ons", "customers", "subscriptions"];

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

/** A subscription with a component whose product and price are made with it. */
const meteroidBody = (mark, customer_id_or_alias) => ({
  plan_id: "plan_pro",
  customer_id_or_alias,
  start_date: "2025-01-31",
  activation_condition: "ON_START",
  purchase_order: mark,
  price_components: {
    extra_components: [
      {
        name: mark,
        product_ref: { type: "NEW", name: mark, fee_type: "RATE", fee_structure: { type: "RATE" } },
        price_entry: { type: "NEW", cadence: "MONTHLY", currency: "USD", pricing: { type: "RATE", rate: "10.00" } },
      },
    ],
  },
});

/** One writer. What it writes, nobody else does, so it knows what has to be stored. */
class Client {
  constructor(name, random) {
    Object.assign(this, { name, random, nMade: 0, nAcknowledged: 0, nLost: 0, nFound: 0 });
    /** What is stored under `kind/id`: the body and the version; nothing is there of what is `null`. */
    this.stored = new Map();
    /** What was created by POST: the mark that it bears, and the answer. */
    this.created = new Map();
    /** The write whose answer was lost. */
    this.open = null;
    this.free = new Set();
    this.customers = [];
    this.subscriptions = [];
  }

  pick(list) {
    return list[Math.floor(this.random() * list.length)];
  }

  /** The next write. */
  next() {
    const id = `${this.name}_${(this.nMade += 1)}`;
    const dice = this.random();
    const rev = `${this.name} ${this.nMade}`;
    if (dice < 0.2 || this.customers.length < 3) {
      this.customers.push(id);
      this.free.add(id);
      return this.putting("customers", customer(id, { rev }));
    }
    if (dice < 0.35) {
      return this.putting("customers", customer(this.pick(this.customers), { rev }));
    }
    if (dice < 0.55) {
      const owner = this.pick(this.customers);
      this.free.delete(owner);
      this.subscriptions.push(id);
      return this.putting("subscriptions", subscription(id, owner, { rev }));
    }
    if (dice < 0.67 && this.subscriptions.length > 0) {
      return this.deleting("subscriptions", this.pick(this.subscriptions), this.subscriptions);
    }
    if (dice < 0.72 && this.free.size > 0) {
      const gone = this.pick([...this.free]);
      this.free.delete(gone);
      return this.deleting("customers", gone, this.customers);
    }
    if (dice < 0.86) {
      return { path: `/api/v1/addon/${PABBLY_PRODUCT}`, body: pabblyBody(id), mark: id };
    }
    const owner = this.pick(this.customers);
    this.free.delete(owner);
    return { path: "/api/v1/subscriptions", body: meteroidBody(id, owner), mark: id };
  }

  putting(kind, body) {
    return { method: "PUT", path: `/v1/catalog/${kind}/${body.id}`, body, at: `${kind}/${body.id}` };
  }

  deleting(kind, id, list) {
    list.splice(list.indexOf(id), 1);
    return { method: "DELETE", path: `/v1/catalog/${kind}/${id}`, body: null, at: `${kind}/${id}` };
  }

  /** Sends a write. Gives the version that it was acknowledged with; nothing if the answer was lost. */
  async write(worker, write) {
    this.open = write;
    const headers = { ...JSON_TYPE, ...(write.mark && { "idempotency-key": write.mark }) };
    const sent = { body: write.body === null ? "" : JSON.stringify(write.body), headers };
    const answer = await worker.send(write.method ?? "POST", write.path, sent).catch(() => null);
    if (answer === null) {
      this.nLost += 1;
      return undefined;
    }
    assert.ok([200, 201].includes(answer.status), `${write.path}: ${answer.status} ${answer.text}`);
    this.open = null;
    this.nAcknowledged += 1;
    const version = Number(answer.headers["x-snapshot-version"]);
    const body = JSON.parse(answer.text);
    if (write.at) {
      assert.equal(body.snapshot_version, version);
      this.stored.set(write.at, { body: write.body, version });
      return version;
    }
    const isReplayed = answer.headers["idempotent-replayed"] !== undefined;
    this.nFound += isReplayed ? 1 : 0;
    this.created.set(write.mark, { id: body.data?.id ?? body.id, version: isReplayed ? undefined : version });
    return isReplayed ? undefined : version;
  }
}

/** All that is stored: `kind/id` to what the catalog says of it. */
async function readAll(worker) {
  const all = new Map();
  for (const kind of KINDS) {
    let query = "";
    while (query !== undefined) {
      const { status, text } = await worker.send("GET", `/v1/catalog/${kind}?limit=1000${query}`);
      assert.equal(status, 200, text);
      const page = JSON.parse(text);
      page.data.forEach((one) => all.set(`${kind}/${one.id}`, one));
      query = page.next_cursor === null ? undefined : `&cursor=${encodeURIComponent(page.next_cursor)}`;
    }
  }
  return all;
}

/** Holds what is stored against what the clients know. Gives the version. */
async function verify(worker, clients, before, highest) {
  const { status, text } = await worker.send("GET", "/readyz");
  assert.equal(status, 200, text);
  const version = JSON.parse(text).snapshot_version;
  assert.ok(version >= before, `the version goes back from ${before} to ${version}`);
  assert.ok(version >= highest, `version ${highest} was acknowledged, and ${version} is there`);
  const all = await readAll(worker);
  const known = new Set([...shop().customers, ...shop().subscriptions].map(({ id }) => id));
  const marks = new Map();
  for (const client of clients) {
    for (const [at, { body, version: acknowledged }] of client.stored) {
      known.add(at.split("/")[1]);
      const found = all.get(at);
      const isOpen = client.open?.at === at;
      const isAsBefore = body === null ? !found : found && isDeepStrictEqual(found.entity, body);
      if (!isOpen) {
        assert.ok(isAsBefore, `${at} was acknowledged: ${JSON.stringify([body, found])}`);
        assert.ok(body === null || found.snapshot_version === acknowledged, `${at}: ${found?.snapshot_version}`);
      }
    }
    if (client.open?.at) {
      // It was made or it was not; there is nothing in between.
      const { at, body } = client.open;
      known.add(at.split("/")[1]);
      const found = all.get(at);
      const before = client.stored.get(at) ?? { body: null };
      const isMade = body === null ? !found : isDeepStrictEqual(found?.entity, body);
      const isNot = before.body === null ? !found : isDeepStrictEqual(found?.entity, before.body);
      assert.ok(isMade || isNot, `${at}: ${JSON.stringify([body, before.body, found])}`);
      assert.ok(!found || found.snapshot_version <= version);
      client.nFound += isMade ? 1 : 0;
      client.stored.set(at, found ? { body: found.entity, version: found.snapshot_version } : { body: null });
      if (!isMade && client.open.method === "DELETE") {
        (at.startsWith("customers") ? client.customers : client.subscriptions).push(at.split("/")[1]);
      } else if (!isMade && before.body === null) {
        const list = at.startsWith("customers") ? client.customers : client.subscriptions;
        list.splice(list.indexOf(at.split("/")[1]), 1);
        client.free.delete(at.split("/")[1]);
      }
      client.open = null;
    }
    client.created.forEach((made, mark) => marks.set(mark, made));
    if (client.open) {
      marks.set(client.open.mark, undefined);
    }
  }
  assertWhole(all, known, marks);
  return version;
}

/** What one write makes is there together, once, in one version, and refers to what is there. */
function assertWhole(all, known, marks) {
  const entities = (kind) => [...all.values()].filter((one) => `${one.kind}s` === kind);
  const of = shop();
  const seen = new Set();
  const expectMark = (mark, one) => {
    assert.ok(marks.has(mark) && !seen.has(mark), `${one.id} bears ${mark}`);
    seen.add(mark);
    const made = marks.get(mark);
    assert.ok(!made || made.id === one.id, `${mark} is ${made?.id} and not ${one.id}`);
    assert.ok(!made?.version || made.version === one.snapshot_version, `${mark}: ${one.snapshot_version}`);
  };
  const together = (one, at) => {
    assert.equal(all.get(at)?.snapshot_version, one.snapshot_version, `${at} belongs to ${one.id}`);
  };
  for (const one of entities("add_ons")) {
    expectMark(one.entity.pabbly.code, one);
    together(one, `prices/${one.entity.price_id}`);
    together(one, `features/${one.entity.entitlements[0].feature_id}`);
  }
  const bought = entities("subscriptions").filter(({ entity }) => entity.purchase_order);
  for (const one of bought) {
    expectMark(one.entity.purchase_order, one);
    together(one, `products/${one.entity.components[0].product_id}`);
  }
  for (const one of entities("subscriptions")) {
    assert.ok(all.has(`customers/${one.entity.customer_id}`), `${one.id} has a customer`);
    assert.ok(one.entity.purchase_order || known.has(one.id), `${one.id} was written by somebody`);
  }
  entities("customers").forEach(({ id }) => assert.ok(known.has(id), `${id} was written by somebody`));
  for (const [mark, made] of marks) {
    assert.ok(!made || seen.has(mark), `${mark} was acknowledged`);
  }
  // Nothing is left over of what is not there.
  const nAddOns = entities("add_ons").length;
  assert.equal(entities("features").length, of.features.length + nAddOns);
  assert.equal(entities("products").length, of.products.length + bought.length);
  assert.equal(entities("prices").length, of.prices.length + nAddOns + bought.length);
}

test(`${N_WRITES} writes and ${N_KILLS} kills`, async (t) => {
  t.diagnostic(`seed ${SEED} (MAYUSE_SEED)`);
  const random = randomFrom(SEED);
  const folder = mkdtempSync(join(tmpdir(), "mayuse-kill-"));
  const clients = Array.from({ length: N_CLIENTS }, (_, n) => new Client(`c${n}`, randomFrom(SEED + n + 1)));
  // One kill in every stretch of writes, somewhere in it.
  const stretch = N_WRITES / N_KILLS;
  const kills = Array.from({ length: N_KILLS }, (_, n) => Math.floor(stretch * (n + 0.2 + 0.7 * random())));
  const versions = new Set([1]);
  let [nWritten, nKilled, nRetried, version] = [0, 0, 0, 1];
  let started = await start({ catalog: shop(), persist: folder });

  const acknowledge = (made) => {
    if (made !== undefined) {
      assert.ok(!versions.has(made), `version ${made} is acknowledged twice`);
      versions.add(made);
    }
  };
  try {
    while (nWritten < N_WRITES) {
      let dying;
      const { worker, runtime } = started;
      const kill = async (delay) => {
        await sleep(delay);
        const exited = once(runtime, "exit");
        assert.ok(runtime.kill("SIGKILL"), "the runtime was there to be killed");
        await exited;
      };
      const run = async (client) => {
        while (client.open === null && nWritten < N_WRITES) {
          if ((nWritten += 1) === kills[nKilled]) {
            nKilled += 1;
            dying = kill(random() * MAX_DELAY_MS);
          }
          acknowledge(await client.write(worker, client.next()));
        }
      };
      await Promise.all(clients.map(run));
      await dying;
      await started.stop();
      started = await start({ catalog: null, persist: folder });
      version = await verify(started.worker, clients, version, Math.max(...versions));
      for (const client of clients.filter(({ open }) => open !== null)) {
        nRetried += 1;
        acknowledge(await client.write(started.worker, client.open));
        assert.equal(client.open, null, "asked again, it is answered");
      }
      version = await verify(started.worker, clients, version, Math.max(...versions));
    }
    const sum = (field) => clients.reduce((total, client) => total + client[field], 0);
    const [nAcknowledged, nLost] = [sum("nAcknowledged"), sum("nLost")];
    t.diagnostic(`${nKilled} kills, ${nWritten} writes, ${nAcknowledged} acknowledged, ${nLost} answers lost`);
    t.diagnostic(`${sum("nFound")} of those lost were written, ${nRetried} asked again; version ${version}`);
    assert.deepEqual([nKilled, nWritten], [N_KILLS, N_WRITES]);
    assert.ok(nRetried > 0 && sum("nFound") > 0 && sum("nFound") < nLost, "lost on both ways");
    assert.ok(version <= N_WRITES + 1, "nothing was written twice");
  } finally {
    await started.stop();
    rmSync(folder, { recursive: true, force: true });
  }
});
