// The catalog's own routes: every kind, one by one, in pages and as a whole. Answers are held against openapi.json.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Miniflare, NoOpLog } from "miniflare";
import { JSON_TYPE, catalogOf, demo, start, worker as workerOf } from "./support.mjs";
import { PRODUCT, customer, shop, subscription } from "./shop.mjs";

const sha256 = (key) => createHash("sha256").update(key).digest("hex");
const API_KEYS = JSON.stringify([{ name: "other", sha256: sha256("other"), scopes: ["check", "catalog"] }]);
const METERED = { type: "METERED", limit: "5", reset_period: { type: "NEVER" } };
const FEATURE = { id: "feat_x", code: "x", name: "X", feature_type: { type: "METERED" }, status: "ACTIVE" };
const ROW = { id: "ent_x", feature_id: "feat_x", value: METERED };
const PLAN = { plan_id: "plan_x", plan_version_id: "plv_x" };

/** One of each kind, in an order in which it can be written, and another state of the same. */
const ONE_OF_EACH = [
  ["products", { id: "prd_x", name: "X" }, { name: "Y" }],
  ["prices", { id: "pri_x", product_id: "prd_x", currency: "EUR", cadence: "ANNUAL" }, { cadence: "MONTHLY" }],
  ["metrics", { id: "bm_x", code: "x", name: "X" }, { name: "Y" }],
  ["coupons", { id: "cou_x", code: "TEN", discount: { type: "PERCENTAGE", percentage: "10" } }, { disabled: true }],
  ["features", FEATURE, { name: "Y" }],
  ["add_on_mappings", { id: "code-x", feature: "x", value: METERED }, { value: { ...METERED, limit: "6" } }],
  ["plans", { id: "plan_x", name: "X", versions: [{ id: "plv_x", version: 1 }] }, { name: "Y" }],
  ["add_ons", { id: "add_x", name: "X", entitlements: [ROW] }, { name: "Y" }],
  ["customers", customer("cus_x", { alias: "x" }), { alias: "y" }],
  [
    "subscriptions",
    subscription("sub_x", "cus_x", { ...PLAN, add_ons: [{ add_on_id: "add_x", quantity: 2 }] }),
    { status: "PAUSED" },
  ],
];

let started;
let worker;
let version;

before(async () => {
  started = await start({ catalog: shop(), bindings: { API_KEYS } }, { catalog: demo() });
  worker = started.worker;
  version = 1;
});
after(() => started.stop());

const at = (kind, id) => `/v1/catalog/${kind}/${encodeURIComponent(id)}`;

/** Holds a write against its status and the version it makes, which is the next. */
function assertWritten(answer, status) {
  version += 1;
  const { snapshot_version } = answer.body;
  assert.deepEqual([answer.status, snapshot_version], [status, version], JSON.stringify(answer.body));
  assert.equal(answer.headers["x-snapshot-version"], `${version}`);
}

/** Holds a refusal against status, code and place. Nothing was written. */
function assertRefused(answer, status, code, path) {
  const { error } = answer.body;
  assert.deepEqual([answer.status, error.code, error.path], [status, code, path], JSON.stringify(answer.body));
  if (answer.headers["x-snapshot-version"] !== undefined) {
    assert.equal(answer.headers["x-snapshot-version"], `${version}`);
  }
}

async function put(kind, body, status) {
  const answer = await worker.put(at(kind, body.id), body);
  assertWritten(answer, status);
  const { kind: name, id, created } = answer.body;
  assert.deepEqual([name, id, created], [kind.slice(0, -1), body.id, status === 201]);
}

const isNow = (text) => assert.ok(Math.abs(Date.parse(text) - Date.now()) < 60_000, text);

test("every kind is put, read, changed and taken away", async () => {
  for (const [kind, body, change] of ONE_OF_EACH) {
    assertRefused(await worker.get(at(kind, body.id)), 404, "NOT_FOUND");
    await put(kind, body, 201);
    const made = (await worker.get(at(kind, body.id))).body;
    const { created_at, updated_at, ...rest } = made;
    const audit = { updated_by: "demo", snapshot_version: version };
    assert.deepEqual(rest, { kind: kind.slice(0, -1), id: body.id, entity: body, ...audit });
    isNow(created_at);
    assert.equal(updated_at, created_at);

    const { id, ...withoutId } = { ...body, ...change };
    const sent = { body: JSON.stringify(withoutId), headers: JSON_TYPE, key: "other" };
    assertWritten(await worker.ask("PUT", at(kind, id), sent), 200);
    const now = (await worker.get(at(kind, id))).body;
    assert.deepEqual(now.entity, { ...body, ...change });
    assert.deepEqual([now.updated_by, now.created_at, now.snapshot_version], ["other", created_at, version]);
    assert.ok(Date.parse(now.updated_at) >= Date.parse(created_at));
    await put(kind, body, 200);
  }
  for (const [kind, { id }] of [...ONE_OF_EACH].reverse()) {
    const gone = await worker.delete(at(kind, id));
    assertWritten(gone, 200);
    assert.deepEqual([gone.body.kind, gone.body.id, gone.body.deleted], [kind.slice(0, -1), id, true]);
    assertRefused(await worker.delete(at(kind, id)), 404, "NOT_FOUND");
    assertRefused(await worker.get(at(kind, id)), 404, "NOT_FOUND");
    assert.ok((await worker.get(`/v1/catalog/${kind}`)).body.data.every((one) => one.id !== id));
  }
  assert.deepEqual((await worker.get("/v1/catalog")).body, whole(shop()));
});

