// Writes at the same time, and late ones: ETag, If-Match, If-None-Match and source_updated_at, over HTTP.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, test } from "node:test";
import { JSON_TYPE, start } from "./support.mjs";
import { PRICE, PRODUCT, customer, shop } from "./shop.mjs";

const sha256 = (key) => createHash("sha256").update(key).digest("hex");
const API_KEYS = JSON.stringify([{ name: "one", sha256: sha256("one"), scopes: ["check", "catalog"] }]);
const LINES = { "content-type": "application/x-ndjson" };
const CUSTOMER = "/v1/catalog/customers/cus_shared";
const at = (minute) => `2026-11-21T10:${String(minute).padStart(2, "0")}:00Z`;

let started;
let worker;
before(async () => {
  started = await start({ catalog: shop(), bindings: { API_KEYS } });
  worker = started.worker;
});
after(() => started.stop());

const write = (method, path, body, headers = {}) => {
  const sent = body === undefined ? {} : { body: JSON.stringify(body) };
  return worker.ask(method, path, { ...sent, headers: { ...JSON_TYPE, ...headers } });
};
const put = (body, headers) => write("PUT", CUSTOMER, body, headers);
const tagOf = async (path) => (await worker.get(path)).headers.etag;

test("the tag of an entity is the version of its last write, by GET and HEAD", async () => {
  const { body } = await put({ name: "A" });
  await write("PUT", "/v1/catalog/products/prd_other", {});
  for (const method of ["GET", "HEAD"]) {
    const { status, headers } = await worker.ask(method, CUSTOMER);
    assert.deepEqual([status, headers.etag], [200, `"${body.snapshot_version}"`]);
    assert.equal(headers["x-snapshot-version"], `${body.snapshot_version + 1}`, "that is the catalog's");
  }
  assert.equal((await worker.get("/v1/catalog/customers/nobody")).headers.etag, undefined);
  const whole = await worker.get("/v1/catalog");
  assert.equal(whole.headers.etag, `"${whole.headers["x-snapshot-version"]}"`);
});

test("a client that has it is not sent it again", async () => {
  const etag = await tagOf(CUSTOMER);
  for (const method of ["GET", "HEAD"]) {
    const { status, text, headers } = await worker.send(method, CUSTOMER, { headers: { "if-none-match": etag } });
    assert.deepEqual([status, text, headers.etag], [304, "", etag]);
    assert.ok(headers["x-request-id"]);
  }
  assert.equal((await worker.send("GET", CUSTOMER, { headers: { "if-none-match": '"1"' } })).status, 200);
});

test("of many that read the same, one writes", async () => {
  const etag = await tagOf(CUSTOMER);
  const names = Array.from({ length: 20 }, (_, n) => `writer ${n}`);
  const answers = await Promise.all(names.map((name) => put({ name }, { "if-match": etag })));
  const written = answers.filter(({ status }) => status === 200);
  assert.equal(written.length, 1);
  const { body } = await worker.get(CUSTOMER);
  assert.equal(body.entity.name, names[answers.indexOf(written[0])]);
  for (const { status, body: refused, headers } of answers.filter((one) => one !== written[0])) {
    assert.deepEqual([status, refused.error.code], [412, "PRECONDITION_FAILED"]);
    assert.equal(refused.error.snapshot_version, body.snapshot_version);
    assert.equal(headers.etag, `"${body.snapshot_version}"`);
  }
});

test("of many that create the same, one does", async () => {
  const path = "/v1/catalog/customers/cus_created";
  const names = Array.from({ length: 20 }, (_, n) => `writer ${n}`);
  const answers = await Promise.all(names.map((name) => write("PUT", path, { name }, { "if-none-match": "*" })));
  const statuses = answers.map(({ status }) => status).sort();
  assert.deepEqual(statuses, [201, ...Array(19).fill(412)]);
  assert.equal((await write("PUT", "/v1/catalog/customers/cus_new", {}, { "if-match": "*" })).status, 412);
  assert.equal((await write("DELETE", path, undefined, { "if-match": '"1"' })).status, 412);
  assert.equal((await write("DELETE", path, undefined, { "if-match": await tagOf(path) })).status, 200);
  assert.equal((await write("DELETE", path, undefined, { "if-match": "*" })).status, 404);
  assert.equal((await put({}, { "if-match": "7" })).status, 400);
});

test("the whole catalog is replaced by who has seen it", async () => {
  const { body: document, headers } = await worker.get("/v1/catalog");
  const whole = (etag) => write("PUT", "/v1/catalog", document, { "if-match": etag });
  await put({ name: "meanwhile" });
  const refused = await whole(headers.etag);
  assert.deepEqual([refused.status, refused.headers.etag], [412, await tagOf("/v1/catalog")]);
  assert.equal((await whole(refused.headers.etag)).status, 200);
  assert.equal((await write("PUT", "/v1/catalog", document, { "if-none-match": "*" })).status, 412);
  assert.equal((await put({ name: "B" })).status, 200);
});

