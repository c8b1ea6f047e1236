// A lost answer can be asked for again: the same Idempotency-Key and request give the same answer, and write once.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { JSON_TYPE, dialectOf, start } from "./support.mjs";
import { PABBLY_PRODUCT, PRICE, PRODUCT, pabblyBody, shop } from "./shop.mjs";

const sha256 = (key) => createHash("sha256").update(key).digest("hex");
const scopes = ["check", "catalog"];
const API_KEYS = JSON.stringify(["one", "two"].map((name) => ({ name, sha256: sha256(name), scopes })));
const folder = mkdtempSync(join(tmpdir(), "mayuse-idempotency-"));
let started;
let worker;

const begin = async (catalog) => {
  started = await start({ catalog, bindings: { API_KEYS }, persist: folder });
  worker = started.worker;
};
before(() => begin(shop()));
after(async () => {
  await started.stop();
  rmSync(folder, { recursive: true });
});

const addOn = (name) => ({ name, product_id: PRODUCT, price_id: PRICE });
const commet = (name, featureId) => ({ name, basePrice: 100, featureId, consumptionModel: "boolean" });
const subscriber = (start_date) => ({
  plan_id: "plan_pro",
  customer_id_or_alias: "acme",
  start_date,
  activation_condition: "ON_START",
});

/** What creates something: the path, two bodies, and the kind of what is created. */
const CREATORS = [
  ["/api/v1/addons", addOn("A"), addOn("B"), "add_ons"],
  ["/api/v1/subscriptions", subscriber("2025-01-01"), subscriber("2025-02-01"), "subscriptions"],
  ["/addons", commet("A", "sso"), commet("B", "custom_domains"), "add_ons"],
  [`/api/v1/addon/${PABBLY_PRODUCT}`, pabblyBody("five"), pabblyBody("ten"), "add_ons"],
];

let nKeys = 0;
const newKey = () => `key-${(nKeys += 1)}`;
const post = (path, value, idempotencyKey, more) =>
  worker.ask("POST", path, {
    body: typeof value === "string" ? value : JSON.stringify(value),
    headers: { ...JSON_TYPE, "idempotency-key": idempotencyKey },
    ...more,
  });
const count = async (kind) => (await worker.get(`/v1/catalog/${kind}?limit=1000`)).body.data.length;
const version = async () => (await worker.get("/readyz")).body.snapshot_version;

/** Holds an answer against the first one to the same request. */
async function assertReplayed(answer, first) {
  assert.deepEqual([answer.status, answer.body], [first.status, first.body]);
  assert.equal(answer.headers["idempotent-replayed"], "true");
  assert.equal(answer.headers["x-snapshot-version"], `${await version()}`);
}

/** Holds a refusal of a key that was used for something else, in the words of its API. */
function assertConflict(path, { status, body, headers }) {
  const code = { "": body.error?.code, Meteroid: body.code, Commet: body.error?.type, Pabbly: body.status };
  const expected = { "": "CONFLICT", Meteroid: "CONFLICT", Commet: "conflict_error", Pabbly: "error" };
  assert.deepEqual([status, code[dialectOf(path)]], [409, expected[dialectOf(path)]], JSON.stringify(body));
  assert.match(JSON.stringify(body), /idempotency key was used for another request/);
  assert.equal(headers["idempotent-replayed"], undefined);
}

test("the same key and request give the same answer, and nothing is written again", async () => {
  for (const [path, body, , kind] of CREATORS) {
    const [key, before] = [newKey(), await count(kind)];
    const first = await post(path, body, key);
    assert.ok([200, 201].includes(first.status), JSON.stringify(first.body));
    assert.equal(first.headers["idempotent-replayed"], undefined);
    const written = await version();
    for (let again = 0; again < 3; again += 1) {
      await assertReplayed(await post(path, body, key), first);
    }
    assert.deepEqual([await count(kind), await version()], [before + 1, written], path);
  }
});

test("a key is for one request", async () => {
  for (const [path, body, other, kind] of CREATORS.slice(0, 2)) {
    const key = newKey();
    const first = await post(path, body, key);
    const before = [await count(kind), await version()];
    assertConflict(path, await post(path, other, key));
    assertConflict(path, await post(path, `${JSON.stringify(body)} `, key));
    assertConflict(path, await post(path, "{", key));
    for (const [elsewhere, sent] of CREATORS.filter(([one]) => one !== path)) {
      assertConflict(elsewhere, await post(elsewhere, sent, key));
    }
    assert.deepEqual([await count(kind), await version()], before, path);
    await assertReplayed(await post(path, body, key), first);
  }
});

test("without a key, every request is a new one", async () => {
  const before = await count("add_ons");
  const [path, body] = CREATORS[0];
  const answers = [await worker.post(path, body), await worker.post(path, body), await post(path, body, newKey())];
  assert.equal(new Set(answers.map(({ body }) => body.id)).size, 3);
  assert.equal(await count("add_ons"), before + 3);
});

