// What one client can take from the others: bodies that do not end, encodings, blank lines, batches, impossible rows.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { connect } from "node:net";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { AT, JSON_TYPE, demo, start } from "./support.mjs";

const PERIOD_MS = 10_000;
const LIMIT = 30;
const KEY = "key-of-one";
const TABLE = [
  { name: "one", sha256: createHash("sha256").update(KEY).digest("hex"), scopes: ["check", "catalog"], class: "standard" },
];

let started;
let worker;
let limited;

before(async () => {
  const limits = { RATE_LIMIT_STANDARD: { simple: { limit: LIMIT, period: PERIOD_MS / 1_000 } } };
  started = await start({}, { bindings: { API_KEYS: JSON.stringify(TABLE) }, limits });
  [worker, limited] = started.workers;
});
after(() => started.stop());

/** Does it within one period of the limiter, which begin at whole multiples. */
async function inOnePeriod(work) {
  for (;;) {
    // Nothing of what was before counts in a new one.
    await sleep(PERIOD_MS - (Date.now() % PERIOD_MS));
    const period = () => Math.floor(Date.now() / PERIOD_MS);
    const began = period();
    const outcome = await work().then(() => undefined, (error) => error);
    if (period() === began) {
      if (outcome) {
        throw outcome;
      }
      return;
    }
  }
}

test("a body that is encoded is refused for that, in every API", async () => {
  const requests = [
    ["POST", "/v1/check"], ["POST", "/v1/check/batch"], ["PUT", "/v1/catalog"], ["POST", "/v1/catalog/import"],
    ["PUT", "/v1/catalog/customers/x"], ["POST", "/api/v1/addons"], ["POST", "/addons"], ["POST", "/api/v1/addon/prd_api"],
  ];
  for (const [method, path] of requests) {
    for (const encoding of ["gzip", "br", "GZIP", "identity, gzip"]) {
      const headers = { ...JSON_TYPE, "content-encoding": encoding };
      const { status, body } = await worker.ask(method, path, { body: "{}", headers });
      assert.equal(status, 415, path);
      assert.match(JSON.stringify(body), /content-encoding/);
    }
  }
  const plain = { body: JSON.stringify({ customer: "acme", feature: "sso", at: AT }), headers: { ...JSON_TYPE, "content-encoding": "identity" } };
  assert.equal((await worker.ask("POST", "/v1/check", plain)).status, 200);
});

test("one feature whose amounts cannot be held leaves the others be", async () => {
  const catalog = demo();
  // What is left of it has more digits than there are.
  const least = `0.${"0".repeat(27)}1`;
  const row = (id) => ({ id, feature_id: "feat_requests_many", value: { type: "METERED", enabled: true, limit: least } });
  catalog.features.push({ id: "feat_requests_many", code: "requests_many", name: "Many", feature_type: { type: "METERED" }, status: "ACTIVE" });
  const subscription = catalog.subscriptions.find(({ customer_id }) => customer_id === "cus_acme");
  subscription.entitlements = [...(subscription.entitlements ?? []), row("ent_many")];
  const put = await worker.put("/v1/catalog", JSON.stringify(catalog));
  assert.equal(put.status, 200, JSON.stringify(put.body));
  const query = `consumed=1000&at=${AT}`;
  const one = await worker.get(`/v1/check?customer=acme&feature=requests_many&${query}`);
  const { status, body } = await worker.get(`/v1/customers/acme/entitlements?${query}`);
  assert.deepEqual([one.status, one.body.error.code, status], [400, "OUT_OF_RANGE", 200]);
  assert.equal(body.data.length, catalog.features.length);
  const refused = body.data.filter(({ error }) => error);
  assert.ok(refused.some(({ error }) => error.path === "requests_many" && error.code === "OUT_OF_RANGE"));
  assert.ok(body.data.some(({ feature }) => feature?.code === "sso"));
  // What is wrong with the question is wrong with all of it.
  assert.equal((await worker.get("/v1/customers/acme/entitlements?requested=-1")).status, 400);
});

test("lines that make no batch give others their turn", async () => {
  const headers = { "content-type": "application/x-ndjson" };
  let done = false;
  const body = Buffer.alloc(2 * 1024 * 1024, "\n");
  const imported = worker.ask("POST", "/v1/catalog/import", { body, headers }).then((answer) => {
    done = true;
    return answer;
  });
  let answered = 0;
  while (!done) {
    assert.equal((await worker.ask("GET", "/readyz")).status, 200);
    answered += done ? 0 : 1;
  }
  assert.deepEqual([(await imported).status, (await imported).body.lines], [200, body.length]);
  assert.ok(20 < answered, `${answered} were answered meanwhile`);
});

test("a batch counts by its questions, and what it does not end with counts too", async () => {
  const batch = (n) => ({
    body: JSON.stringify({ questions: Array.from({ length: n }, (_, i) => ({ customer: `nobody-${i}`, feature: "sso" })) }),
    headers: JSON_TYPE,
    key: KEY,
  });
  await inOnePeriod(async () => {
    // Twenty for a thousand, so the second has too few left.
    const { status, body } = await limited.ask("POST", "/v1/check/batch", batch(1_000));
    assert.deepEqual([status, body.results.length], [200, 1_000]);
    assert.ok(body.results.every(({ reason }) => reason === "CUSTOMER_NOT_FOUND"));
    assert.equal((await limited.ask("POST", "/v1/check/batch", batch(1_000))).status, 429);
    assert.equal((await limited.ask("POST", "/v1/check/batch", batch(1))).status, 429);
  });
  await inOnePeriod(async () => {
    // What is left over of a batch counts as a whole: 501 questions are eleven requests of the thirty, and not ten.
    const statuses = [];
    for (const n of [501, 501, 501]) statuses.push((await limited.ask("POST", "/v1/check/batch", batch(n))).status);
    assert.deepEqual(statuses, [200, 200, 429]);
  });
  await inOnePeriod(async () => {
    const { hostname, port } = limited.target;
    const head = ["POST /v1/check/batch HTTP/1.1", `host: ${hostname}:${port}`, `x-api-key: ${KEY}`, "content-length: 1000000"];
    const sockets = await Promise.all(Array.from({ length: LIMIT + 5 }, async () => {
      const socket = connect(port, hostname);
      socket.on("error", () => {});
      const answered = new Promise((resolve) => socket.once("data", (data) => resolve(String(data))));
      await once(socket, "connect");
      socket.write(`${head.join("\r\n")}\r\n\r\n{`);
      return { socket, answered };
    }));
    const answers = await Promise.all(sockets.map(({ answered }) => Promise.race([answered, sleep(1_500, "")])));
    sockets.forEach(({ socket }) => socket.destroy());
    const of = (status) => answers.filter((answer) => answer.startsWith(`HTTP/1.1 ${status} `)).length;
    // As many as fit into the share of a key are waited for; none of them is free.
    assert.deepEqual([of(429), of(503), of(200)], [5, LIMIT - 16, 0], answers.join("\n"));
  });
});
