// How much memory bodies take, at their largest and worst: each sort in an isolate of its own, whose memory never shrinks.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { JSON_TYPE, openapi, start } from "./support.mjs";

const MIB = 1024 * 1024;
/** An isolate of the platform has 128 MiB. */
const MAX_MEMORY = 100 * MIB;

/** What a list is filled with: each is many values in few bytes. */
const FILLINGS = ["0", "[]", "{}", '""', "[0]", '{"a":0}', '{"a":[{}]}', '{"id":"x"}', `${"[".repeat(60)}${"]".repeat(60)}`];

const fields = (open, close) => (limit) => FILLINGS.map((item) => filled(open, item, close, limit));

function filled(open, item, close, limit) {
  const n = Math.floor((limit - open.length - close.length + 1) / (item.length + 1));
  const body = `${open}${Array(n).fill(item).join(",")}${close}`;
  return body + " ".repeat(limit - body.length);
}

/** Fields of many names. */
function names(open, close, limit) {
  const parts = [];
  for (let [n, length] = [0, open.length + close.length]; ; n += 1) {
    const field = `"${n.toString(36)}":0,`;
    length += field.length;
    if (limit < length) {
      const body = `${open}${parts.join("").slice(0, -1)}${close}`;
      return body + " ".repeat(limit - body.length);
    }
    parts.push(field);
  }
}

/** As many customers with subscriptions as a document holds: nothing is wrong with it. */
function people(limit) {
  const plans = [{ id: "plan", versions: [{ id: "v1", version: 1, entitlements: [] }] }];
  const document = (n) => JSON.stringify({
    format: 1,
    plans,
    customers: Array.from({ length: n }, (_, i) => ({ id: `cus_${i}`, alias: `account-${i}`, name: `Customer ${i}` })),
    subscriptions: Array.from({ length: n }, (_, i) => ({
      id: `sub_${i}`,
      customer_id: `cus_${i}`,
      plan_id: "plan",
      plan_version_id: "v1",
      period: "MONTHLY",
      billing_day_anchor: 31,
      status: "ACTIVE",
      start_date: "2026-01-31",
      current_period_start: "2026-10-31",
      current_period_end: "2026-11-30",
    })),
  });
  const each = (document(2_000).length - document(1_000).length) / 1_000 + 8;
  const body = document(Math.floor(limit / each));
  return body + " ".repeat(limit - body.length);
}

const json = (limit, ...bodies) => ({ limit, headers: JSON_TYPE, bodies: bodies.flatMap((make) => make(limit)) });
const bytes = (limit) => ({
  limit,
  headers: { "content-type": "application/octet-stream" },
  bodies: [Buffer.alloc(limit), Buffer.alloc(limit, 0xff)],
});
const anything = [fields("[", "]"), fields('{"x":[', "]}"), (limit) => [names("{", "}", limit)]];

/** The worst bodies of each operation that takes one. */
const WORST = {
  "POST /v1/check": () => json(16 * 1024, ...anything),
  "POST /v1/check/batch": () => json(MIB, fields('{"questions":[', "]}"), ...anything, (limit) => [questions(limit)]),
  "PUT /v1/catalog": () => json(
    8 * MIB,
    (limit) => [people(limit)],
    fields('{"format":1,"features":[', "]}"),
    fields('{"format":1,"coupons":[{"id":"x","y":[', "]}]}"),
    fields('{"format":1,"x":[', "]}"),
    (limit) => [names('{"format":1,', "}", limit), names('{"format":1,"coupons":[{"id":"x",', "}]}", limit)],
  ),
  "POST /v1/catalog/import": () => ({
    // A file may be as long as it likes, and a line may not.
    limit: MIB,
    headers: { "content-type": "application/x-ndjson" },
    bodies: [
      ...fields('{"kind":"coupon","id":"x","y":[', "]}")(MIB),
      ...fields('{"kind":"coupon","id":"x","y":[', "]}")(MIB / 16).map((line, f) =>
        Array.from({ length: 64 }, (_, n) => line.replace('"id":"x"', `"id":"${f}${n}"`)).join("\n")),
      "\n".repeat(8 * MIB),
    ],
    longer: `{"kind":"coupon","id":"x"${" ".repeat(MIB)}}`,
  }),
  "PUT /v1/catalog/{kind}/{id}": () => json(MIB, fields('{"y":[', "]}"), ...anything),
  "PUT /v1/snapshot/manifest": () => bytes(16 * MIB),
  "PUT /v1/snapshot/objects/{hash}": () => bytes(24 * MIB),
  "POST /api/v1/addons": () => json(MIB, ...anything),
  "PATCH /api/v1/addons/{addon_id}": () => json(MIB, ...anything),
  "POST /api/v1/subscriptions": () => json(MIB, fields('{"components":[', "]}"), ...anything),
  "POST /addons": () => json(MIB, ...anything),
  "POST /api/v1/addon/{product_id}": () => json(MIB, fields('{"entitlements":[', "]}"), ...anything),
};

