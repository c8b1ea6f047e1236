// A panic ends the instance of the Worker it happened in; the next question meets a new one.
// What panics is the built Worker itself, asked to by the binding PANIC_ROUTE. The object lives in the same instance.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { AT, JSON_TYPE, start, timeless } from "./support.mjs";

const N_ROUNDS = 10;
const N_IN_FLIGHT = 8;
const QUESTION = { customer: "acme", feature: "sso", at: AT };

let started;
let panicking;
let plain;
let expected;
/** What a panic may leave without an answer until the Worker gives it up, which is waited for once. */
const left = [];

before(async () => {
  started = await start({ bindings: { PANIC_ROUTE: "1" } }, {});
  [panicking, plain] = started.workers;
  expected = decision((await plain.check(QUESTION)).body);
  assert.equal(expected.reason, "ENABLED");
});
after(() => started.stop());

/** Panics; the connection breaks or the answer says that it was the server's fault. */
async function panic() {
  const { status } = await panicking.send("GET", "/panic").catch(() => ({ status: 599 }));
  assert.ok(500 <= status && status <= 599, `a panic gives ${status}`);
}

/** A decision without when and from which version it was made. */
const decision = (body) => ({ ...timeless(body), freshness: null });

async function check(worker) {
  const { status, body } = await worker.check(QUESTION);
  assert.deepEqual([status, decision(body)], [200, expected]);
}

test("the question after a panic is answered", async () => {
  for (let round = 0; round < N_ROUNDS; round += 1) {
    await panic();
    await check(panicking);
  }
});

test("panics one after another do not add up", async () => {
  for (let round = 0; round < N_ROUNDS; round += 1) {
    await panic();
  }
  await check(panicking);
  assert.equal((await panicking.get("/readyz")).status, 200);
});

test("questions in flight while it panics are answered or fail, and never wrongly", async () => {
  for (let round = 0; round < N_ROUNDS; round += 1) {
    const inFlight = Array.from({ length: N_IN_FLIGHT }, (_, n) => (n === N_IN_FLIGHT / 2 ? panic() : disturbed()));
    left.push(...inFlight);
    await inFlight[N_IN_FLIGHT / 2];
    await check(panicking);
  }
});

test("a question that is still being sent while it panics ends", async () => {
  for (let round = 0; round < N_ROUNDS; round += 1) {
    let goOn;
    const rest = new Promise((resolve) => (goOn = resolve));
    left.push(disturbed(rest));
    await check(panicking);
    await panic();
    await check(panicking);
    goOn();
    await check(panicking);
  }
});

test("of writes in flight while it panics, those that were acknowledged are there", async () => {
  const versions = new Map();
  const write = async (id) => {
    const sent = { body: JSON.stringify({ name: id }), headers: JSON_TYPE };
    const written = panicking.send("PUT", `/v1/catalog/customers/${id}`, sent);
    const { status, text } = await written.catch(() => ({ status: 599 }));
    if (status < 500) {
      assert.equal(status, 201, text);
      versions.set(id, JSON.parse(text).snapshot_version);
    }
  };
  const ids = Array.from({ length: N_ROUNDS * N_IN_FLIGHT }, (_, n) => `cus_${n}`);
  for (let n = 0; n < ids.length; n += N_IN_FLIGHT) {
    await write(`${ids[n]}_before`);
    left.push(...ids.slice(n, n + N_IN_FLIGHT).map(write));
    await panic();
    await check(panicking);
  }
  await Promise.all(left);
  assert.ok(versions.size >= N_ROUNDS, "nothing was acknowledged");
  assert.equal(new Set(versions.values()).size, versions.size, "a version stands for one write");
  for (const [id, version] of versions) {
    const { status, body } = await panicking.get(`/v1/catalog/customers/${id}`);
    assert.deepEqual([status, body.snapshot_version, body.entity], [200, version, { id, name: id }]);
  }
  const { body } = await panicking.get("/readyz");
  assert.ok(Math.max(...versions.values()) <= body.snapshot_version);
});

test("what was in flight came to an end", async () => {
  await Promise.all(left);
  await check(panicking);
});

/** A question that a panic elsewhere may take down with it; an answer is the right one. */
async function disturbed(rest) {
  const body = JSON.stringify(QUESTION);
  const sent = { body: rest ? [body.slice(0, 10), body.slice(10)] : body, headers: JSON_TYPE, pause: rest };
  const { status, text } = await panicking.send("POST", "/v1/check", sent).catch(() => ({ status: 599 }));
  if (status < 500) {
    assert.deepEqual([status, decision(JSON.parse(text))], [200, expected]);
  }
}

test("without the binding there is nothing to panic", async () => {
  const { status, body } = await plain.get("/panic");
  assert.deepEqual([status, body.error.code], [404, "NOT_FOUND"]);
  await check(plain);
});
