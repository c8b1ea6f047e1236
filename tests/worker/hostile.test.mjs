// Requests and catalogs made to do harm: each is refused for what it is, and the next one is answered.
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { AT, DEMO_KEY, JSON_TYPE, demo as demoCatalog, dialectOf, start } from "./support.mjs";

const QUESTION = { customer: "acme", feature: "sso", at: AT };
const TEN_MB = 10_000_000;
const CHUNK = 8 * 1024;
const LIMITS = {
  "/v1/check": 16 * 1024,
  "/v1/check/batch": 1024 * 1024,
  "/v1/catalog/customers/x": 1024 * 1024,
  "/api/v1/addons": 1024 * 1024,
  "/addons": 1024 * 1024,
  "/api/v1/addon/x": 1024 * 1024,
  "/nowhere": 1024 * 1024,
};
const METHODS = { "/v1/catalog/customers/x": "PUT" };

/** Catalogs that cannot be used, and why each is refused. */
const BAD_CATALOGS = [
  [metered("requests", 0), "OUT_OF_RANGE", "features[7].entitlement.value.reset_period.interval"],
  [metered("requests", 10_001), "OUT_OF_RANGE", "features[7].entitlement.value.reset_period.interval"],
  ["{}", "INVALID", "format"],
  ['{"format":2}', "INVALID", "format"],
  ['{"format":"1"}', "INVALID", "format"],
  ["", "INVALID_JSON"],
  ["[]", "INVALID"],
  ["null", "INVALID"],
  ["7", "INVALID"],
  [`{"format":1,"features":${"[".repeat(10_000)}`, "INVALID_JSON"],
  [`{"format":1,"features":${"[".repeat(10_000)}${"]".repeat(10_000)}}`, "INVALID_JSON"],
  ['{"format":1,"features":7}', "INVALID", "features"],
  ['{"format":1,"features":[7]}', "INVALID", "features[0].id"],
  ['{"format":1,"customers":[{}]}', "INVALID", "customers[0].id"],
  ['{"format":1,"customers":[{"id":"x"},{"id":"x"}]}', "DUPLICATE", "customers[1].id"],
  ['{"format":1,"coupons":[{"id":"x"},{"id":"x"}]}', "DUPLICATE", "coupons[1].id"],
  ['{"format":1,"ladder":"NONE"}', "UNKNOWN_VALUE", "ladder"],
  ['{"format":1,"access_statuses":"ACTIVE"}', "WRONG_TYPE", "access_statuses"],
];

let started;
let worker;

before(async () => {
  started = await start({});
  worker = started.worker;
});
after(() => started.stop());

/** The text of the demo catalog with another interval in the default of a feature. */
function metered(code, interval) {
  const catalog = demoCatalog();
  const feature = catalog.features.find((one) => one.code === code);
  feature.entitlement.value.reset_period.interval = interval;
  return JSON.stringify(catalog);
}

async function assertAnswers() {
  const { status, body } = await worker.check(QUESTION);
  assert.deepEqual([status, body.reason], [200, "ENABLED"]);
}

/** Posts a body as it is, and holds status, code and path against what is expected. Then asks a good question. */
async function check(body, status, code, field, path = "/v1/check") {
  const shown = String(body).slice(0, 100);
  const answer = await worker.post(path, body);
  const { error, reason } = answer.body;
  assert.deepEqual([answer.status, error?.code ?? reason, error?.path], [status, code, field], shown);
  await assertAnswers();
}

/** A question with one thing different, as text. */
const but = (field, value) => JSON.stringify({ ...QUESTION, [field]: value });

