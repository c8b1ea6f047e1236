// The questions and what needs no key, asked about the demo catalog.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { DEMO_KEY, AT, JSON_TYPE, openapi, start, timeless } from "./support.mjs";

let started;
let demo;
let empty;

before(async () => {
  started = await start({}, { catalog: null });
  [demo, empty] = started.workers;
});
after(() => started.stop());

/** Holds the fields that `expect` names against an answer. */
function assertFields(expect, answer) {
  const found = Object.fromEntries(Object.keys(expect).map((name) => [name, answer[name]]));
  assert.deepEqual(found, expect, JSON.stringify(answer));
}

/** Asks one question by GET and by POST; both answer alike, and with what is expected. */
async function check(question, expect) {
  const posted = await demo.check({ at: AT, ...question });
  const got = await demo.get(`/v1/check?${new URLSearchParams({ at: AT, ...question })}`);
  assert.deepEqual([got.status, timeless(got.body)], [posted.status, timeless(posted.body)]);
  assert.equal(posted.status, 200);
  assertFields(expect, posted.body);
  return posted.body;
}

/** Sends a request that is refused, and holds the refusal against what is expected. */
async function checkRefused(worker, [method, path, sent], status, code, field) {
  const answer = await worker.ask(method, path, sent);
  assert.deepEqual([answer.status, answer.body.error.code, answer.body.error.path], [status, code, field], path);
  return answer;
}

const of = (customer, feature, more) => ({ customer, feature, ...more });
const allow = (reason, more) => ({ allowed: true, decision: "ALLOW", reason, retryable: false, ...more });
const unsaid = (reason, allowed) => ({ allowed, decision: "INDETERMINATE", reason, retryable: true });
const deny = (reason, more) => ({ allowed: false, decision: "DENY", reason, retryable: false, ...more });

test("the questions of demo/README.md", async () => {
  const cases = [
    [of("acme", "sso"), allow("ENABLED", { type: "BOOLEAN", customer_id: "cus_acme", subscription_id: "sub_acme" })],
    [of("acme", "custom_domains"), deny("NOT_ENTITLED", { origin: null, valid_until: null })],
    [of("acme", "api_calls", { consumed: "199999" }), allow("WITHIN_LIMIT", { limit: "200000", remaining: "1" })],
    [of("acme", "api_calls", { consumed: "202000" }), allow("WITHIN_GRACE", { remaining: "0" })],
    [of("acme", "api_calls", { consumed: "205000" }), deny("LIMIT_REACHED")],
    [of("acme", "exports", { consumed: "24" }), deny("LIMIT_REACHED", { valid_until: "2026-11-30T09:30:00Z" })],
    [of("acme", "projects", { consumed: "29" }), allow("WITHIN_LIMIT", { limit: "30" })],
    [of("acme", "emails", { consumed: "6000" }), allow("OVERAGE_ALLOWED")],
    [of("acme", "images", { consumed: "0", requested: "100" }), allow("WITHIN_LIMIT", { type: "CREDITS" })],
    [of("acme", "images", { consumed: "0", requested: "101" }), deny("INSUFFICIENT_CREDITS", { requested: "101" })],
    [of("globex", "api_calls", { consumed: "9000000" }), allow("UNLIMITED", { limit: null, unlimited: true })],
    [of("globex", "legacy_xml"), deny("FEATURE_DISABLED")],
    [of("hobby", "exports", { consumed: "0", requested: "4" }), deny("REQUESTED_EXCEEDS_REMAINING")],
    [of("initech", "ai_tokens", { consumed: "0" }), deny("ENTITLEMENT_DISABLED", { enabled: false })],
    [of("lapsed", "audit_log"), deny("TRIAL_EXPIRED")],
    [of("paused", "audit_log"), deny("SUBSCRIPTION_PAUSED")],
    [of("former", "audit_log"), deny("SUBSCRIPTION_ENDED")],
    [of("archived", "audit_log"), deny("CUSTOMER_ARCHIVED")],
    [of("open", "sso"), deny("NO_ACTIVE_SUBSCRIPTION", { subscription_id: null })],
    [of("nobody", "sso"), deny("CUSTOMER_NOT_FOUND", { customer_id: "nobody" })],
    [of("acme", "nothing"), deny("FEATURE_NOT_FOUND", { feature: { id: null, code: "nothing", name: null } })],
  ];
  for (const [question, expect] of cases) {
    await check(question, expect);
  }
});

