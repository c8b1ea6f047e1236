// Plans that are written as their only version, as billing systems print them, through every route that takes plans.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { published, start } from "./support.mjs";
import { customer, shop, subscription } from "./shop.mjs";

const SSO = { feature: "sso", value: { type: "BOOLEAN", enabled: true } };
const flat = (id, more) => ({ id, name: id, version: 3, version_id: `${id}_v3`, entitlements: [SSO], ...more });
const on = (id, plan) => subscription(`sub_${id}`, `cus_${id}`, { plan_id: plan, plan_version_id: `${plan}_v3` });

let started;
let worker;
before(async () => {
  started = await start({ catalog: shop(), snapshots: "flat" });
  ({ worker } = started);
});
after(() => started.stop());

/** Holds the answer of the catalog and that of an isolate's copy against what is expected. */
async function check(id, expected) {
  const { snapshot_version: version } = (await worker.get("/readyz")).body;
  await published(worker, version);
  for (const more of [{ max_age_ms: 0 }, { min_version: version }]) {
    const { body } = await worker.check({ customer: `cus_${id}`, feature: "sso", ...more });
    assert.deepEqual([body.allowed, body.reason, body.origin?.name], expected, JSON.stringify(body));
  }
}

async function written(answer) {
  const { status, body } = await answer;
  assert.ok(status === 200 || status === 201, JSON.stringify(body));
  return body;
}

test("one by one", async () => {
  await written(worker.put("/v1/catalog/plans/flat", flat("flat")));
  await written(worker.put("/v1/catalog/customers/cus_one", customer("cus_one")));
  await written(worker.put("/v1/catalog/subscriptions/sub_one", on("one", "flat")));
  await check("one", [true, "ENABLED", "flat v3"]);
  const { body } = await worker.get("/v1/catalog/plans/flat");
  assert.deepEqual(body.entity, flat("flat"), "it is kept as it was written");

  // The version of somebody's subscription stays.
  for (const plan of [flat("flat", { version_id: "flat_v4" }), { id: "flat", name: "flat" }]) {
    const refused = await worker.put("/v1/catalog/plans/flat", plan);
    assert.equal(refused.status, 409, JSON.stringify(refused.body));
    assert.match(refused.body.error.message, /flat_v3/);
  }
  assert.equal((await worker.delete("/v1/catalog/plans/flat")).status, 409);
  const twice = await worker.put("/v1/catalog/plans/other", flat("other", { version_id: "flat_v3" }));
  assert.ok([400, 409].includes(twice.status), JSON.stringify(twice.body));

  // The same plan may be written with a list of versions.
  const listed = { id: "flat", name: "flat", versions: [{ id: "flat_v3", version: 3, entitlements: [] }, { id: "flat_v4", version: 4 }] };
  await written(worker.put("/v1/catalog/plans/flat", listed));
  await check("one", [false, "NOT_ENTITLED", undefined]);
  await written(worker.put("/v1/catalog/plans/flat", flat("flat")));
  await check("one", [true, "ENABLED", "flat v3"]);
});

test("a subscription to a version that the plan does not have says where versions are expected", async () => {
  const { status, body } = await worker.put("/v1/catalog/subscriptions/sub_lost", { ...on("one", "flat"), id: "sub_lost", plan_version_id: "flat_v9" });
  assert.deepEqual([status, body.error.path], [400, "plan_version_id"], JSON.stringify(body));
  assert.match(body.error.message, /no plan version `flat_v9`/);
});

test("as lines, and in a document", async () => {
  const lines = [["plan", flat("lined")], ["customer", customer("cus_lined")], ["subscription", on("lined", "lined")]];
  const body = lines.map(([kind, entity]) => `${JSON.stringify({ kind, ...entity })}\n`).join("");
  const headers = { "content-type": "application/x-ndjson" };
  // Editors put a byte-order mark before the first line.
  assert.equal((await written(worker.ask("POST", "/v1/catalog/import", { body: `\ufeff${body}`, headers }))).done, true);
  await check("lined", [true, "ENABLED", "lined v3"]);

  const { body: document } = await worker.get("/v1/catalog");
  assert.deepEqual(document.plans.find(({ id }) => id === "lined"), flat("lined"));
  await written(worker.ask("PUT", "/v1/catalog", { body: `\ufeff${JSON.stringify(document)}`, headers: { "content-type": "application/json" } }));
  await check("lined", [true, "ENABLED", "lined v3"]);
});

test("a plan of this form is sold through Meteroid's API", async () => {
  const sold = { plan_id: "flat", customer_id_or_alias: "acme", start_date: new Date().toISOString().slice(0, 10), activation_condition: "ON_START" };
  const { status, body } = await worker.post("/api/v1/subscriptions", sold);
  assert.equal(status, 201, JSON.stringify(body));
  assert.deepEqual([body.plan_version_id, body.plan_version], ["flat_v3", 3]);
  await check("acme", [true, "ENABLED", "flat v3"]);
});