test("Meteroid's routes of an add-on", async () => {
  const { body } = await worker.post("/api/v1/addons", { name: "A", product_id: PRODUCT, price_id: PRICE });
  const path = `/api/v1/addons/${body.id}`;
  const first = await tagOf(path);
  assert.equal(first, await tagOf(`/v1/catalog/add_ons/${body.id}`));
  const changed = await write("PATCH", path, { name: "B" }, { "if-match": first });
  assert.deepEqual([changed.status, changed.headers.etag], [200, await tagOf(path)]);
  for (const [method, end] of [["PATCH", ""], ["POST", "/archive"], ["POST", "/unarchive"]]) {
    const refused = await write(method, `${path}${end}`, { name: "C" }, { "if-match": first });
    assert.deepEqual([refused.status, refused.body.code, refused.headers.etag], [412, "CONFLICT", changed.headers.etag]);
  }
  assert.match(await tagOf("/api/v1/features/sso"), /^"\d+"$/);
  const late = await write("PATCH", path, { source_updated_at: at(5) });
  assert.equal(late.body.applied, true);
  assert.equal((await write("PATCH", path, { name: "late", source_updated_at: at(4) })).body.applied, false);
  assert.equal((await worker.get(path)).body.name, "B");
});

test("a conditional write whose answer was lost is asked for again with its key", async () => {
  const etag = await tagOf(CUSTOMER);
  const headers = { "if-match": etag, "idempotency-key": "lost-put" };
  const first = await put({ name: "once" }, headers);
  assert.deepEqual([first.status, first.headers["idempotent-replayed"]], [200, undefined]);
  const again = await put({ name: "once" }, headers);
  assert.deepEqual([again.status, again.body, again.headers["idempotent-replayed"]], [200, first.body, "true"]);
  // Another precondition, body or place is another request.
  assert.equal((await put({ name: "once" }, { ...headers, "if-match": "*" })).status, 409);
  assert.equal((await put({ name: "twice" }, headers)).status, 409);
  // What failed was not done, and may be sent with the right tag.
  const stale = { "if-match": etag, "idempotency-key": "failed-put" };
  assert.equal((await put({ name: "two" }, stale)).status, 412);
  assert.equal((await put({ name: "two" }, { ...stale, "if-match": await tagOf(CUSTOMER) })).status, 200);
  const deletion = { "if-match": await tagOf(CUSTOMER), "idempotency-key": "lost-delete" };
  assert.equal((await write("DELETE", CUSTOMER, undefined, deletion)).status, 200);
  assert.equal((await write("DELETE", CUSTOMER, undefined, deletion)).headers["idempotent-replayed"], "true");
});

test("late news is answered 200 and not applied", async () => {
  const path = "/v1/catalog/customers/cus_synced";
  const news = (name, minute) => write("PUT", path, customer("cus_synced", { name, source_updated_at: at(minute) }));
  assert.equal((await news("new", 5)).body.applied, true);
  const before = await worker.get("/readyz");
  const late = await news("late", 4);
  assert.deepEqual([late.status, late.body.applied, late.body.created], [200, false, false]);
  assert.equal(late.headers["x-snapshot-version"], `${late.body.snapshot_version}`);
  assert.equal((await worker.get("/readyz")).body.snapshot_version, before.body.snapshot_version);
  assert.equal((await worker.get(path)).body.entity.name, "new");
  assert.equal((await news("same", 5)).body.applied, true);
  // The deletion, repeated and then overtaken by older news.
  const gone = (minute) => worker.delete(`${path}?source_updated_at=${at(minute)}`);
  assert.deepEqual((await gone(3)).body.applied, false);
  for (const deleted of [true, false]) {
    const { status, body } = await gone(7);
    assert.deepEqual([status, body.deleted, body.applied], [200, deleted, true]);
  }
  assert.equal((await news("late", 6)).body.applied, false);
  assert.equal((await worker.get(path)).status, 404);
  assert.equal((await news("again", 7)).body.created, true);
  assert.equal((await write("PUT", path, { source_updated_at: "soon" })).body.error.path, "source_updated_at");
});

test("an import counts late lines; a restored catalog has them all", async () => {
  const line = (id, name, minute) => ({ kind: "customer", id, name, source_updated_at: at(minute) });
  const post = async (lines, query = "") => {
    const body = lines.map((one) => JSON.stringify(one)).join("\n");
    const answer = await worker.ask("POST", `/v1/catalog/import${query}`, { body, headers: LINES });
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
    return [answer.body.lines, answer.body.entities, answer.body.stale, answer.body.batches];
  };
  assert.deepEqual(await post([line("cus_i", "new", 5), line("cus_j", "new", 5)]), [2, { customers: 2 }, 0, 1]);
  assert.deepEqual(await post([line("cus_i", "late", 4), line("cus_j", "newer", 6)]), [2, { customers: 1 }, 1, 1]);
  assert.deepEqual(await post([line("cus_i", "late", 4)]), [1, {}, 1, 0]);
  await worker.delete(`/v1/catalog/customers/cus_i?source_updated_at=${at(8)}`);
  assert.deepEqual(await post([line("cus_i", "late", 7)]), [1, {}, 1, 0]);
  // What is exported comes back as it was.
  const exported = await worker.get("/v1/catalog");
  const of = (document) => document.customers.find(({ id }) => id === "cus_j");
  assert.deepEqual(of(exported.body), { id: "cus_j", name: "newer", source_updated_at: at(6) });
  await post([line("cus_j", "newest", 9)]);
  assert.deepEqual(await post([line("cus_j", "newer", 6)], "?apply_stale=true"), [1, { customers: 1 }, 0, 1]);
  await post([line("cus_j", "newest", 9)]);
  assert.equal((await worker.put("/v1/catalog", exported.body)).status, 200);
  assert.deepEqual(of((await worker.get("/v1/catalog")).body), of(exported.body));
  const wrong = await worker.ask("POST", "/v1/catalog/import?apply_stale=yes", { body: "", headers: LINES });
  assert.deepEqual([wrong.status, wrong.body.error.path], [400, "apply_stale"]);
});
