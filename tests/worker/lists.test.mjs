// Lists and values of the largest size and one step beyond: each is answered or refused for what it is, and the next question is answered.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { published, start } from "./support.mjs";
import { ACCEPTED, AT, N_ZONES, REFUSED, catalog, withUsage } from "../support/lists.mjs";

/** The time that one step may take, on a machine that is busy with other things. */
const SOON = 15_000;

let started;
let worker;
before(async () => {
  started = await start({ catalog: catalog({}), snapshots: "lists" });
  ({ worker } = started);
});
after(() => started.stop());

async function soon(name, work) {
  const begun = performance.now();
  const done = await work();
  const took = performance.now() - begun;
  assert.ok(took < SOON, `${name} took ${took} ms`);
  return done;
}

const ask = (question) => soon("a check", () => worker.check({ customer: "cus_x", at: AT, ...question }));

async function assertAnswers() {
  const { status, body } = await ask({ feature: "s", max_age_ms: 0 });
  assert.deepEqual([status, body.type], [200, "BOOLEAN"], JSON.stringify(body));
}

for (const [name, document, question, holds] of ACCEPTED) {
  test(name, async () => {
    const { status, body } = await soon("writing", () => worker.ask("PUT", "/v1/catalog", { body: JSON.stringify(document), headers: { "content-type": "application/json" } }));
    assert.equal(status, 200, JSON.stringify(body).slice(0, 1_000));
    if (name.includes("time zones")) {
      assert.deepEqual([body.warning_count, body.warnings.length], [N_ZONES, 100]);
      assert.match(body.warnings[0].message, /there is no time zone `Nowhere\/\d+`/);
    }
    // At the catalog, and in an isolate that holds a copy.
    const { snapshot_version: version } = body;
    await published(worker, version);
    for (const more of [{ max_age_ms: 0 }, { min_version: version }]) {
      const { body: answer } = await ask({ ...question, ...more });
      for (const [field, value] of Object.entries(holds)) assert.deepEqual(answer[field], value, `${field}: ${JSON.stringify(answer).slice(0, 1_000)}`);
    }
  });
}

for (const [name, document, code, path, message] of REFUSED) {
  test(`${name} are refused`, async () => {
    const sent = { body: JSON.stringify(document), headers: { "content-type": "application/json" } };
    const { status, body } = await soon("refusing", () => worker.ask("PUT", "/v1/catalog", sent));
    assert.deepEqual([status, body.error.code, body.error.path, body.error.message], [413, code, path, message]);
    await assertAnswers();
  });
}

test("entries of usage", async () => {
  const { body: written } = await worker.ask("PUT", "/v1/catalog", {
    body: JSON.stringify(ACCEPTED[1][1]), headers: { "content-type": "application/json" },
  });
  const batch = (questions) => soon("a batch", () => worker.post("/v1/check/batch", { questions }));
  const min_version = written.snapshot_version;
  const { body } = await batch([{ ...withUsage(1_000), min_version }, withUsage(1_001), { customer: "cus_x", feature: "s", at: AT, min_version }]);
  const [most, more, last] = body.results;
  // A thousand packs of two have one left; of the 3,001 that have begun, 2,001 have two.
  assert.deepEqual([most.reason, most.available], ["WITHIN_LIMIT", "5002"]);
  assert.deepEqual([more.error.code, more.error.path], ["TOO_LARGE", "usage"]);
  assert.equal(last.reason, "ENABLED");

  const alone = await soon("a question", () => worker.post("/v1/check", withUsage(1_000)));
  assert.deepEqual([alone.status, alone.body.error.code], [413, "PAYLOAD_TOO_LARGE"]);
  await assertAnswers();
});
