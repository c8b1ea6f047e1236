// The three billing APIs over HTTP: their own example requests, and what a customer may do because of them.
// Every write is followed by the question that it changes, asked of at least the version that the write made.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { JSON_TYPE, start } from "./support.mjs";
import { PABBLY_PRODUCT, PRICE, PRODUCT, customer, shop, subscription } from "./shop.mjs";

const ID_FORM = "[0-9A-Za-z]{15,22}";
let started;
let worker;
/** The version of the last write. */
let version;

before(async () => {
  started = await start({ catalog: shop() });
  worker = started.worker;
  version = 1;
});
after(() => started.stop());

/** Sends a write, which is to make the next version. */
async function write(method, path, value, status) {
  const body = value === undefined ? "" : JSON.stringify(value);
  const answer = await worker.ask(method, path, { body, headers: JSON_TYPE });
  assert.equal(answer.status, status, `${method} ${path} ${JSON.stringify(answer.body)}`);
  version += 1;
  assert.equal(answer.headers["x-snapshot-version"], `${version}`, path);
  return answer.body;
}

/** Asks about a feature, from the last write on. */
async function ask(feature, more) {
  const question = { customer: "acme", feature, min_version: version, ...more };
  const { status, body } = await worker.check(question);
  assert.equal(status, 200);
  assert.equal(body.freshness.snapshot_version, version);
  const next = (await worker.check({ ...question, min_version: version + 1 })).body;
  assert.deepEqual([next.freshness.source, next.freshness.snapshot_version], ["ORIGIN", version]);
  return body;
}

async function assertReason(feature, reason, more) {
  const { allowed, ...decision } = await ask(feature, more);
  const isYes = ["ENABLED", "WITHIN_LIMIT", "OVERAGE_ALLOWED", "UNLIMITED"].includes(reason);
  assert.deepEqual([decision.reason, allowed], [reason, isYes], JSON.stringify(decision));
  return decision;
}

/** Gives the customer's subscription these add-ons. */
const hold = (...ids) => {
  const held = ids.map((add_on_id) => ({ add_on_id, quantity: 1 }));
  const holding = subscription("sub_acme", "cus_acme", { add_ons: held });
  return write("PUT", "/v1/catalog/subscriptions/sub_acme", holding, 200);
};

const isInstant = (text) => assert.ok(Math.abs(Date.parse(text) - Date.now()) < 60_000, text);

test("Commet: the example request, with values", async () => {
  await assertReason("custom_domains", "NOT_ENTITLED");
  const asked = { name: "Custom domains", basePrice: 900, featureId: "custom_domains", consumptionModel: "boolean" };
  const { success, data } = await write("POST", "/addons", asked, 201);
  const { id, createdAt, updatedAt, ...rest } = data;
  assert.equal(success, true);
  assert.match(id, new RegExp(`^add_${ID_FORM}$`));
  isInstant(createdAt);
  assert.equal(updatedAt, createdAt);
  assert.deepEqual(rest, {
    name: "Custom domains",
    slug: "custom-domains",
    description: null,
    basePrice: 900,
    consumptionModel: "boolean",
    featureCode: "custom_domains",
    featureName: "custom_domains",
    includedUnits: null,
    overageRate: null,
    creditCost: null,
    object: "addon",
    livemode: true,
  });
  await assertReason("custom_domains", "NOT_ENTITLED");
  await hold(id);
  const { origin } = await assertReason("custom_domains", "ENABLED");
  assert.deepEqual(origin, { entity_type: "ADD_ON", entity_id: id, name: "Custom domains" });
  await hold();
  await assertReason("custom_domains", "NOT_ENTITLED");
});

test("Commet: metered, with overage", async () => {
  const asked = { name: "E-mails", basePrice: 0, featureId: "feat_emails", consumptionModel: "metered" };
  const { data } = await write("POST", "/addons", { ...asked, includedUnits: 5_000, overageRate: 20 }, 201);
  assert.deepEqual([data.includedUnits, data.overageRate, data.creditCost], [5_000, 20, null]);
  await hold(data.id);
  await assertReason("emails", "WITHIN_LIMIT", { consumed: "4999" });
  const { trace } = await assertReason("emails", "WITHIN_LIMIT", { consumed: "0", explain: true });
  assert.deepEqual(trace[0].value.reset_period, { type: "BILLING_CYCLE", sub_cycle: "MONTHLY" });
  const { overage, limit } = await assertReason("emails", "OVERAGE_ALLOWED", { consumed: "5000" });
  assert.deepEqual([overage.behavior, overage.units, limit], ["ALLOW", "1", "5000"]);
});