test("each field of a question counts", async () => {
  const exports = of("acme", "exports", { consumed: "10" });
  const cases = [
    [of("cus_acme", "feat_sso"), allow("ENABLED", { customer_id: "cus_acme" })],
    [of("acme", "sso", { subscription_id: "sub_acme" }), allow("ENABLED")],
    [of("acme", "sso", { subscription_id: "sub_globex" }), deny("NO_ACTIVE_SUBSCRIPTION")],
    [of("acme", "sso", { at: "2026-01-30T23:59:59Z" }), deny("SUBSCRIPTION_PENDING")],
    [of("acme", "sso", { at: "2026-01-31T00:00:00Z" }), allow("ENABLED")],
    [exports, allow("WITHIN_LIMIT", { requested: "1", consumed: "10", reserved: "0", remaining: "10" })],
    [{ ...exports, requested: "10.0" }, allow("WITHIN_LIMIT", { requested: "10" })],
    [{ ...exports, requested: "14.5" }, deny("REQUESTED_EXCEEDS_REMAINING")],
    [{ ...exports, reserved: "14" }, deny("LIMIT_REACHED", { remaining: "0" })],
    [of("acme", "exports"), unsaid("USAGE_UNAVAILABLE", false)],
    [of("acme", "exports", { on_indeterminate: "ALLOW" }), unsaid("USAGE_UNAVAILABLE", true)],
    [of("hobby", "requests"), unsaid("USAGE_UNAVAILABLE", true)],
    [of("hobby", "requests", { on_indeterminate: "DENY" }), unsaid("USAGE_UNAVAILABLE", false)],
    [of("hobby", "requests", { on_indeterminate: "ALLOW" }), unsaid("USAGE_UNAVAILABLE", true)],
    [of("acme", "sso", { min_version: 1 }), allow("ENABLED")],
    // It is read for the question, so nothing is newer.
    [of("acme", "sso", { min_version: 2 }), allow("ENABLED")],
    [of("open", "sso", { min_version: 2, on_indeterminate: "ALLOW" }), deny("NO_ACTIVE_SUBSCRIPTION")],
    [of("acme", "sso", { max_age_ms: 0 }), allow("ENABLED")],
    [of("open", "sso", { max_age_ms: 0, on_indeterminate: "ALLOW" }), deny("NO_ACTIVE_SUBSCRIPTION")],
    [of("acme", "sso", { max_age_ms: 60_000 }), allow("ENABLED")],
  ];
  for (const [question, expect] of cases) {
    await check(question, expect);
  }
});

test("without an instant it is now", async () => {
  const { body } = await demo.check(of("acme", "api_calls", { consumed: "0" }));
  const [start, end] = [body.period.start, body.period.end].map(Date.parse);
  assert.ok(start <= Date.now() && Date.now() < end, JSON.stringify(body.period));
});

test("an answer says from which version it is, read just now", async () => {
  const { freshness } = await check(of("acme", "sso"), allow("ENABLED"));
  assertFields({ source: "ORIGIN", snapshot_version: 1, age_ms: 0, stale: false }, freshness);
  const later = (await demo.check(of("acme", "sso", { at: "9999-01-01", max_age_ms: 1000 }))).body;
  // However late the instant is that is asked about.
  assert.equal(later.reason, "ENABLED");
  assertFields({ source: "ORIGIN", age_ms: 0, stale: false }, later.freshness);
});