/** A document as it is given back: with every list, and each in the order of its ids. */
function whole(document) {
  const lists = ONE_OF_EACH.map(([kind]) => {
    const list = [...(document[kind] ?? [])].sort((a, b) => (a.id < b.id ? -1 : 1));
    return [kind, list];
  });
  return { ...document, ...Object.fromEntries(lists) };
}

test("what is given back is what was put", async () => {
  const { status, body, headers } = await started.workers[1].get("/v1/catalog");
  assert.deepEqual([status, headers["x-snapshot-version"]], [200, "1"]);
  assert.deepEqual(body, whole(demo()));
  // Put again, it is the same.
  const again = await started.workers[1].put("/v1/catalog", body);
  assert.deepEqual([again.status, again.body.snapshot_version], [200, 2]);
  assert.equal(again.body.entities.features, demo().features.length);
  assert.deepEqual((await started.workers[1].get("/v1/catalog")).body, body);
});

test("a whole catalog replaces all of the other", async () => {
  const small = { format: 1, ladder: "METEROID", access_statuses: ["ACTIVE"], customers: [customer("cus_only")] };
  assertWritten(await worker.put("/v1/catalog", small), 200);
  assert.deepEqual((await worker.get("/v1/catalog")).body, whole(small));
  const { body } = await worker.check({ customer: "acme", feature: "sso" });
  assert.equal(body.reason, "FEATURE_NOT_FOUND");
  assertWritten(await worker.put("/v1/catalog", shop()), 200);
  // Settings that are not named are not kept.
  assert.deepEqual((await worker.get("/v1/catalog")).body, whole(shop()));
  const { reason } = (await worker.check({ customer: "acme", feature: "api_calls", consumed: "0" })).body;
  assert.equal(reason, "WITHIN_LIMIT");
});

test("pages", async () => {
  const ids = Array.from({ length: 25 }, (_, n) => `page_${String.fromCharCode(97 + n)}`);
  for (const id of [...ids].reverse()) {
    await put("customers", customer(id), 201);
  }
  const all = [...shop().customers.map(({ id }) => id), ...ids].sort();
  for (const limit of [1, 7, 26, 27, 1_000]) {
    const found = [];
    let cursor = "";
    for (let pages = 0; cursor !== null; pages += 1) {
      assert.ok(pages <= all.length / limit + 1, "it comes to an end");
      const query = new URLSearchParams({ limit, cursor });
      const { status, body } = await worker.get(`/v1/catalog/customers?${query}`);
      assert.deepEqual([status, body.snapshot_version], [200, version]);
      assert.ok(body.data.length <= limit);
      found.push(...body.data.map(({ id }) => id));
      cursor = body.next_cursor;
    }
    assert.deepEqual(found, all, `by ${limit}`);
  }
  assert.equal((await worker.get("/v1/catalog/customers")).body.data.length, 26);
  assert.deepEqual((await worker.get("/v1/catalog/customers?cursor=zzz")).body.data, []);
  for (const limit of ["0", "1001", "-1", "x", ""]) {
    assertRefused(await worker.get(`/v1/catalog/customers?limit=${limit}`), 400, "INVALID", "limit");
  }
  for (const id of ids) {
    assertWritten(await worker.delete(at("customers", id)), 200);
  }
});

test("ids that are not plain", async () => {
  for (const id of ["a/b", "%", "a?b#c", "'; DROP TABLE customers; --", "..", "~", "x".repeat(128), "customers"]) {
    const path = at("customers", id).replaceAll(".", "%2E");
    const made = await worker.put(path, { name: "odd" });
    // Spaces and worse are no ids.
    if (/^[!-~]+$/.test(id)) {
      assertWritten(made, 201);
      assert.equal((await worker.get(path)).body.entity.id, id);
      assertWritten(await worker.delete(path), 200);
    } else {
      assertRefused(made, 400, "INVALID", "id");
    }
  }
  for (const id of ["%00", "%C3%A4", "x".repeat(129), "a%20b", "%0A"]) {
    assertRefused(await worker.put(`/v1/catalog/customers/${id}`, {}), 400, "INVALID", "id");
  }
  assertRefused(await worker.put("/v1/catalog/customers/%FF", {}), 400, "INVALID");
  assertRefused(await worker.put("/v1/catalog/things/x", {}), 404, "NOT_FOUND");
  assertRefused(await worker.get("/v1/catalog/things"), 404, "NOT_FOUND");
});

