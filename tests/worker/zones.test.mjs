// Time zones of the Worker: rows of customers name them, and a snapshot has what they name.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { published, start } from "./support.mjs";
import { customer, shop } from "./shop.mjs";

let started;
let worker;
before(async () => {
  started = await start({ catalog: shop(), snapshots: "zones" });
  ({ worker } = started);
});
after(() => started.stop());

const row = (time_zone) => ({
  id: "ent_own",
  feature: "api_calls",
  value: { type: "METERED", limit: "7", reset_period: { type: "CALENDAR", unit: "DAY", interval: 1, time_zone } },
});
const put = async (id, entitlements) => {
  const { status, body, headers } = await worker.put(`/v1/catalog/customers/${id}`, { ...customer(id), entitlements });
  assert.ok(status === 200 || status === 201, JSON.stringify(body));
  return headers;
};
const ask = (id, more) => worker.check({ customer: id, feature: "api_calls", consumed: "1", at: "2026-03-29T12:00:00Z", ...more });

test("a customer may name a zone that no definition names, and isolates know it from the snapshot", async () => {
  await put("cus_berlin", [row("Europe/Berlin")]);
  await put("cus_tokyo", [row("Asia/Tokyo")]);
  const { body: ready } = await worker.get("/readyz");
  await published(worker, ready.version ?? ready.snapshot_version);
  for (const [id, start, end] of [
    ["cus_berlin", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"],
    ["cus_tokyo", "2026-03-28T15:00:00Z", "2026-03-29T15:00:00Z"],
  ]) {
    for (const more of [{}, { max_age_ms: 0 }]) {
      const { body } = await ask(id, more);
      assert.deepEqual([body.period?.start, body.period?.end], [start, end], JSON.stringify(body));
    }
  }
});

test("a zone that nobody names any more leaves the snapshot, and others stay", async () => {
  await put("cus_berlin", []);
  const { body: ready } = await worker.get("/readyz");
  await published(worker, ready.version ?? ready.snapshot_version);
  const { body } = await ask("cus_tokyo");
  assert.equal(body.period.time_zone, "Asia/Tokyo");
});

test("an unknown zone is refused where it is written", async () => {
  const body = { ...customer("cus_lost"), entitlements: [row("Europe/Atlantis")] };
  const refused = await worker.put("/v1/catalog/customers/cus_lost", body);
  assert.deepEqual([refused.status, refused.body.error.path], [400, "entitlements[0].value"]);
  assert.match(refused.body.error.message, /there is no time zone `Europe\/Atlantis`/);
});
