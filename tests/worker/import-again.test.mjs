// Imports that are sent again, at the same time, or with what the database cannot hold.
import assert from "node:assert/strict";
import { request } from "node:http";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { DEMO_KEY, keyFor, start } from "./support.mjs";

const LINES = { "content-type": "application/x-ndjson" };
const IMPORT = "/v1/catalog/import";
const BATCH = 500;
const customers = (n, name) =>
  Array.from({ length: n }, (_, i) => `${JSON.stringify({ kind: "customer", id: `c${i + 1}`, name })}\n`);

let started;
let worker;

before(async () => {
  started = await start({ catalog: null });
  worker = started.worker;
});
after(() => started.stop());

const post = (body, token) => worker.ask("POST", IMPORT, { body, headers: { ...LINES, "idempotency-key": token } });
const nameOf = async (id) => (await worker.get(`/v1/catalog/customers/${id}`)).body.entity?.name;

test("a finished import sent again says that nothing was left to write", async () => {
  const file = customers(3, "first").join("");
  const first = await post(file, "nightly");
  assert.deepEqual([first.status, first.headers["idempotent-replayed"]], [200, undefined]);
  const again = await post(file, "nightly");
  assert.deepEqual([again.status, again.headers["idempotent-replayed"], again.body.batches], [200, "true", 0]);
});

test("a catalog that is replaced takes its imports with it", async () => {
  const file = customers(3, "again").join("");
  await post(file, "weekly");
  await worker.put("/v1/catalog", { format: 1 });
  assert.equal((await worker.get(`${IMPORT}/weekly`)).status, 404);
  const { status, headers, body } = await post(file, "weekly");
  assert.deepEqual([status, headers["idempotent-replayed"], body.batches], [200, undefined, 1]);
  assert.equal(await nameOf("c3"), "again");
});

test("an import during which the catalog is replaced ends, and claims no lines that are gone", async () => {
  const lines = customers(3 * BATCH, "old");
  for (const [n, replacement] of [{ format: 1 }, { format: 1, customers: [{ id: "c1", name: "new" }] }].entries()) {
    const token = `replaced-${n}`;
    const headers = { ...keyFor(IMPORT, DEMO_KEY), ...LINES, "idempotency-key": token };
    const slow = request({ ...worker.target, method: "POST", path: IMPORT, headers });
    const answered = new Promise((resolve, reject) => {
      slow.on("error", reject);
      slow.on("response", (answer) => {
        let text = "";
        answer.on("data", (data) => (text += data)).on("end", () => resolve([answer.statusCode, JSON.parse(text)]));
      });
    });
    slow.write(lines.slice(0, BATCH).join(""));
    while ((await worker.get(`${IMPORT}/${token}`)).body.lines !== BATCH) {
      await sleep(5);
    }
    const { body: replaced } = await worker.put("/v1/catalog", replacement);
    slow.end(lines.slice(BATCH).join(""));
    const [status, body] = await answered;
    assert.deepEqual([status, body.error.code], [409, "CONFLICT"], JSON.stringify(body));
    assert.match(body.error.message, /the catalog was replaced meanwhile, and nothing of this import is there any more; send it again/);
    assert.deepEqual([body.lines, body.done, body.snapshot_version], [0, false, replaced.snapshot_version]);
    assert.equal((await worker.get(`${IMPORT}/${token}`)).status, 404);
    assert.equal(await nameOf("c1"), replacement.customers?.[0].name);
    assert.equal(await nameOf(`c${BATCH + 1}`), undefined);
    const again = await post(lines.join(""), token);
    assert.deepEqual([again.status, again.body.lines, again.body.done], [200, 3 * BATCH, true]);
  }
});

test("of two imports under one token, the slower one gives way", async () => {
  const lines = customers(3 * BATCH, "old");
  const headers = { ...keyFor(IMPORT, DEMO_KEY), ...LINES, "idempotency-key": "both" };
  const slow = request({ ...worker.target, method: "POST", path: IMPORT, headers });
  const answered = new Promise((resolve, reject) => {
    slow.on("error", reject);
    slow.on("response", (answer) => {
      let text = "";
      answer.on("data", (data) => (text += data)).on("end", () => resolve([answer.statusCode, JSON.parse(text)]));
    });
  });
  slow.write(lines.slice(0, BATCH).join(""));
  while ((await worker.get(`${IMPORT}/both`)).body.lines !== BATCH) {
    await sleep(5);
  }
  assert.equal((await post(lines.join(""), "both")).body.done, true);
  await worker.put("/v1/catalog/customers/c1400", { name: "new" });
  slow.end(lines.slice(BATCH).join(""));
  const [status, body] = await answered;
  assert.deepEqual([status, body.error.code], [409, "CONFLICT"], JSON.stringify(body));
  assert.equal(await nameOf("c1400"), "new");
  assert.equal((await worker.get(`${IMPORT}/both`)).body.done, true);
});

test("what is too large to be stored is refused for that, and nothing of the write is kept", async () => {
  const large = { id: "large", note: "x".repeat(2_200_000) };
  const before = (await worker.get("/readyz")).body.snapshot_version;
  const document = await worker.put("/v1/catalog", { format: 1, customers: [{ id: "small" }, large] });
  assert.deepEqual([document.status, document.body.error.code], [413, "PAYLOAD_TOO_LARGE"]);
  assert.equal((await worker.get("/readyz")).body.snapshot_version, before);
  assert.equal((await worker.get("/v1/catalog/customers/small")).status, 404);
  // Numbers are no longer than they were sent.
  const sizes = `{"id":"p","sizes":[${Array(170_000).fill("1e15").join(",")}]}`;
  assert.equal((await worker.put("/v1/catalog/products/p", sizes)).status, 201);
  assert.ok((await worker.send("GET", "/v1/catalog/products/p")).text.includes(sizes));
});
