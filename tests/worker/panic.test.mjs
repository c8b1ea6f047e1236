// A panic ends the instance of the Worker it happened in; the next question meets a new one.
// What panics is the built Worker itself, asked to by the binding PANIC_ROUTE.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { AT, JSON_TYPE, start } from "./support.mjs";

const N_ROUNDS = 10;
const N_IN_FLIGHT = 20;
const QUESTION = { customer: "acme", feature: "sso", at: AT };

let started;
let panicking;
let plain;
let expected;

before(async () => {
  started = await start({ PANIC_ROUTE: "1" }, {});
  [panicking, plain] = started.workers;
  expected = (await plain.check(QUESTION)).body;
  assert.equal(expected.reason, "ENABLED");
});
after(() => started.stop());

/** Panics; the connection breaks or the answer says that it was the server's fault. */
async function panic() {
  const { status } = await panicking.send("GET", "/panic").catch(() => ({ status: 599 }));
  assert.ok(500 <= status && status <= 599, `a panic gives ${status}`);
}

async function check(worker) {
  const { status, body } = await worker.check(QUESTION);
  assert.deepEqual([status, body], [200, expected]);
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
    await Promise.all(inFlight);
    await check(panicking);
  }
});

test("a question that is still being sent while it panics ends", async () => {
  for (let round = 0; round < N_ROUNDS; round += 1) {
    let goOn;
    const rest = new Promise((resolve) => (goOn = resolve));
    const answered = disturbed(rest);
    await check(panicking);
    await panic();
    await check(panicking);
    goOn();
    await answered;
    await check(panicking);
  }
});

/** A question that a panic elsewhere may take down with it; an answer is the right one. */
async function disturbed(rest) {
  const body = JSON.stringify(QUESTION);
  const sent = { body: rest ? [body.slice(0, 10), body.slice(10)] : body, headers: JSON_TYPE, pause: rest };
  const { status, text } = await panicking.send("POST", "/v1/check", sent).catch(() => ({ status: 599 }));
  if (status < 500) {
    assert.deepEqual([status, JSON.parse(text)], [200, expected]);
  }
}

test("without the binding there is nothing to panic", async () => {
  const { status, body } = await plain.get("/panic");
  assert.deepEqual([status, body.error.code], [404, "NOT_FOUND"]);
  await check(plain);
});