test("several windows", async () => {
  const { windows } = await check(of("acme", "ai_tokens", { consumed: "0" }), allow("WITHIN_LIMIT"));
  assert.deepEqual(windows.map(({ limit, period }) => [limit, period.unit]), [["100000", "MONTH"], ["20000", "DAY"]]);
});

test("explain lists every row", async () => {
  const { trace } = await check(of("acme", "api_calls", { consumed: "0", explain: true }), allow("WITHIN_LIMIT"));
  const limit = ({ allowances }) => allowances[0].limit;
  const shown = ({ origin, effect, quantity, after }) => [origin.entity_type, effect, quantity, limit(after)];
  const steps = trace.map(shown);
  assert.deepEqual(steps, [["PLAN_VERSION", "SET", 1, "100000"], ["ADD_ON", "ADDED", 2, "200000"]]);
  const without = await check(of("acme", "api_calls", { consumed: "0", explain: false }), allow("WITHIN_LIMIT"));
  assert.equal(without.trace, undefined);
  const projects = of("initech", "projects", { consumed: "49", explain: true });
  const override = await check(projects, allow("WITHIN_LIMIT", { limit: "50" }));
  assert.deepEqual(override.trace.map(({ effect }) => effect), ["SET", "REPLACED"]);
  const credits = await check(of("acme", "images", { consumed: "0", explain: true }), allow("WITHIN_LIMIT"));
  assert.ok(credits.trace.some(({ value }) => value.cost === "5"));
});

test("a batch", async () => {
  const good = of("acme", "sso", { at: AT });
  const alone = timeless((await demo.check(good)).body);
  const one = await demo.post("/v1/check/batch", { questions: [good] });
  assert.deepEqual([one.status, one.body.results.map(timeless)], [200, [alone]]);
  assert.deepEqual((await demo.post("/v1/check/batch", { questions: [] })).body, { results: [] });
  const thousand = await demo.post("/v1/check/batch", { questions: Array(1_000).fill(good) });
  assert.equal(thousand.status, 200);
  assert.deepEqual(thousand.body.results.map(timeless), Array(1_000).fill(alone));
  const more = await demo.post("/v1/check/batch", { questions: Array(1_001).fill(good) });
  assert.deepEqual([more.status, more.body.error.code], [400, "OUT_OF_RANGE"]);
});

test("a batch about several customers", async () => {
  const questions = ["acme", "globex", "nobody", "cus_acme", "acme"].map((customer) => of(customer, "sso", { at: AT }));
  const { body } = await demo.post("/v1/check/batch", { questions });
  const alone = await Promise.all(questions.map(async (question) => timeless((await demo.check(question)).body)));
  assert.deepEqual(body.results.map(timeless), alone);
  const reasons = body.results.map(({ reason }) => reason);
  assert.deepEqual(reasons, ["ENABLED", "ENABLED", "CUSTOMER_NOT_FOUND", "ENABLED", "ENABLED"]);
});

test("malformed questions of a batch leave the others be", async () => {
  const good = of("acme", "sso");
  const items = [7, good, { feature: "sso" }, null, { ...good, requested: "-1" }, { ...good, at: "now" }, [], good];
  const { status, body } = await demo.post("/v1/check/batch", { questions: items });
  assert.equal(status, 200);
  const shown = body.results.map(({ reason, error }) => reason ?? error.code);
  assert.deepEqual(shown, [
    ...["WRONG_TYPE", "ENABLED", "MISSING", "WRONG_TYPE"],
    ...["OUT_OF_RANGE", "INVALID", "WRONG_TYPE", "ENABLED"],
  ]);
});

test("a batch that is none", async () => {
  const cases = [
    [{ body: "[]", headers: JSON_TYPE }, "WRONG_TYPE"],
    [{ body: "{}", headers: JSON_TYPE }, "MISSING"],
    [{ body: '{"questions":{}}', headers: JSON_TYPE }, "WRONG_TYPE"],
    [{ body: "", headers: JSON_TYPE }, "INVALID_JSON"],
  ];
  for (const [sent, code] of cases) {
    const { status, body } = await demo.ask("POST", "/v1/check/batch", sent);
    assert.deepEqual([status, body.error.code], [400, code], sent.body);
  }
});

