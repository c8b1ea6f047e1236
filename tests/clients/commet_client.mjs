// Runs Commet's released client for Node: `commet_client.mjs URL KEY`. Its host is fixed, so what it would send there goes
// to URL, as behind a name or a proxy of one's own.
import assert from "node:assert/strict";
import { Commet, CommetAPIError, CommetValidationError } from "@commet/node";

const [url, apiKey] = process.argv.slice(2);
const real = globalThis.fetch;
globalThis.fetch = (to, options) => {
  const { origin, pathname, search } = new URL(to);
  assert.equal(origin, "https://commet.co");
  return real(new URL(pathname + search, url), options);
};

const client = new Commet({ apiKey, retries: 0, telemetry: false });
const models = {
  boolean: {},
  metered: { includedUnits: 100, overageRate: 20 },
  credits: { creditCost: 3 },
  balance: { overageRate: 15 },
};
for (const [consumptionModel, amounts] of Object.entries(models)) {
  const featureId = `node_${consumptionModel}`;
  const asked = { name: `Add-on ${featureId}`, basePrice: 900, featureId, consumptionModel, description: "", ...amounts };
  const made = await client.addons.create(asked);
  const { id, slug, createdAt, updatedAt, featureCode, featureName, object, livemode, includedUnits, overageRate, creditCost } = made;
  assert.deepEqual([made.name, made.basePrice, made.description, made.consumptionModel], [asked.name, 900, "", consumptionModel]);
  assert.deepEqual([featureCode, object, livemode], [featureId, "addon", true]);
  const none = { includedUnits: null, overageRate: null, creditCost: null };
  assert.deepEqual({ includedUnits, overageRate, creditCost }, { ...none, ...amounts });
  for (const text of [id, slug, featureName, createdAt, updatedAt]) {
    assert.equal(typeof text, "string");
  }
}
const again = { name: "Again", basePrice: 1, featureId: "node_again", consumptionModel: "boolean" };
const once = await client.addons.create(again, { idempotencyKey: "the-same-of-node" });
assert.deepEqual(await client.addons.create(again, { idempotencyKey: "the-same-of-node" }), once);

const create = { name: "x", basePrice: 1, featureId: "none", consumptionModel: "boolean" };
const refused = async (call, status, code) =>
  assert.rejects(call, (error) => {
    assert.ok(error instanceof CommetAPIError, String(error));
    assert.deepEqual([error.statusCode, error.code], [status, code]);
    return true;
  });
await refused(client.addons.create(create), 404, "feature_not_found");
await refused(client.addons.create({ ...create, featureId: "node_boolean" }), 409, "feature_already_exists");
await refused(client.plans.list(), 404, "not_found");
await refused(new Commet({ apiKey: "ck_unknown", retries: 0 }).addons.create(create), 401, "unauthorized");
await assert.rejects(client.addons.create({ ...create, name: "" }), (error) => {
  assert.ok(error instanceof CommetValidationError, String(error));
  return true;
});