test("entities that are wrong", async () => {
  const put = (kind, id, body) => worker.put(at(kind, id), body);
  assertRefused(await put("customers", "a", { id: "b" }), 400, "INVALID", "id");
  assertRefused(await put("customers", "a", { id: 7 }), 400, "INVALID", "id");
  assertRefused(await put("customers", "a", { name: 7 }), 400, "WRONG_TYPE", "name");
  assertRefused(await put("features", "a", { ...FEATURE, id: "a", code: "A B" }), 400, "INVALID", "code");
  const ownerless = subscription("a", "cus_nobody");
  assertRefused(await put("subscriptions", "a", ownerless), 400, "BROKEN_REFERENCE", "customer_id");
  const rows = [{ feature: "sso", value: METERED }];
  assertRefused(await put("customers", "a", { entitlements: rows }), 400, "TYPE_MISMATCH", "entitlements[0].value");
  const unknown = { entitlements: [{ feature: "nothing", value: METERED }] };
  assertRefused(await put("customers", "a", unknown), 400, "BROKEN_REFERENCE", "entitlements[0].feature");
  for (const body of ["[]", "null", "7", '"x"']) {
    assertRefused(await put("customers", "a", body), 400, "INVALID");
  }
  for (const body of ["", "{", "{}x", '{"a":\u0000}', "[".repeat(100_000)]) {
    assertRefused(await put("customers", "a", body), 400, "INVALID_JSON");
  }
  for (const type of ["text/plain", "application/x-ndjson", ""]) {
    const sent = { body: "{}", headers: { "content-type": type } };
    assertRefused(await worker.ask("PUT", at("customers", "a"), sent), 415, "UNSUPPORTED_MEDIA_TYPE");
    assertRefused(await worker.ask("PUT", "/v1/catalog", sent), 415, "UNSUPPORTED_MEDIA_TYPE");
  }
  for (const [path, limit] of [[at("customers", "a"), 1024 * 1024], ["/v1/catalog", 8 * 1024 * 1024]]) {
    const long = { body: "{", headers: { ...JSON_TYPE, "content-length": limit + 1 }, unfinished: true };
    assertRefused(await worker.ask("PUT", path, long), 413, "PAYLOAD_TOO_LARGE");
  }
  assertRefused(await worker.get(at("customers", "a")), 404, "NOT_FOUND");
  const text = JSON.stringify(shop());
  assertWritten(await worker.put("/v1/catalog", text + " ".repeat(8 * 1024 * 1024 - text.length)), 200);
});

test("what others have, and what others need", async () => {
  assertRefused(await worker.put(at("customers", "cus_2"), { alias: "acme" }), 409, "CONFLICT");
  const twin = { ...shop().features[0], id: "feat_twin" };
  assertRefused(await worker.put(at("features", "feat_twin"), twin), 409, "CONFLICT");
  const versions = [{ id: "plv_pro", version: 1 }];
  assertRefused(await worker.put(at("plans", "plan_2"), { name: "2", versions }), 409, "CONFLICT");
  assertRefused(await worker.delete(at("customers", "cus_acme")), 409, "CONFLICT");
  const sold = await worker.delete(at("plans", "plan_pro"));
  assertRefused(sold, 409, "CONFLICT");
  assert.match(sold.body.error.message, /^plan version `\w+` cannot be deleted: subscription `\w+` refers to it \(\d+ in all\)$/);
  assertRefused(await worker.delete(at("features", "feat_api_calls")), 409, "CONFLICT");
  assertRefused(await worker.put(at("plans", "plan_pro"), { name: "Pro", versions: [] }), 409, "CONFLICT");
  const rows = [{ feature: "sso", value: { type: "BOOLEAN", enabled: true } }];
  await put("customers", customer("cus_acme", { alias: "acme", entitlements: rows }), 200);
  assertRefused(await worker.delete(at("features", "feat_sso")), 409, "CONFLICT");
  const metered = { ...shop().features[0], feature_type: { type: "METERED" } };
  assertRefused(await worker.put(at("features", "feat_sso"), metered), 409, "CONFLICT");
  // Once nobody needs it, it goes.
  assertWritten(await worker.put("/v1/catalog", shop()), 200);
  assertWritten(await worker.delete(at("features", "feat_sso")), 200);
  assertWritten(await worker.put("/v1/catalog", shop()), 200);
  assertWritten(await worker.delete(at("products", PRODUCT)), 200);
});