test("the entitlements of a customer", async () => {
  const n_features = (await demo.get(`/v1/customers/nobody/entitlements?at=${AT}`)).body.data.length;
  const reasons = async (path) => {
    const { status, body } = await demo.get(path);
    assert.equal(status, 200, path);
    assert.equal(body.data.length, n_features, path);
    return Object.fromEntries(body.data.map(({ feature, reason }) => [feature.code, reason]));
  };
  const acme = await reasons(`/v1/customers/acme/entitlements?at=${AT}&consumed=0`);
  assertFields({ sso: "ENABLED", custom_domains: "NOT_ENTITLED", legacy_xml: "FEATURE_DISABLED" }, acme);
  assert.equal(acme.images, "WITHIN_LIMIT");
  for (const path of ["cus_acme", "%61cme", "a%63me", "%61%63%6D%65"]) {
    assert.deepEqual(await reasons(`/v1/customers/${path}/entitlements?at=${AT}&consumed=0`), acme, path);
  }
  for (const unknown of ["nobody", "a%2Fb", "a+b", "%C3%A4%F0%9F%98%80", "%25"]) {
    const all = await reasons(`/v1/customers/${unknown}/entitlements`);
    // A withdrawn feature is withdrawn for everyone.
    assert.deepEqual(new Set(Object.values(all)), new Set(["CUSTOMER_NOT_FOUND", "FEATURE_DISABLED"]), unknown);
  }
  const named = (await demo.get("/v1/customers/a%2Fb%C3%A4/entitlements")).body.data[0];
  assert.equal(named.customer_id, "a/bä");
  const explained = await demo.get(`/v1/customers/acme/entitlements?explain&at=${AT}`);
  assert.ok(explained.body.data.filter(({ trace }) => trace?.length > 0).length > 5);
});

test("customers that cannot be", async () => {
  const cases = [
    ["%FF", undefined],
    ["%C3", undefined],
    ["", "customer"],
    ["a%20b", "customer"],
    ["%00", "customer"],
    ["x".repeat(129), "customer"],
  ];
  for (const [key, field] of cases) {
    await checkRefused(demo, ["GET", `/v1/customers/${key}/entitlements`], 400, "INVALID", field);
  }
  await checkRefused(demo, ["GET", "/v1/customers/acme/entitlements?at=x"], 400, "INVALID", "at");
});

test("HEAD is GET without a body", async () => {
  const cases = [
    ["/v1/check?customer=acme&feature=sso", 200],
    ["/v1/check?customer=acme", 400],
    ["/v1/customers/acme/entitlements", 200],
    ["/healthz", 200],
    ["/readyz", 200],
    ["/openapi.json", 200],
    ["/nowhere", 404],
  ];
  for (const [path, status] of cases) {
    assert.equal((await demo.ask("HEAD", path)).status, status, path);
  }
});

test("paths there are not", async () => {
  const longer = ["/v1/check/", "/v1/checks", "/v1/customers/acme", "/v1/customers/a/b/entitlements"];
  for (const path of ["/", "/v1", "/V1/check", "/healthz/", "/apis", "/panic", ...longer]) {
    await checkRefused(demo, ["GET", path], 404, "NOT_FOUND");
    await checkRefused(demo, ["POST", path, { body: "{}", headers: JSON_TYPE }], 404, "NOT_FOUND");
  }
  // Those of other APIs are refused in their own words.
  const message = "there is no such path; nothing was looked up";
  const foreign = {
    "/api/v1/nothing": { code: "NOT_FOUND", message },
    "/addons/x": { success: false, error: { type: "not_found_error", code: "not_found", message } },
    "/api/v1/addon": { status: "error", success: false, message, error: message },
  };
  for (const [path, refusal] of Object.entries(foreign)) {
    for (const sent of [["GET", path], ["POST", path, { body: "{}", headers: JSON_TYPE }]]) {
      const { status, body } = await demo.ask(...sent);
      assert.deepEqual([status, body], [404, refusal], path);
    }
  }
});

