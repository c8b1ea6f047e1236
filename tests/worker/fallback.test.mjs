// A fallback plan that comes and goes: records of customers say when they were created only while there is one.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { published, start } from "./support.mjs";
import { customer, shop } from "./shop.mjs";

const LINES = { "content-type": "application/x-ndjson" };
const N = 1_200;
const created = (n) => `2026-0${(n % 9) + 1}-15T10:00:00Z`;

let started;
let worker;
before(async () => {
  const customers = Array.from({ length: N }, (_, n) => customer(`cus_${n}`, { created_at: created(n) }));
  started = await start({ catalog: { ...shop(), customers: [...shop().customers, ...customers] }, snapshots: "fallback" });
  ({ worker } = started);
});
after(() => started.stop());

/** Writes the settings, waits until they are published, and asks about some customers at the catalog and at a copy. */
async function check(settings, expected) {
  const { status, body } = await worker.ask("POST", "/v1/catalog/import", { body: JSON.stringify({ kind: "settings", ...settings }), headers: LINES });
  assert.equal(status, 200, JSON.stringify(body));
  const { snapshot_version: version } = (await worker.get("/readyz")).body;
  await published(worker, version);
  for (const n of [0, 1, 599, N - 1]) {
    for (const more of [{ max_age_ms: 0 }, { min_version: version }]) {
      const ask = (at) => worker.check({ customer: `cus_${n}`, feature: "api_calls", consumed: "0", at, ...more });
      const [before, later] = await Promise.all([ask(created(n).replace("10:00", "09:59")), ask(created(n))]);
      assert.deepEqual([before.body.reason, later.body.reason, later.body.fallback], expected, JSON.stringify(later.body));
      if (later.body.fallback) assert.equal(before.body.valid_until, created(n));
    }
  }
}

const NONE = ["NO_ACTIVE_SUBSCRIPTION", "NO_ACTIVE_SUBSCRIPTION", undefined];
const HERE = ["NO_ACTIVE_SUBSCRIPTION", "WITHIN_LIMIT", true];

test("it comes, goes and comes again", async () => {
  await check({}, NONE);
  await check({ fallback_plan_version_id: "plv_pro" }, HERE);
  await check({ fallback_plan_version_id: null }, NONE);
  await check({ fallback_plan_version_id: "plv_pro" }, HERE);
});
