// The bounds on what is stored: what could not be published is refused when it is written. At each bound, and past it.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { start, published } from "./support.mjs";
import { customer, shop, subscription } from "./shop.mjs";

const MAX_CUSTOMER = 4 * 1024 * 1024;
const MAX_DEFINITIONS = 8 * 1024 * 1024;
const LINES = { "content-type": "application/x-ndjson" };
const line = (kind, entity) => `${JSON.stringify({ kind, ...entity })}\n`;

let started;
let worker;
before(async () => {
  started = await start({ catalog: shop(), snapshots: "bounds" });
  ({ worker } = started);
});
after(() => started.stop());

const send = (body) => worker.ask("POST", "/v1/catalog/import", { body, headers: LINES });
const isPublished = async (version) => {
  await published(worker, version);
  const { body } = await worker.get("/readyz");
  assert.deepEqual([body.status, body.failing_shards, body.waiting_keys], ["ok", 0, 0]);
};

/** A subscription that takes so many bytes as it is stored. */
function sized(id, size) {
  const bare = subscription(id, "cus_large", { note: "" });
  return { ...bare, note: "n".repeat(size - JSON.stringify(bare).length) };
}

test("a customer with all its subscriptions", async () => {
  const own = customer("cus_large");
  const of = MAX_CUSTOMER - JSON.stringify(own).length;
  const each = 1_000_000;
  const last = of - 4 * each;
  const sizes = [each, each, each, each, last];
  const lines = [line("customer", own), ...sizes.map((size, n) => line("subscription", sized(`sub_large_${n}`, size)))];
  const taken = await send(lines.join(""));
  assert.equal(taken.status, 200, JSON.stringify(taken.body).slice(0, 500));
  await isPublished(taken.body.snapshot_version);
  const check = await worker.check({ customer: "cus_large", feature: "api_calls", consumed: "0" });
  assert.equal(check.body.allowed, true);
  // One byte more, in a line and alone.
  const more = sized("sub_large_4", last + 1);
  const refused = await send(line("customer", customer("cus_other")) + line("subscription", more));
  assert.equal(refused.status, 413);
  assert.equal(refused.body.error.path, "line 2");
  assert.match(refused.body.error.message, /customer `cus_large` with all its subscriptions would take 4194305 bytes/);
  const put = await worker.put("/v1/catalog/subscriptions/sub_large_4", more);
  assert.deepEqual([put.status, put.body.error.path], [413, "subscriptions[0]"]);
  await isPublished((await worker.get("/readyz")).body.snapshot_version);
});

test("features, plans and add-ons together", async () => {
  const { body } = await worker.get("/v1/catalog");
  const stored = [body.features, body.plans, body.add_ons ?? []].flat().reduce((n, one) => n + JSON.stringify(one).length, 0);
  const plan = (n, size) => {
    const bare = { id: `plan_large_${n}`, name: "Large", description: "" };
    return { ...bare, description: "d".repeat(size - JSON.stringify(bare).length) };
  };
  const each = 1_000_000;
  const last = MAX_DEFINITIONS - stored - 8 * each;
  const lines = Array.from({ length: 8 }, (_, n) => line("plan", plan(n, each)));
  const taken = await send(lines.join("") + line("plan", plan(8, last)));
  assert.equal(taken.status, 200, JSON.stringify(taken.body).slice(0, 500));
  await isPublished(taken.body.snapshot_version);
  const past = await worker.put("/v1/catalog/plans/plan_large_8", plan(8, last + 1));
  assert.equal(past.status, 413);
  assert.match(past.body.error.message, /features, plans and add-ons together would take 8388609 bytes, more than 8388608/);
  assert.equal((await send(line("plan", plan(9, 100)))).status, 413);
  // Nothing of it was kept.
  await isPublished(taken.body.snapshot_version);
});

test("five thousand plan versions with forty rows each are refused with the bound, or published", async () => {
  const features = Array.from({ length: 40 }, (_, n) => ({
    id: `feat_many_${n}`, code: `many_${n}`, name: `Many ${n}`, feature_type: { type: "METERED" }, status: "ACTIVE",
  }));
  const entitlements = features.map(({ code }) => ({
    feature: code, value: { type: "METERED", limit: "1000", reset_period: { type: "BILLING_CYCLE" } },
  }));
  const plan = (n) => ({
    id: `plan_many_${n}`, name: `Many ${n}`, versions: [{ id: `plv_many_${n}`, version: 1, entitlements }],
  });
  const own = await start({ catalog: null, snapshots: "many" });
  try {
    const post = (body) => own.worker.ask("POST", "/v1/catalog/import", { body, headers: LINES });
    await post(features.map((feature) => line("feature", feature)).join(""));
    const all = Array.from({ length: 5_000 }, (_, n) => line("plan", plan(n))).join("");
    const { status, body } = await post(all);
    assert.equal(status, 413);
    assert.match(body.error.path, /^line \d+$/);
    assert.match(body.error.message, /features, plans and add-ons together/);
    // What was taken before is published, and questions are answered.
    await published(own.worker, body.snapshot_version);
    assert.equal((await own.worker.get("/readyz")).body.status, "ok");
  } finally {
    await own.stop();
  }
});
