// Remote procedure calls: another Worker asks through a service binding, without a key.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { AT, demo, modules, published, start } from "./support.mjs";

/** A Worker of a user that calls whatever it is told to, and one that lists what can be called. */
const CALLER = `
export default {
  async fetch(request, env) {
    const { binding, method, args } = await request.json();
    try {
      return Response.json({ result: await env[binding][method](...args) });
    } catch (error) {
      return Response.json({ thrown: { isError: error instanceof Error, message: error.message, code: error.code, path: error.path } });
    }
  },
};`;
const LISTER = `
import { Rpc } from "./src/worker/rpc.mjs";
export * from "./src/worker/shim.mjs";
export default { fetch: () => Response.json(Object.getOwnPropertyNames(Rpc.prototype)) };`;

const module = (path, contents) => ({ type: "ESModule", path, contents });
const bound = (n) => ({ worker: `worker-${n}`, exportName: "Rpc" });
const withoutKeys = { LOCAL_RUN: undefined, API_KEYS: "[]" };

let running, direct, replicated, plain;
before(async () => {
  running = await start(
    // Nothing is replicated, so its Durable Object answers.
    { bindings: { MIN_VERSION: "0" } },
    { snapshots: "snapshots", bindings: { REFRESH_MS: "0" } },
    {
      parts: [module("caller.mjs", CALLER)],
      catalog: null,
      writer: 0,
      services: { DIRECT: bound(0), REPLICATED: bound(1), DEFAULT: { worker: "worker-0" }, LIMITED: bound(4) },
    },
    { parts: [module("lister.mjs", LISTER), ...modules], catalog: null },
    { bindings: withoutKeys, catalog: null, writer: 0, limits: { RATE_LIMIT_BINDING: { simple: { limit: 2, period: 10 } } } },
  );
  const call = (binding) => async (method, ...args) => {
    const body = JSON.stringify({ binding, method, args });
    const { text } = await running.workers[2].send("POST", "/", { body, key: null });
    return JSON.parse(text);
  };
  [direct, replicated, plain] = ["DIRECT", "REPLICATED", "DEFAULT"].map(call);
  running.limited = call("LIMITED");
  await published(running.workers[1], 1);
});
after(() => running?.stop());

const questions = demo().customers.flatMap(({ id }) =>
  demo().features.map(({ code }) => ({ customer: id, feature: code, consumed: "7", at: AT })));
const camel = (name) => name.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase());

/** A value with the names of JavaScript; what a MAP of a CONFIG feature holds is the customer's. */
function renamed(value) {
  if (Array.isArray(value)) {
    return value.map(renamed);
  }
  if (typeof value !== "object" || value === null) {
    return value;
  }
  const field = ([name, inner]) => [camel(name), name === "value" && "kind" in value ? inner : renamed(inner)];
  return Object.fromEntries(Object.entries(value).map(field));
}

/** A decision without the times of its reading, which differ between two requests. */
const timeless = ({ freshness, ...decision }) => ({ ...decision, freshness: { ...freshness, ageMs: 0, generatedAt: "" } });

test("an answer is that of the HTTP API, with the names of JavaScript", async () => {
  assert.ok(20 < questions.length);
  for (const [n, call] of [[0, direct], [1, replicated]]) {
    const worker = running.workers[n];
    const { body } = await worker.post("/v1/check/batch", { questions });
    const expected = body.results.map((decision) => timeless(renamed(decision)));
    const { result: many } = await call("checkMany", questions);
    assert.deepEqual(many.map(timeless), expected);
    for (const [at, question] of [...questions.entries()].filter(([at]) => at % 5 === 0)) {
      const { result } = await call("check", question);
      assert.deepEqual(timeless(result), expected[at]);
    }
    const { customer, consumed } = questions[0];
    const all = await worker.get(`/v1/customers/${customer}/entitlements?consumed=${consumed}&at=${AT}`);
    const { result: entitlements } = await call("entitlements", { customer, consumed, at: AT });
    assert.deepEqual(entitlements.map(timeless), all.body.data.map((decision) => timeless(renamed(decision))));
  }
});