test("a write is seen at once, and by everybody", async () => {
  const rows = (enabled) => [{ feature: "sso", value: { type: "BOOLEAN", enabled } }];
  for (const enabled of [true, false, true]) {
    await put("customers", customer("cus_acme", { alias: "acme", entitlements: rows(enabled) }), 200);
    const question = { customer: "acme", feature: "sso", min_version: version };
    const asked = Array.from({ length: 8 }, () => worker.check(question));
    for (const { body } of await Promise.all(asked)) {
      assert.deepEqual([body.allowed, body.freshness.snapshot_version], [enabled, version]);
    }
  }
});

test("writes at once get versions of their own", async () => {
  const written = await Promise.all(Array.from({ length: 40 }, (_, n) => worker.put(at("customers", `many_${n}`), {})));
  const versions = written.map(({ body }) => body.snapshot_version).sort((a, b) => a - b);
  assert.deepEqual(versions, Array.from({ length: 40 }, (_, n) => version + n + 1));
  version += 40;
  assert.equal((await worker.get("/readyz")).body.snapshot_version, version);
});

test("HEAD, and methods that a path does not take", async () => {
  for (const path of ["/v1/catalog", "/v1/catalog/customers", at("customers", "cus_acme")]) {
    const { status, headers } = await worker.ask("HEAD", path);
    assert.deepEqual([status, headers["x-snapshot-version"]], [200, `${version}`], path);
  }
  assert.equal((await worker.ask("HEAD", at("customers", "cus_nobody"))).status, 404);
  const cases = [
    ["/v1/catalog", "GET, HEAD, PUT", ["POST", "DELETE", "PATCH"]],
    ["/v1/catalog/customers", "GET, HEAD", ["PUT", "POST", "DELETE"]],
    [at("customers", "cus_acme"), "GET, HEAD, PUT, DELETE", ["POST", "PATCH", "OPTIONS"]],
    ["/v1/catalog/import", "POST", ["GET", "PUT", "DELETE"]],
    ["/v1/catalog/import/imp_x", "GET, HEAD", ["POST", "PUT", "DELETE"]],
  ];
  for (const [path, allow, methods] of cases) {
    for (const method of methods) {
      const answer = await worker.ask(method, path);
      assertRefused(answer, 405, "METHOD_NOT_ALLOWED");
      assert.equal(answer.headers.allow, allow, path);
    }
  }
});

/** Another Worker over the same database, which runs whatever it is sent. */
const SCRIPT = `
  import { DurableObject } from "cloudflare:workers";
  export class Catalog extends DurableObject {
    async fetch(request) {
      this.ctx.storage.sql.exec(await request.text());
      return new Response("done");
    }
  }
  export default { fetch: (request, env) => env.CATALOG.get(env.CATALOG.idFromName("catalog")).fetch(request) };
`;

/** Runs a statement in the database of the first Worker whose folder this is. */
async function execute(folder, statement) {
  const parts = [{ type: "ESModule", path: "statements.mjs", contents: SCRIPT }];
  const config = { ...workerOf("worker-0", parts), env: catalogOf("worker-0") };
  const miniflare = new Miniflare({ workers: [{ config }], resourcePersistencePath: folder, log: new NoOpLog() });
  try {
    const answer = await miniflare.dispatchFetch("http://localhost/", { method: "POST", body: statement });
    assert.equal(await answer.text(), "done");
  } finally {
    await miniflare.dispose();
  }
}

test("a database that cannot be opened is tried again, and the answer does not quote it", async () => {
  const folder = mkdtempSync(join(tmpdir(), "mayuse-open-"));
  await execute(folder, "CREATE TABLE subscriptions (of_somebody_else TEXT)");
  const { worker, stop } = await start({ catalog: null, persist: folder });
  try {
    for (const path of ["/readyz", "/v1/catalog/customers", "/v1/check?customer=x&feature=y"]) {
      const { status, body } = await worker.get(path);
      const error = { code: "UNAVAILABLE", message: "the catalog cannot be opened; ask again" };
      assert.deepEqual([status, body], [503, { error }], path);
    }
    assert.equal((await worker.get("/api/v1/features")).status, 503);
    await execute(folder, "DROP TABLE subscriptions");
    assert.deepEqual((await worker.get("/readyz")).body, { status: "ok", snapshot_version: 0, published_version: 0 });
    assert.equal((await worker.put("/v1/catalog", demo())).status, 200);
  } finally {
    await stop();
    rmSync(folder, { recursive: true });
  }
});