test("Commet: credits, from a pool that comes with the first add-on", async () => {
  assert.equal((await ask("credits")).reason, "FEATURE_NOT_FOUND");
  const asked = { name: "Images", basePrice: 1_000, featureId: "images", consumptionModel: "credits", creditCost: 5 };
  const { data } = await write("POST", "/addons", asked, 201);
  const pool = (await worker.get("/api/v1/features/credits")).body;
  assert.deepEqual([pool.code, pool.feature_type.type], ["credits", "METERED"]);
  await hold(data.id);
  await assertReason("images", "INSUFFICIENT_CREDITS", { consumed: "0" });
  const units = { type: "METERED", limit: "50", reset_period: { type: "BILLING_CYCLE" } };
  const rows = [{ feature: "credits", value: units }];
  const add_ons = [{ add_on_id: data.id, quantity: 1 }];
  const held = subscription("sub_acme", "cus_acme", { add_ons, entitlements: rows });
  await write("PUT", "/v1/catalog/subscriptions/sub_acme", held, 200);
  await assertReason("images", "WITHIN_LIMIT", { consumed: "0", requested: "10" });
  await assertReason("images", "INSUFFICIENT_CREDITS", { consumed: "0", requested: "11" });
});

test("Commet: refusals", async () => {
  const asked = { name: "Again", basePrice: 0, featureId: "custom_domains", consumptionModel: "boolean" };
  const wrong = "validation_error";
  const cases = [
    [{ ...asked, featureId: "nothing" }, 404, "not_found_error", "feature_not_found", "featureId"],
    [asked, 409, "conflict_error", "feature_already_exists", "featureId"],
    [{ ...asked, featureId: "sso", basePrice: -1 }, 400, wrong, wrong, "basePrice"],
    [{ ...asked, featureId: "sso", consumptionModel: "metered" }, 400, wrong, wrong, "consumptionModel"],
    ["{", 400, wrong, "invalid_json", undefined],
  ];
  for (const [body, status, type, code, param] of cases) {
    const answer = await worker.post("/addons", body);
    assert.deepEqual([answer.status, answer.body.error.type], [status, type], JSON.stringify(answer.body));
    assert.deepEqual([answer.body.error.code, answer.body.error.param], [code, param]);
    assert.equal(answer.headers["x-snapshot-version"], `${version}`, "nothing was written");
  }
  const { body } = await worker.post("/addons", {});
  assert.deepEqual(
    body.error.details.map(({ field }) => field).sort(),
    ["basePrice", "consumptionModel", "featureId", "name"],
  );
});

/** The request of Pabbly's documentation, as its curl line sends it. */
const PABBLY_EXAMPLE = {
  billing_period: "m",
  billing_cycle: "lifetime",
  status: "true",
  associate_plans: "all_plans",
  billing_period_num: 1,
  category_array: ["5e3aac233c92e44b424b6dfb"],
  code: "extra-5gb-data",
  name: "Extra 5GB Data",
  price: 10,
  plans_array: [""],
  description: "By adding this addon, you'll get extra 5GB data",
};