test("bodies that are no question", async () => {
  const cases = [
    ["", 400, "INVALID_JSON"],
    [" ", 400, "INVALID_JSON"],
    ["{", 400, "INVALID_JSON"],
    ["{}{}", 400, "INVALID_JSON"],
    ['{"customer":"acme",}', 400, "INVALID_JSON"],
    ['{"customer":NaN}', 400, "INVALID_JSON"],
    ['{"customer":"\\ud800"}', 400, "INVALID_JSON"],
    ["\ufeff{}", 400, "MISSING", "customer"],
    ["null", 400, "WRONG_TYPE"],
    ["[]", 400, "WRONG_TYPE"],
    ["1e999999", 400, "WRONG_TYPE"],
    ['"acme"', 400, "WRONG_TYPE"],
    ["{}", 400, "MISSING", "customer"],
    ['{"customer":"acme"}', 400, "MISSING", "feature"],
    [Buffer.from([0x7b, 0xff, 0xfe, 0x7d]), 400, "INVALID_JSON"],
    [Buffer.from('{"customer":"\xff","feature":"sso"}', "latin1"), 400, "INVALID_JSON"],
    [Buffer.alloc(1_000), 400, "INVALID_JSON"],
    ["[".repeat(10_000), 400, "INVALID_JSON"],
    [`{"a":${'{"a":'.repeat(3_000)}`, 400, "INVALID_JSON"],
    ["[".repeat(1_000_000), 400, "INVALID_JSON", undefined, "/v1/check/batch"],
    [`{"questions":${"[".repeat(10_000)}${"]".repeat(10_000)}}`, 400, "INVALID_JSON", undefined, "/v1/check/batch"],
  ];
  for (const [body, status, code, field, path] of cases) {
    await check(body, status, code, field, path);
  }
});

test("every field of a question, of every wrong type", async () => {
  const values = [true, 7, -7, 0.5, 1e300, "", [], {}, [[]]];
  const expectOf = {
    customer: [String, "INVALID"],
    feature: [String, "INVALID"],
    subscription_id: [String, "INVALID"],
    requested: [String, "INVALID"],
    consumed: [String, "INVALID"],
    reserved: [String, "INVALID"],
    at: [String, "INVALID"],
    explain: [Boolean],
    on_indeterminate: [String, "UNKNOWN_VALUE"],
    min_version: [Number],
    max_age_ms: [Number],
  };
  for (const [field, [type, codeOfEmpty]] of Object.entries(expectOf)) {
    for (const value of values) {
      const isOfType = Object(value) instanceof type;
      if (!isOfType || (type === Number && !Number.isInteger(value))) {
        await check(but(field, value), 400, "WRONG_TYPE", field);
      } else if (type === String) {
        await check(but(field, value), 400, codeOfEmpty, field);
      }
    }
  }
});