/** As many questions as a batch takes, each as long as it can be. */
function questions(limit) {
  const customer = "x".repeat(128);
  const body = JSON.stringify({
    questions: Array.from({ length: 1_000 }, (_, n) => ({ customer: `${n}${customer}`.slice(0, 128), feature: customer, explain: true })),
  });
  return body + " ".repeat(limit - body.length);
}

const PATHS = { "{kind}": "coupons", "{id}": "x", "{addon_id}": "x", "{product_id}": "x" };
const takesBody = ([path, operations]) =>
  Object.entries(operations)
    .filter(([, operation]) => operation.requestBody !== undefined)
    .map(([method]) => [`${method.toUpperCase()} ${path}`, method.toUpperCase(), path]);
const OPERATIONS = Object.entries(openapi.paths).flatMap(takesBody);

async function memoryOf(worker) {
  const { status, body } = await worker.get("/v1/snapshot/status");
  assert.equal(status, 200);
  return body.memory_bytes;
}

const rows = [];

for (const [name, method, template] of OPERATIONS) {
  test(name, async () => {
    assert.ok(WORST[name], "what takes a body has its worst ones here");
    const { limit, headers, bodies, longer } = WORST[name]();
    const { worker, stop } = await start({ snapshots: "memory" });
    try {
      const before = await memoryOf(worker);
      const seen = new Map();
      for (const body of bodies) {
        const hash = createHash("sha256").update(body).digest("hex");
        const path = template.replace("{hash}", hash).replace(/\{\w+\}/g, (part) => PATHS[part]);
        const { status } = await worker.ask(method, path, { headers, body });
        seen.set(status, (seen.get(status) ?? 0) + 1);
        assert.ok(status < 500, `${status}: ${body.slice(0, 60)}`);
        const after = await memoryOf(worker);
        assert.ok(after <= MAX_MEMORY, `${Math.round(after / MIB)} MiB after ${body.slice(0, 60)}`);
      }
      const path = template.replace("{hash}", "0".repeat(64)).replace(/\{\w+\}/g, (part) => PATHS[part]);
      const tooLong = longer
        ? { headers, body: longer }
        : { headers: { ...headers, "content-length": limit + 1 }, body: "{", unfinished: true };
      assert.equal((await worker.ask(method, path, tooLong)).status, 413);
      const [after, mib] = [await memoryOf(worker), (n) => (n / MIB).toFixed(1)];
      const statuses = [...seen].map(([status, n]) => `${n} × ${status}`).join(", ");
      rows.push(`| ${name} | ${mib(limit)} | ${mib(before)} | ${mib(after)} | ${statuses} |`);
    } finally {
      await stop();
    }
  });
}

test("the memory that bodies take", (t) => {
  ["| operation | body, MiB | before, MiB | after, MiB | answers |", ...rows].forEach((row) => t.diagnostic(row));
  assert.equal(rows.length, OPERATIONS.length);
});
