// A catalog of which it is known, for every version, who may use what: the oracle of tests that break things.
//
// One writer writes it, one write after the other, so what a version is going to be is known before it is sent, and no
// answer can be made from a version that is not known here.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { JSON_TYPE, modules } from "./support.mjs";
import { customer, subscription } from "./shop.mjs";
import { objectsOf, readManifest, sha256 } from "./manifest.mjs";

export const FEATURES = ["f0", "f1", "f2", "f3"];
/** What each plan holds. */
const PLANS = [["f0", "f1"], ["f1", "f2"], ["f0", "f2"], ["f1"]];

const feature = (code, more) => ({
  id: `feat_${code}`,
  code,
  name: code,
  feature_type: { type: "BOOLEAN" },
  status: "ACTIVE",
  ...more,
});
const entitlement = (code) => ({ feature: code, value: { type: "BOOLEAN", enabled: true } });
const plan = (features, n) => ({
  id: `plan_${n}`,
  name: `Plan ${n}`,
  versions: [{ id: `plv_${n}`, version: 1, entitlements: features.map(entitlement) }],
});
const subscribed = (id, n) => subscription(`sub_${id}`, id, { plan_id: `plan_${n}`, plan_version_id: `plv_${n}` });

/** The modules of a Worker whose bindings fail on purpose; with a fallback, if one is given. */
export function faultyModules(fallback) {
  const path = "tests/worker/faulty.mjs";
  const contents = readFileSync(new URL("faulty.mjs", import.meta.url), "utf8");
  const others = modules.map((one) => (one.type === "Data" && fallback ? { ...one, contents: fallback } : one));
  return [{ type: "ESModule", path, contents }, ...others];
}

export class World {
  /** `people` are ids, each with a plan (a number, or null for none) and an alias; `features` is more about features. */
  constructor(people, features = {}) {
    this.features = features;
    this.people = new Map(people.map(([id, of, alias]) => [id, { plan: of, alias }]));
    this.version = 0;
    this.versions = new Map();
  }

  /** So many people, every seventh without a plan and every third with an alias. */
  static of(n, prefix = "cus") {
    const alias = (i) => (i % 3 === 0 ? `${prefix}_alias_${i}` : undefined);
    const person = (_, i) => [`${prefix}_${i}`, i % 7 === 6 ? null : i % 4, alias(i)];
    return new World(Array.from({ length: n }, person));
  }

  document() {
    const people = [...this.people];
    return {
      format: 1,
      features: FEATURES.map((code) => feature(code, this.features[code])),
      plans: PLANS.map(plan),
      customers: people.map(([id, { alias }]) => customer(id, alias && { alias })),
      subscriptions: people.filter(([, { plan: of }]) => of !== null).map(([id, { plan: of }]) => subscribed(id, of)),
    };
  }

  /** Does to the people what a write does, and sends it. */
  async write(worker, change, method, path, body) {
    change(this.people);
    const next = this.version + 1;
    this.versions.set(next, new Map(this.people));
    const sent = { body: body === undefined ? "" : JSON.stringify(body), headers: JSON_TYPE };
    const answer = await worker.send(method, path, sent);
    assert.ok(answer.status < 300, `${method} ${path}: ${answer.status} ${answer.text}`);
    assert.equal(JSON.parse(answer.text).snapshot_version, next, path);
    this.version = next;
    return next;
  }

  /** Replaces everything; with `move`, everybody's plan by another one. */
  putAll(worker, move = (plan) => plan) {
    this.people.forEach((one, id) => this.people.set(id, { ...one, plan: move(one.plan) }));
    return this.write(worker, () => {}, "PUT", "/v1/catalog", this.document());
  }

  /** Where the answer to a write was lost, or it was of several versions: the version it came to. */
  settle(version) {
    if (version === this.version && this.versions.has(version)) {
      this.versions.delete(version + 1);
      this.people = new Map(this.versions.get(version));
    } else {
      this.version = version;
      this.versions.set(version, new Map(this.people));
    }
  }

  /** Makes a customer, or gives it another alias. */
  put(worker, id, alias) {
    const change = (people) => people.set(id, { plan: people.get(id)?.plan ?? null, alias });
    return this.write(worker, change, "PUT", `/v1/catalog/customers/${id}`, customer(id, alias && { alias }));
  }

  /** Gives a customer a plan, or none. */
  subscribe(worker, id, of) {
    const change = (people) => people.set(id, { ...people.get(id), plan: of });
    const path = `/v1/catalog/subscriptions/sub_${id}`;
    return of === null
      ? this.write(worker, change, "DELETE", path)
      : this.write(worker, change, "PUT", path, subscribed(id, of));
  }

  remove(worker, id) {
    return this.write(worker, (people) => people.delete(id), "DELETE", `/v1/catalog/customers/${id}`);
  }

  /** Whether a customer may use a feature, as of a version. */
  mayUse(version, key, code) {
    const people = this.versions.get(version);
    assert.ok(people, `version ${version} was never written`);
    const found = people.get(key) ?? [...people.values()].find(({ alias }) => alias === key);
    return (PLANS[found?.plan] ?? []).includes(code);
  }