test("values that a field does not take", async () => {
  const cases = [
    [but("customer", "\u0000\u0007\u001b[31m"), 400, "INVALID", "customer"],
    [but("customer", "a\nb"), 400, "INVALID", "customer"],
    [but("customer", "\u0085"), 400, "INVALID", "customer"],
    [but("customer", "x".repeat(129)), 400, "INVALID", "customer"],
    [but("customer", "\u{1F600}".repeat(128)), 200, "CUSTOMER_NOT_FOUND"],
    [but("customer", "__proto__"), 200, "CUSTOMER_NOT_FOUND"],
    [but("customer", "'OR'1'='1'--"), 200, "CUSTOMER_NOT_FOUND"],
    [but("feature", "s s o"), 400, "INVALID", "feature"],
    [but("feature", "ßo"), 400, "INVALID", "feature"],
    [but("feature", "x".repeat(10_000)), 400, "INVALID", "feature"],
    [but("subscription_id", "\u0000"), 400, "INVALID", "subscription_id"],
    [but("requested", "9".repeat(40)), 400, "OUT_OF_RANGE", "requested"],
    [but("requested", "9".repeat(10_000)), 400, "OUT_OF_RANGE", "requested"],
    [but("requested", `0.${"0".repeat(39)}1`), 400, "OUT_OF_RANGE", "requested"],
    [but("requested", "-1"), 400, "OUT_OF_RANGE", "requested"],
    [but("requested", "1e3"), 400, "INVALID", "requested"],
    [but("requested", "Infinity"), 400, "INVALID", "requested"],
    [but("requested", "٣"), 400, "INVALID", "requested"],
    [but("requested", "+1"), 400, "INVALID", "requested"],
    [but("requested", "-0"), 200, "ENABLED"],
    [but("reserved", "-1"), 400, "OUT_OF_RANGE", "reserved"],
    [but("consumed", "-1"), 200, "ENABLED"],
    [but("at", "10000-01-01T00:00:00Z"), 400, "INVALID", "at"],
    [but("at", "0000-12-31T23:59:59Z"), 400, "OUT_OF_RANGE", "at"],
    [but("at", "9999-12-31T23:59:59-00:01"), 400, "OUT_OF_RANGE", "at"],
    [but("at", "2025-02-29T00:00:00Z"), 400, "INVALID", "at"],
    [but("at", "9999-12-31T23:59:59Z"), 200, "ENABLED"],
    [but("at", "0001-01-01T00:00:00Z"), 200, "SUBSCRIPTION_PENDING"],
    [but("on_indeterminate", "allow"), 400, "UNKNOWN_VALUE", "on_indeterminate"],
    [but("on_indeterminate", "\u0000".repeat(2_000)), 400, "UNKNOWN_VALUE", "on_indeterminate"],
    [but("min_version", -1), 400, "OUT_OF_RANGE", "min_version"],
    [but("max_age_ms", Number.MAX_SAFE_INTEGER), 200, "ENABLED"],
    ['{"customer":"acme","feature":"sso","min_version":18446744073709551615}', 400, "WRONG_TYPE", "min_version"],
    ['{"customer":"acme","customer":"globex","feature":"sso"}', 400, "DUPLICATE", "customer"],
    ['{"customer":"acme","feature":"sso","requested":"1","requested":"1"}', 400, "DUPLICATE", "requested"],
    ['{"customer":"acme","feature":"sso","x":1,"x":2,"":{}}', 400, "UNKNOWN_FIELD", "x"],
  ];
  for (const [body, status, code, field] of cases) {
    await check(body, status, code, field);
  }
});

test("amounts that do not add up within the digits", async () => {
  const most = "79228162514264337593543950335";
  const asked = { customer: "acme", feature: "exports", at: AT };
  const cases = [
    [{ ...asked, consumed: most, reserved: "0.1" }, 400, "OUT_OF_RANGE"],
    [{ ...asked, consumed: most, requested: most }, 400, "OUT_OF_RANGE"],
    [{ ...asked, feature: "images", consumed: "0", requested: most }, 400, "OUT_OF_RANGE"],
    [{ ...asked, consumed: "1", requested: "9".repeat(28) }, 200, "REQUESTED_EXCEEDS_REMAINING"],
  ];
  for (const [question, status, code] of cases) {
    await check(JSON.stringify(question), status, code);
  }
});

test("the edges of time, for every feature", async () => {
  for (const at of ["0001-01-01", "1969-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"]) {
    for (const customer of ["acme", "globex", "hobby", "initech", "pilot", "open"]) {
      const { status } = await worker.get(`/v1/customers/${customer}/entitlements?at=${at}&consumed=1&explain=1`);
      assert.equal(status, 200, `${customer} at ${at}`);
    }
  }
});