test("what was refused may be mended under the same key", async () => {
  const key = newKey();
  const [path, body] = CREATORS[0];
  assert.equal((await post(path, { name: "C" }, key)).status, 400);
  assert.equal((await post(path, "{", key)).status, 400);
  const made = await post(path, body, key);
  assert.deepEqual([made.status, made.headers["idempotent-replayed"]], [201, undefined]);
  await assertReplayed(await post(path, body, key), made);
});

test("an answer without a body is given again, too", async () => {
  const { body } = await worker.post(...CREATORS[0].slice(0, 2));
  const path = `/api/v1/addons/${body.id}/archive`;
  const key = newKey();
  const first = await post(path, "", key);
  assert.deepEqual([first.status, first.body], [204, undefined]);
  await assertReplayed(await post(path, "", key), first);
  assertConflict(`/api/v1/addons/${body.id}/unarchive`, await post(`/api/v1/addons/${body.id}/unarchive`, "", key));
  assert.ok((await worker.get(`/api/v1/addons/${body.id}`)).body.archived_at);
});

test("an answer to what had nothing to write is kept too", async () => {
  const { body } = await worker.ask("POST", "/api/v1/addons", { body: JSON.stringify(addOn("Kept")), headers: JSON_TYPE });
  const path = `/api/v1/addons/${body.id}`;
  const isArchived = async () => Boolean((await worker.get(path)).body.archived_at);
  const key = newKey();
  await post(`${path}/archive`, "", newKey());
  assert.equal((await post(`${path}/archive`, "", key)).status, 204);
  await post(`${path}/unarchive`, "", newKey());
  const { status, headers } = await post(`${path}/archive`, "", key);
  assert.deepEqual([status, headers["idempotent-replayed"]], [204, "true"]);
  assert.equal(await isArchived(), false, "it is the answer that is repeated, not the act");
});

test("keys of different API keys have nothing to do with each other", async () => {
  const key = newKey();
  const [path, body, other] = CREATORS[0];
  const [one, two] = [await post(path, body, key, { key: "one" }), await post(path, other, key, { key: "two" })];
  assert.deepEqual([one.status, two.status], [201, 201]);
  assert.notEqual(one.body.id, two.body.id);
  await assertReplayed(await post(path, body, key, { key: "one" }), one);
  await assertReplayed(await post(path, other, key, { key: "two" }), two);
  assertConflict(path, await post(path, other, key, { key: "one" }));
});

test("a key may be long, but not too long, and is taken as it is", async () => {
  const [path, body] = CREATORS[0];
  for (const key of ["x".repeat(255), "' OR 1=1 --", "%00", "{}"]) {
    const first = await post(path, body, key);
    assert.equal(first.status, 201, key);
    await assertReplayed(await post(path, body, key), first);
  }
  for (const key of ["x".repeat(256), ""]) {
    for (const [where, sent] of CREATORS) {
      assert.equal((await post(where, sent, key)).status, 400, `${where} ${key.length}`);
    }
  }
});

test("the same request many times at once is written once", async () => {
  for (const [path, body, other, kind] of CREATORS) {
    // What an add-on of another API is on is taken already.
    const sent = path === "/addons" || kind === "add_ons" ? other : body;
    const [key, before] = [newKey(), await count(kind)];
    const answers = await Promise.all(Array.from({ length: 20 }, () => post(path, sent, key)));
    const replayed = answers.filter(({ headers }) => headers["idempotent-replayed"]);
    assert.equal(replayed.length, 19, path);
    assert.equal(new Set(answers.map(({ status, body }) => JSON.stringify([status, body]))).size, 1, path);
    assert.equal(await count(kind), before + 1, path);
  }
});

test("what only reads, and what may be sent twice anyway, takes no notice of the key", async () => {
  const key = newKey();
  const question = { customer: "acme", feature: "sso" };
  for (const asked of [question, { ...question, feature: "emails" }]) {
    const { status, body, headers } = await post("/v1/check", asked, key);
    assert.deepEqual([status, body.feature.code, headers["idempotent-replayed"]], [200, asked.feature, undefined]);
  }
  for (const name of ["One", "Two"]) {
    const sent = { body: JSON.stringify({ name }), headers: { ...JSON_TYPE, "idempotency-key": key } };
    assert.ok((await worker.ask("PUT", "/v1/catalog/customers/cus_put", sent)).status < 300);
    assert.equal((await worker.get("/v1/catalog/customers/cus_put")).body.entity.name, name);
  }
});

test("a key outlives the runtime", async () => {
  const [path, body, other] = CREATORS[1];
  const key = newKey();
  const first = await post(path, body, key);
  const before = [await count("subscriptions"), await version()];
  await started.stop();
  await begin(null);
  await assertReplayed(await post(path, body, key), first);
  assertConflict(path, await post(path, other, key));
  assert.deepEqual([await count("subscriptions"), await version()], before);
});