test("Pabbly: the example request", async () => {
  assert.equal((await ask("extra-5gb-data")).reason, "FEATURE_NOT_FOUND");
  const path = `/api/v1/addon/${PABBLY_PRODUCT}`;
  const { status, message, data } = await write("POST", path, PABBLY_EXAMPLE, 200);
  const { id, user_id, createdAt, updatedAt, ...rest } = data;
  assert.deepEqual([status, message], ["success", "Addon Created Successfully"]);
  assert.match(id, /^[0-9a-f]{24}$/);
  assert.match(user_id, /^[0-9a-f]{24}$/);
  assert.match(createdAt, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  isInstant(createdAt);
  assert.equal(updatedAt, createdAt);
  assert.deepEqual(rest, {
    billing_period: "m",
    category_array: ["5e3aac233c92e44b424b6dfb"],
    product_id: PABBLY_PRODUCT,
    name: "Extra 5GB Data",
    code: "extra-5gb-data",
    price: 10,
    billing_cycle: "lifetime",
    status: true,
    associate_plans: "all",
    plans_array: [""],
    description: "By adding this addon, you'll get extra 5GB data",
  });
  await assertReason("extra-5gb-data", "NOT_ENTITLED");
  await hold(id);
  const { origin } = await assertReason("extra-5gb-data", "ENABLED");
  assert.equal(origin.entity_id, id);
  const again = await worker.post(path, PABBLY_EXAMPLE);
  assert.deepEqual([again.status, again.body.status], [409, "error"]);
  assert.equal(again.body.message, again.body.error);
});

test("Pabbly: an amount, by a mapping", async () => {
  const value = { type: "METERED", limit: "5" };
  await write("PUT", "/v1/catalog/add_on_mappings/five-gb", { feature: "storage_gb", value }, 201);
  const asked = { ...PABBLY_EXAMPLE, code: "five-gb", name: "Five" };
  const { data } = await write("POST", `/api/v1/addon/${PABBLY_PRODUCT}`, asked, 200);
  await hold(data.id);
  const { limit } = await assertReason("storage_gb", "WITHIN_LIMIT", { consumed: "4" });
  assert.equal(limit, "5");
  await assertReason("storage_gb", "LIMIT_REACHED", { consumed: "5" });
});

test("Meteroid: an add-on, its entitlements, and a subscription with it", async () => {
  const description = "Log in with your own directory";
  const asked = { name: "SSO", product_id: PRODUCT, price_id: PRICE, description, max_instances_per_subscription: 1 };
  const made = await write("POST", "/api/v1/addons", asked, 201);
  const { id, created_at, ...rest } = made;
  assert.match(id, new RegExp(`^add_${ID_FORM}$`));
  isInstant(created_at);
  assert.deepEqual(rest, { ...asked, self_serviceable: false, fee_type: "RATE" });
  assert.deepEqual((await worker.get(`/api/v1/addons/${id}`)).body, made);
  assert.deepEqual((await worker.get(`/api/v1/addons/${id}/entitlements`)).body, { data: [] });
  assert.equal((await worker.get("/api/v1/addons/add_nothing/entitlements")).status, 404);

  // Meteroid's API creates add-ons without rows; these come through ours.
  const calls = { type: "METERED", limit: "500", reset_period: { type: "BILLING_CYCLE" } };
  const rows = [
    { id: "ent_sso", feature_id: "feat_sso", value: { type: "BOOLEAN", enabled: true } },
    { id: "ent_calls", feature_id: "feat_api_calls", value: calls },
  ];
  const stored = (await worker.get(`/v1/catalog/add_ons/${id}`)).body.entity;
  await write("PUT", `/v1/catalog/add_ons/${id}`, { ...stored, entitlements: rows }, 200);
  const { body } = await worker.get(`/api/v1/addons/${id}/entitlements`);
  const value = (feature) => body.data.find((one) => one.feature.code === feature).value;
  assert.equal(body.data.length, 2);
  assert.deepEqual(value("sso"), { type: "BOOLEAN", enabled: true });
  assert.deepEqual([value("api_calls").limit, value("api_calls").reset_period], ["500", { type: "BILLING_CYCLE" }]);

  await write("PUT", "/v1/catalog/customers/cus_new", customer("cus_new", { alias: "new" }), 201);
  await assertReason("sso", "NO_ACTIVE_SUBSCRIPTION", { customer: "new" });
  const subscribed = await write("POST", "/api/v1/subscriptions", {
    plan_id: "plan_pro",
    customer_id_or_alias: "new",
    start_date: "2025-01-31",
    activation_condition: "ON_START",
    add_ons: [{ add_on_id: id, quantity: 1 }],
  }, 201);
  assert.match(subscribed.id, new RegExp(`^sub_${ID_FORM}$`));
  assert.deepEqual(
    [subscribed.customer_id, subscribed.customer_alias, subscribed.status, subscribed.billing_day_anchor],
    ["cus_new", "new", "ACTIVE", 31],
  );
  const decision = await assertReason("sso", "ENABLED", { customer: "new" });
  assert.equal(decision.subscription_id, subscribed.id);
  const { limit } = await assertReason("api_calls", "WITHIN_LIMIT", { customer: "new", consumed: "1499" });
  assert.equal(limit, "1500");
  await assertReason("api_calls", "LIMIT_REACHED", { customer: "new", consumed: "1500" });

  for (const path of ["customers/new", "customers/cus_new", `subscriptions/${subscribed.id}`]) {
    const effective = await worker.get(`/api/v1/${path}/entitlements`);
    assert.equal(effective.status, 200, path);
    const of = (code) => effective.body.data.find((one) => one.feature.code === code)?.value;
    assert.deepEqual(of("sso"), { type: "BOOLEAN", enabled: true }, path);
    const { spec, usage } = of("api_calls");
    assert.deepEqual([spec.limit, spec.enabled, spec.reset_period], ["1500", true, { type: "BILLING_CYCLE" }], path);
    assert.ok(Date.parse(usage.reset_at) > Date.now(), path);
    assert.equal(of("custom_domains"), undefined, path);
  }
  const version1 = (await worker.get("/api/v1/plan-versions/plv_pro/entitlements")).body.data;
  assert.deepEqual(version1.map((one) => [one.feature.code, one.value.limit]), [["api_calls", "1000"]]);
});

test("Meteroid: archive, unarchive and change", async () => {
  const made = await write("POST", "/api/v1/addons", { name: "Short", product_id: PRODUCT, price_id: PRICE }, 201);
  const path = `/api/v1/addons/${made.id}`;
  await write("POST", `${path}/archive`, undefined, 204);
  assert.ok((await worker.get(path)).body.archived_at);
  await write("POST", `${path}/unarchive`, undefined, 204);
  assert.equal((await worker.get(path)).body.archived_at, undefined);
  const changed = await write("PATCH", path, { name: "Shorter" }, 200);
  assert.deepEqual(changed, { ...made, name: "Shorter" });
  const { status, body, headers } = await worker.post("/api/v1/addons", { name: "", product_id: "prd_x" });
  assert.deepEqual([status, body.code], [400, "BAD_REQUEST"]);
  assert.equal(headers["x-snapshot-version"], `${version}`);
});