test("queries", async () => {
  const cases = [
    ["", 400, "MISSING", "customer"],
    ["?", 400, "MISSING", "customer"],
    [`?${"&".repeat(8_000)}`, 400, "MISSING", "customer"],
    [`?customer=${"x".repeat(15_000)}&feature=sso`, 400, "INVALID", "customer"],
    [`?customer=acme&feature=sso&${"x=1&".repeat(3_000)}`, 400, "UNKNOWN_FIELD", "x"],
    ["?customer=acme&customer=acme&feature=sso", 400, "DUPLICATE", "customer"],
    ["?customer=%00&feature=sso", 400, "INVALID", "customer"],
    ["?customer=acme&feature=%", 200, "FEATURE_NOT_FOUND"],
    ["?customer=acme&feature=%zz", 200, "FEATURE_NOT_FOUND"],
    ["?customer=acme&feature=%FF", 400, "INVALID", undefined],
    ["?customer=%ff&feature=sso", 400, "INVALID", undefined],
    ["?customer=acme&feature=sso&other=%c3", 400, "INVALID", undefined],
    ["?customer=acme&feature=sso&explain=yes", 400, "WRONG_TYPE", "explain"],
    ["?customer=acme&feature=sso&min_version=one", 400, "WRONG_TYPE", "min_version"],
    ["?customer=acme&feature=sso&min_version=-1", 400, "OUT_OF_RANGE", "min_version"],
    ["?customer=acme&feature=sso&max_age_ms=99999999999999999999", 400, "WRONG_TYPE", "max_age_ms"],
    ["?customer=acme&feature=sso&at=2026-11-20T12:00:00+01:00", 400, "INVALID", "at"],
    ["?customer=acme&feature=sso&at=2026-11-20T12:00:00%2B01:00", 200, "ENABLED"],
  ];
  for (const [query, status, code, field] of cases) {
    const answer = await worker.get(`/v1/check${query}`);
    const { error, reason } = answer.body;
    assert.deepEqual([answer.status, error?.code ?? reason, error?.path], [status, code, field], query.slice(0, 100));
    await assertAnswers();
  }
});

test("what is too long is refused before its end", async () => {
  for (const [path, limit] of Object.entries(LIMITS)) {
    const announced = { headers: { ...JSON_TYPE, "content-length": TEN_MB }, body: "{" };
    const chunk = Buffer.alloc(CHUNK, " ");
    const unannounced = { headers: JSON_TYPE, body: Array(limit / CHUNK + 1).fill(chunk) };
    for (const sent of [announced, unannounced]) {
      const { status, body } = await worker.ask(METHODS[path] ?? "POST", path, { ...sent, unfinished: true });
      const code = { Meteroid: body.code, Commet: body.error?.code, Pabbly: body.status, "": body.error?.code };
      const expect = { Meteroid: "BAD_REQUEST", Commet: "validation_error", Pabbly: "error", "": "PAYLOAD_TOO_LARGE" };
      assert.deepEqual([status, code[dialectOf(path)]], [413, expect[dialectOf(path)]], path);
      await assertAnswers();
    }
  }
});

test("ten megabytes, sent to their end whatever the answer", async () => {
  const whole = Buffer.alloc(TEN_MB, " ");
  for (const body of [whole, Array(TEN_MB / 100_000).fill(whole.subarray(0, 100_000))]) {
    // Who does not stop to listen may find the connection closed instead.
    const sent = worker.ask("POST", "/v1/check/batch", { headers: JSON_TYPE, body });
    const status = await sent.then((answer) => answer.status, (error) => error.code);
    assert.ok([413, "ECONNRESET", "EPIPE"].includes(status), `${status}`);
    await assertAnswers();
  }
});

test("what is exactly as long as it may be is read", async () => {
  const padded = (text, length) => text + " ".repeat(length - text.length);
  const one = JSON.stringify(QUESTION);
  const many = JSON.stringify({ questions: [QUESTION] });
  for (const [path, text] of [["/v1/check", one], ["/v1/check/batch", many]]) {
    assert.equal((await worker.post(path, padded(text, LIMITS[path]))).status, 200, path);
    assert.equal((await worker.post(path, [text, padded("", LIMITS[path] - text.length)])).status, 200, path);
    const longer = { body: text, headers: { ...JSON_TYPE, "content-length": LIMITS[path] + 1 }, unfinished: true };
    assert.equal((await worker.ask("POST", path, longer)).status, 413, path);
  }
});