test("every field of a question has the name of JavaScript, and numbers that are exact are amounts", async () => {
  const question = {
    customer: "acme", feature: "api_calls", subscriptionId: "sub_acme", requested: 2, at: AT, explain: true,
    onIndeterminate: "ALLOW", minVersion: 1, maxAgeMs: 600_000, suggest: true, reserved: undefined,
    usage: [{ origin: "plan", subscriptionId: "sub_acme", consumed: 3, startsAt: AT,
      period: { type: "CALENDAR", unit: "WEEK", interval: 1, weekStart: "SUNDAY", timeZone: "UTC" } }],
  };
  for (const call of [direct, replicated]) {
    const { result, thrown } = await call("check", question);
    assert.equal(thrown, undefined);
    assert.equal(result.requested, "2");
    assert.equal(result.subscriptionId, "sub_acme");
    assert.ok(0 < result.trace.length);
    assert.equal(result.warnings[0].path, "usage[0]");
  }
});

test("an answer from the replica says so, and one below `minVersion` asks the Durable Object", async () => {
  const question = { customer: "acme", feature: "sso" };
  const { result } = await replicated("check", question);
  assert.deepEqual([result.decision, result.freshness.source], ["ALLOW", "SNAPSHOT"]);
  await running.workers[1].put("/v1/catalog", demo());
  const { result: newer } = await replicated("check", { ...question, minVersion: 2 });
  assert.deepEqual([newer.decision, newer.freshness.snapshotVersion], ["ALLOW", 2]);
});

test("an error is thrown with its code and its path", async () => {
  const thrown = async (method, ...args) => (await direct(method, ...args)).thrown;
  const asked = { customer: "acme", feature: "sso" };
  const cases = [
    ["check", { ...asked, maxAge: 1 }, "UNKNOWN_FIELD", "maxAge", /the nearest one is `usage`/],
    ["check", { ...asked, minVersoin: 1 }, "UNKNOWN_FIELD", "minVersoin", /the nearest one is `minVersion`/],
    ["check", { ...asked, min_version: 1 }, "UNKNOWN_FIELD", "min_version", /the nearest one is `minVersion`/],
    ["check", { feature: "sso" }, "MISSING", "customer", /^customer: /],
    ["check", { ...asked, requested: 0.5 }, "WRONG_TYPE", "requested", /found 0.5/],
    ["check", { ...asked, usage: [{ origin: "p", consumed: "1", startsAt: 5 }] }, "WRONG_TYPE", "usage[0].startsAt", /^usage\[0\]\.startsAt: /],
    ["check", "acme", "WRONG_TYPE", "", /^expected a question$/],
    ["checkMany", asked, "WRONG_TYPE", "", /a list of questions/],
    ["checkMany", [asked, { ...asked, customer: "two words" }], "INVALID", "[1].customer", /^\[1\]\.customer: /],
    ["checkMany", [asked, { ...asked, min_version: 1 }], "UNKNOWN_FIELD", "[1].min_version", /minVersion/],
    ["checkMany", Array(1_001).fill(asked), "OUT_OF_RANGE", "questions", /at most 1000/],
    ["entitlements", { consumed: "1" }, "MISSING", "customer", /missing/],
    ["entitlements", { customer: "acme", feature: "sso" }, "UNKNOWN_FIELD", "feature", /feature/],
  ];
  for (const [method, asked, code, path, message] of cases) {
    const { isError, ...found } = await thrown(method, asked);
    assert.ok(isError);
    assert.deepEqual([found.code, found.path], [code, path], found.message);
    assert.match(found.message, message);
  }
});

test("nothing else can be called, and nobody without such a binding can call", async () => {
  const { text } = await running.workers[3].send("GET", "/", { key: null });
  assert.deepEqual(JSON.parse(text).sort(), ["check", "checkMany", "constructor", "entitlements"]);
  for (const name of ["env", "ctx", "scheduled", "alarm", "queue", "checkBound", "fetchBound", "toWire", "checkmany"]) {
    const { thrown } = await direct(name);
    assert.match(thrown.message, /does not implement the method|is a reserved method/, name);
  }
  const { thrown: fetched } = await direct("fetch", "https://mayuse/v1/catalog");
  assert.match(fetched.message, /fetch/);
  for (const method of ["check", "checkMany", "entitlements"]) {
    const { thrown } = await plain(method, { customer: "acme", feature: "sso" });
    assert.equal(thrown.isError, true, method);
  }
});

test("calls that the Durable Object answers are counted as the class `binding`", async () => {
  const { limited } = running;
  const outcomes = [];
  for (let n = 0; n < 4; n += 1) {
    outcomes.push(await limited("check", { customer: "acme", feature: "sso", at: AT }));
  }
  assert.equal(outcomes[0].result.decision, "ALLOW");
  assert.equal(outcomes.at(-1).thrown.code, "TOO_MANY_REQUESTS");
});