  /** Holds a decision against the version that it names. Gives that version; none where it could not be said. */
  judge(decision, { customer: key, feature: code, on_indeterminate: policy = "DENY" }) {
    const where = `${key} ${code}: ${JSON.stringify(decision)}`;
    if (decision.decision === "INDETERMINATE") {
      assert.equal(decision.allowed, policy === "ALLOW", where);
      assert.equal(decision.retryable, true, where);
      return undefined;
    }
    const version = decision.freshness.snapshot_version;
    const expected = this.mayUse(version, key, code);
    assert.deepEqual([decision.allowed, decision.decision], [expected, expected ? "ALLOW" : "DENY"], where);
    return version;
  }

  /** A question about everybody and everything, by id and by alias, and about somebody who is not there. */
  questions() {
    const keys = [...this.people].flatMap(([id, { alias }]) => [id, alias ?? []].flat());
    return [...keys, "nobody"].flatMap((key) => FEATURES.map((code) => ({ customer: key, feature: code })));
  }

  /** Asks a question, and holds the answer against the world. Gives the decision. */
  async ask(worker, question, sent = {}) {
    const query = new URLSearchParams(question);
    const { status, text } = await worker.send("GET", `/v1/check?${query}`, sent);
    assert.equal(status, 200, `${query}: ${text}`);
    const decision = JSON.parse(text);
    this.judge(decision, question);
    return decision;
  }

  /** Asks a thousand at a time, and holds all answers against the world. Gives the decisions. */
  async askAll(worker, questions = this.questions()) {
    const decisions = [];
    for (let from = 0; from < questions.length; from += 1_000) {
      const some = questions.slice(from, from + 1_000);
      const sent = { body: JSON.stringify({ questions: some }), headers: JSON_TYPE };
      const { status, text } = await worker.send("POST", "/v1/check/batch", sent);
      assert.equal(status, 200, text);
      const { results } = JSON.parse(text);
      assert.equal(results.length, some.length);
      results.forEach((decision, n) => this.judge(decision, some[n]));
      decisions.push(...results);
    }
    return decisions;
  }
}

/** Sets what fails from now on, and forgets what was called before. */
export async function faults(worker, list = [], clockOff = 0) {
  const sent = { body: JSON.stringify({ faults: list, clockOff }), headers: JSON_TYPE, key: null };
  assert.equal((await worker.send("POST", "/__faults", sent)).status, 200);
}

/** The calls of bindings since then. */
export const calls = async (worker) => JSON.parse((await worker.send("GET", "/__calls", { key: null })).text);

/** Runs a statement on the database of the object. */
export async function sql(worker, statement, ...bindings) {
  const sent = { body: JSON.stringify({ statement, bindings }), headers: JSON_TYPE, key: null };
  const { status, text } = await worker.send("POST", "/__sql", sent);
  assert.equal(status, 200, text);
  return JSON.parse(text);
}

/** The store, past all faults. Its values are text. */
export const stored = {
  names: async (worker) => JSON.parse((await worker.send("GET", "/__kv/", { key: null })).text),
  get: async (worker, name) => {
    const { status, text } = await worker.send("GET", `/__kv/${name}`, { key: null });
    return status === 404 ? null : Buffer.from(text);
  },
  put: (worker, name, body) => worker.send("PUT", `/__kv/${name}`, { body, key: null }),
  delete: (worker, name) => worker.send("DELETE", `/__kv/${name}`, { key: null }),
};

/** The manifest that is in the store; null where none is. */
export async function manifestIn(worker) {
  const bytes = await stored.get(worker, "manifest");
  return bytes && readManifest(bytes);
}

export async function statusOf(worker) {
  const { status, text } = await worker.send("GET", "/v1/snapshot/status");
  assert.equal(status, 200, text);
  return JSON.parse(text);
}

/** Waits until something is so; says what it saw last where it never is. */
export async function until(holds, what, ms = 60_000) {
  const end = Date.now() + ms;
  let last;
  do {
    last = await holds();
    if (last) {
      return last;
    }
    await sleep(50);
  } while (Date.now() < end);
  throw new Error(`it never came to this: ${what}`);
}

/** Waits until what was written last is in the store. */
export const published = (worker, world) =>
  until(async () => {
    const manifest = await manifestIn(worker);
    return manifest?.version === world.version && manifest;
  }, `version ${world.version} is published`);

/** Holds the store against the manifest in it: every object that it names is there, and is what its name says. */
export async function whole(worker) {
  const manifest = await manifestIn(worker);
  for (const hash of new Set(objectsOf(manifest))) {
    const bytes = await stored.get(worker, `o/${hash}`);
    assert.ok(bytes, `version ${manifest.version} names ${hash}, which is not there`);
    assert.equal(sha256(bytes), hash);
  }
  return manifest;
}

/** Asks everything of a reader, until all of it is answered from one version of the store, by default the last one. */
export const reads = (worker, world, version = world.version, questions = world.questions().slice(0, 2_000)) =>
  until(async () => {
    const decisions = await world.askAll(worker, questions);
    const isIt = ({ freshness }) => freshness.source === "SNAPSHOT" && freshness.snapshot_version === version;
    return decisions.every(isIt);
  }, `version ${version} is read`);