test("what is sent slowly is waited for, and asked once all of it is there", { concurrency: true }, async (t) => {
  // Longer than the catalog may take for an answer.
  const pauses = [["/v1/check", 21_000], ["/v1/check/batch", 21_000], ["/v1/check", 1_000]];
  const tests = pauses.map(([path, ms]) => t.test(`${path} for ${ms} ms`, async () => {
    const question = JSON.stringify({ ...QUESTION, at: undefined });
    const body = path === "/v1/check" ? question : `{"questions":[${question}]}`;
    const began = Date.now();
    const sent = { body: [body.slice(0, 10), body.slice(10)], headers: JSON_TYPE, pause: sleep(ms) };
    const answer = await worker.ask("POST", path, sent);
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
    const { reason, freshness } = answer.body.results?.[0] ?? answer.body;
    assert.equal(reason, "ENABLED");
    assert.ok(began + ms <= Date.parse(freshness.generated_at), "it does not wait where the catalog is");
  }));
  await Promise.all(tests);
});

test("what is announced and does not come keeps nobody else out", async () => {
  const { hostname, port } = worker.target;
  // Together more than there are addresses, and more than a key may have at a time.
  const announced = 8 * 1024 * 1024;
  const head = [
    "PUT /v1/catalog HTTP/1.1",
    `host: ${hostname}:${port}`,
    `authorization: Bearer ${DEMO_KEY}`,
    "content-type: text/plain",
    `content-length: ${announced}`,
  ];
  const sockets = await Promise.all(Array.from({ length: 2 ** 32 / announced + 8 }, async () => {
    const socket = connect(port, hostname);
    socket.on("error", () => {});
    const answered = new Promise((resolve) => socket.once("data", (data) => resolve(String(data))));
    await once(socket, "connect");
    socket.write(`${head.join("\r\n")}\r\n\r\n{`);
    return { socket, answered };
  }));
  const answers = await Promise.all(sockets.map(({ answered }) => Promise.race([answered, sleep(3_000, "nothing")])));
  const waiting = sockets.filter((_, n) => answers[n] === "nothing");
  assert.equal(waiting.length, 2);
  for (const answer of answers.filter((one) => one !== "nothing")) {
    assert.match(answer, /^HTTP\/1\.1 503 [^]*retry-after: [0-9]+/i);
  }
  // A question is answered meanwhile, also to the same key.
  await assertAnswers();
  // They are still being waited for.
  for (const { socket, answered } of waiting) {
    socket.write(Buffer.alloc(announced - 1, " "));
    assert.match(await answered, /^HTTP\/1\.1 415 /);
  }
  sockets.forEach(({ socket }) => socket.destroy());
  await assertAnswers();
  // What they had is given back.
  const whole = await worker.ask("PUT", "/v1/catalog", { headers: JSON_TYPE, body: " ".repeat(announced) });
  assert.equal(whole.status, 400);
});

test("catalogs that cannot be used, and the one before goes on answering", async () => {
  for (const [catalog, code, field] of BAD_CATALOGS) {
    const { status, body } = await worker.put("/v1/catalog", catalog);
    assert.deepEqual([status, body.error.code, body.error.path], [400, code, field], catalog.slice(0, 100));
    await assertAnswers();
  }
  const { status, body } = await worker.ask("PUT", "/v1/catalog", { body: '{"format":1}' });
  assert.deepEqual([status, body.error.code], [415, "UNSUPPORTED_MEDIA_TYPE"]);
  await assertAnswers();
  // None of it was kept, and none of it counted.
  assert.deepEqual((await worker.get("/readyz")).body, { status: "ok", snapshot_version: 1, published_version: 0 });
});

test("everything that is wrong with a catalog is said at once", async () => {
  const features = ["a b", "c"].map((code) => ({ id: `feat_${code[0]}`, code, name: code, status: "GONE" }));
  const { status, body } = await worker.put("/v1/catalog", { format: 1, features });
  assert.equal(status, 400);
  const paths = new Set(body.error.problems.map(({ path }) => path));
  for (const path of ["features[0].code", "features[0].feature_type", "features[1].feature_type"]) {
    assert.ok(paths.has(path), `${path} in ${[...paths]}`);
  }
  await assertAnswers();
});