test("routes of Meteroid's that are not here, and one path of three APIs", async () => {
  for (const [method, path] of [["GET", "plans/plan_free"], ["GET", "subscriptions"], ["PATCH", "features/sso"], ["DELETE", "customers/acme"]]) {
    const { status, body } = await demo.ask(method, `/api/v1/${path}`);
    assert.deepEqual([status, body.code], [501, "INTERNAL_SERVER_ERROR"], path);
    assert.match(body.message, /does not have this route of Meteroid's API/);
  }
  const basic = `Basic ${Buffer.from(`${DEMO_KEY}:x`).toString("base64")}`;
  for (const [headers, status, refusal] of [
    [{ authorization: `Bearer ${DEMO_KEY}` }, 400, "code"],
    [{ "x-api-key": DEMO_KEY }, 400, "error"],
    [{ authorization: basic }, 404, "status"],
    [{ "x-api-key": DEMO_KEY, authorization: basic }, 404, "status"],
    [{}, 401, "code"],
  ]) {
    const answer = await demo.ask("POST", "/api/v1/addons", { key: null, body: "{}", headers: { ...JSON_TYPE, ...headers } });
    assert.deepEqual([answer.status, refusal in answer.body], [status, true], JSON.stringify(answer.body));
  }
});

test("methods a path does not take", async () => {
  const cases = [
    ["/v1/check", "GET, HEAD, POST", ["PUT", "DELETE", "PATCH", "OPTIONS"]],
    ["/v1/check/batch", "POST", ["GET", "PUT", "DELETE"]],
    ["/v1/customers/acme/entitlements", "GET, HEAD", ["POST", "DELETE"]],
    ["/healthz", "GET, HEAD", ["POST", "PUT"]],
    ["/v1/version", "GET, HEAD", ["POST"]],
    ["/readyz", "GET, HEAD", ["POST"]],
    ["/openapi.json", "GET, HEAD", ["POST", "OPTIONS"]],
  ];
  for (const [path, allow, methods] of cases) {
    for (const method of methods) {
      const { headers } = await checkRefused(demo, [method, path], 405, "METHOD_NOT_ALLOWED");
      assert.equal(headers.allow, allow, path);
    }
  }
  assert.equal((await demo.send("HEAD", "/v1/check/batch")).status, 405);
});

test("methods no path takes are not taken for others", async () => {
  const methods = ["COPY", "LOCK", "MKCOL", "MOVE", "PROPFIND", "PURGE", "REPORT", "SEARCH", "SUBSCRIBE", "TRACE"];
  const paths = ["/healthz", "/readyz", "/v1/check", "/v1/customers/acme/entitlements", "/v1/catalog"];
  const kinds = ["/v1/catalog/products", "/v1/catalog/features/feat_sso", "/v1/catalog/import/imp_x"];
  const foreign = ["/api/v1/features", "/api/v1/addons/add_sso/entitlements", "/addons", "/api/v1/addon/prd_api"];
  for (const path of [...paths, ...kinds, ...foreign]) {
    for (const method of methods) {
      const { status } = await demo.ask(method, path, { body: "{}", headers: JSON_TYPE });
      assert.equal(status, 405, `${method} ${path}`);
    }
  }
});

test("only JSON, and said to be", async () => {
  const body = JSON.stringify(of("acme", "sso"));
  const types = ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", "text/json", ""];
  for (const headers of [{}, ...types.map((type) => ({ "content-type": type }))]) {
    await checkRefused(demo, ["POST", "/v1/check", { body, headers }], 415, "UNSUPPORTED_MEDIA_TYPE");
    await checkRefused(demo, ["POST", "/v1/check/batch", { body, headers }], 415, "UNSUPPORTED_MEDIA_TYPE");
  }
  for (const type of ["application/json", "Application/JSON; charset=utf-8", "application/json ;x=y"]) {
    assert.equal((await demo.post("/v1/check", body, { "content-type": type })).status, 200, type);
  }
});

test("which version runs, and which formats it writes", async () => {
  const { version } = openapi.info;
  assert.deepEqual((await empty.get("/v1/version")).body, { version, formats: { document: 1, block: 2, manifest: 2 } });
});

test("before the first write there is nothing to answer from", async () => {
  assert.deepEqual((await empty.get("/healthz")).body, { status: "ok" });
  assert.deepEqual((await empty.get("/readyz")).body, { status: "ok", snapshot_version: 0, published_version: 0 });
  assert.deepEqual((await empty.get("/v1/customers/acme/entitlements")).body, { data: [] });
  const denied = await empty.check(of("acme", "sso"));
  assertFields(unsaid("SNAPSHOT_MISSING", false), denied.body);
  const allowed = await empty.check(of("acme", "sso", { on_indeterminate: "ALLOW" }));
  assertFields(unsaid("SNAPSHOT_MISSING", true), allowed.body);
  const { results } = (await empty.post("/v1/check/batch", { questions: [of("acme", "sso"), {}] })).body;
  assert.deepEqual(results.map(({ reason, error }) => reason ?? error.code), ["SNAPSHOT_MISSING", "MISSING"]);
  await checkRefused(empty, ["GET", "/v1/check?customer=acme"], 400, "MISSING", "feature");
  assert.deepEqual((await demo.get("/readyz")).body, { status: "ok", snapshot_version: 1, published_version: 0 });
});

test("where the catalog cannot be reached at all, each API says so", async () => {
  // What is bound in its place is no object.
  const limits = { CATALOG: { simple: { limit: 1_000, period: 10 } } };
  const { worker, stop } = await start({ catalog: null, limits });
  try {
    for (const path of ["/readyz", "/v1/catalog", "/v1/check?customer=a&feature=b", "/api/v1/features"]) {
      assert.equal((await worker.ask("GET", path)).status, 503, path);
    }
    for (const path of ["/v1/catalog/import", "/addons", "/api/v1/addon/x"]) {
      assert.equal((await worker.ask("POST", path, { body: "{}", headers: JSON_TYPE })).status, 503, path);
    }
    assert.equal((await worker.check({ customer: "a", feature: "b" })).status, 503);
    // Questions are read before anybody is asked.
    await checkRefused(worker, ["GET", "/v1/check?customer=a"], 400, "MISSING", "feature");
    assert.equal((await worker.ask("POST", "/v1/check", { body: "{}", headers: JSON_TYPE })).status, 400);
    assert.equal((await worker.get("/healthz")).status, 200);
  } finally {
    await stop();
  }
});

/** An answer, alone or in a batch, without when and from which version it was read. */
function withoutFreshness(answer) {
  const { freshness, ...decision } = answer;
  return answer.results ? { results: answer.results.map(withoutFreshness) } : decision;
}

test("openapi.json is what is served, and its examples are true", async () => {
  assert.deepEqual((await demo.get("/openapi.json")).body, openapi);
  let n_asked = 0;
  for (const [path, { post }] of Object.entries(openapi.paths)) {
    const questions = post?.requestBody?.content["application/json"]?.examples ?? {};
    const answers = post?.responses[200]?.content?.["application/json"].examples;
    for (const [name, { value }] of Object.entries(questions)) {
      const answer = (await demo.post(path, value)).body;
      assert.deepEqual(withoutFreshness(answer), withoutFreshness(answers[name].value), `${path}: ${name}`);
      n_asked += 1;
    }
  }
  assert.equal(n_asked, 3);
});
