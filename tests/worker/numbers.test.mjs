// Numbers in what is kept come back as the text they were sent as: from every way in, by every way out. A body of nothing
// but the dearest ones is a body like any other.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { JSON_TYPE, start } from "./support.mjs";

const WORST = ["5e-324", "-1.7976931348623157E-308", "9".repeat(30_000), "1e999", "1E5", "29.00", "-0", "9007199254740993", "0"];
const NDJSON = { "content-type": "application/x-ndjson" };

let started;
let worker;
before(async () => {
  started = await start({ catalog: null });
  worker = started.worker;
});
after(() => started.stop());

/** A customer of almost a mebibyte, of this number again and again. */
const body = (number) => {
  const n = Math.floor((1_040_000 - 200) / (number.length + 1));
  return `{"id":"cus_1","name":"A","figures":[${Array(n).fill(number).join(",")}]}`;
};

/** The text of an answer that holds all of this, as it stands. */
async function holds(path, text, headers = {}) {
  const answer = await worker.send("GET", path, { headers });
  assert.equal(answer.status, 200, answer.text.slice(0, 500));
  assert.ok(answer.text.includes(text), `${path}: ${answer.text.slice(0, 200)}`);
  return answer.text;
}

async function sends(method, path, text, status, headers = JSON_TYPE) {
  const answer = await worker.ask(method, path, { body: text, headers });
  assert.equal(answer.status, status, JSON.stringify(answer.body).slice(0, 500));
}

for (const number of WORST) {
  const shown = number.length > 30 ? `${number.slice(0, 5)}… of ${number.length} digits` : number;
  test(`a mebibyte of ${shown} is kept as it was written`, async () => {
    const customer = body(number);
    const fields = customer.slice(1, -1);
    await sends("PUT", "/v1/catalog/customers/cus_1", customer, 201);
    await holds("/v1/catalog/customers/cus_1", fields);
    const document = await holds("/v1/catalog", fields);
    const lines = await holds("/v1/catalog", fields, { accept: "application/x-ndjson" });
    // All of it in again, as a document and as lines.
    await sends("PUT", "/v1/catalog", document, 200);
    await holds("/v1/catalog/customers/cus_1", fields);
    await sends("DELETE", "/v1/catalog/customers/cus_1", "", 200);
    await sends("POST", "/v1/catalog/import", lines, 200, NDJSON);
    await holds("/v1/catalog/customers/cus_1", fields);
    const { body: answer } = await worker.check({ customer: "cus_1", feature: "nothing" });
    assert.equal(answer.reason, "FEATURE_NOT_FOUND");
    await sends("DELETE", "/v1/catalog/customers/cus_1", "", 200);
  });
}

test("the other dialects pass over a mebibyte of such numbers", async () => {
  for (const [path, known] of [
    ["/api/v1/addons", '"name":"A","product_id":"prd_1","price_id":"pri_1"'],
    ["/api/v1/subscriptions", '"plan_id":"plan_1"'],
    ["/addons", '"name":"A","basePrice":1,"featureId":"f","consumptionModel":"boolean"'],
    ["/api/v1/addon/5e3a95143c92e44b424b6d47", '"name":"A"'],
  ]) {
    const figures = Array(150_000).fill("5e-324").join(",").slice(0, 1_040_000).replace(/,[^,]*$/, "");
    const answer = await worker.ask("POST", path, { body: `{${known},"figures":[${figures}]}`, headers: JSON_TYPE });
    assert.ok([400, 404].includes(answer.status), `${path}: ${answer.status}`);
  }
});
