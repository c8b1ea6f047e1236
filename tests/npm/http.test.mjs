// What a decision is over HTTP: the status of every reason, the headers of limits, and the body of a refusal.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Catalog } from "../../pkg/document-node.js";
import { judge, rateLimitHeaders, refuse, statusOf } from "../../pkg/http.js";

const read = (path) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
const demo = new Catalog(read("demo/catalog.json"));
const AT = "2026-11-20T12:00:00Z";
const NOW = Date.parse(AT);
const check = (customer, feature, more) => demo.check({ customer, feature, at: AT, ...more });
const seconds = (until) => Math.ceil((Date.parse(until) - NOW) / 1000);

test("every reason has a status, which is the one that docs/cloudflare.md says", () => {
  const types = read("pkg/types.d.ts");
  const reasonsOf = (name) => types.match(new RegExp(`export type ${name} =([^;]+);`))[1].match(/[A-Z_]+/g);
  const expected = {};
  for (const [, status, reasons] of read("docs/cloudflare.md").matchAll(/^\| (\d{3}) \| ([A-Z_, ]+) \|/gm)) {
    for (const reason of reasons.split(", ")) expected[reason] = Number(status);
  }
  const found = {};
  for (const reason of reasonsOf("DenyReason")) found[reason] = statusOf({ allowed: false, decision: "DENY", reason });
  for (const reason of reasonsOf("IndeterminateReason")) {
    found[reason] = statusOf({ allowed: false, decision: "INDETERMINATE", reason });
    assert.equal(statusOf({ allowed: true, decision: "INDETERMINATE", reason }), 200);
  }
  assert.deepEqual(found, expected);
  assert.equal(statusOf({ allowed: false, decision: "DENY", reason: "A_LATER_ONE" }), 403);
});

test("a limit is told by its policy and by what remains until the reset", () => {
  const decision = check("acme", "api_calls", { consumed: 199_990 });
  const { start, end, resetAt } = decision.period;
  assert.deepEqual(rateLimitHeaders(decision, NOW), {
    "ratelimit-policy": `"api_calls";q=200000;w=${(Date.parse(end) - Date.parse(start)) / 1000}`,
    ratelimit: `"api_calls";r=10;t=${seconds(resetAt)}`,
  });
  // A part of a second is a second more.
  const { ratelimit } = rateLimitHeaders(decision, Date.parse(resetAt) - 1);
  assert.match(ratelimit, /;t=1$/);
  assert.match(rateLimitHeaders(decision, Date.parse(resetAt) + 5_000).ratelimit, /;t=0$/);
});

test("what is not limited, or not known, has no headers", () => {
  for (const decision of [
    check("acme", "sso"), check("globex", "api_calls", { consumed: 5 }), check("acme", "api_calls"),
    check("acme", "custom_domains"), check("umbrella", "retention_days"),
  ]) {
    assert.deepEqual(rateLimitHeaders(decision, NOW), {}, decision.reason);
  }
});

test("a limit and its caps are policies; other allowances are not", () => {
  const decision = check("umbrella", "messages", { consumed: 49 });
  const [limit, five, week] = decision.windows;
  assert.deepEqual([limit.role, five.role, week.role], ["LIMIT", "CAP", "CAP"]);
  const headers = rateLimitHeaders(decision, NOW);
  const left = ({ remaining, period: { resetAt } }) => `;r=${remaining}${resetAt ? `;t=${seconds(resetAt)}` : ""}`;
  assert.equal(headers.ratelimit, `"messages"${left(limit)}, "messages.cap-1"${left(five)}, "messages.cap-2"${left(week)}`);
  assert.match(headers["ratelimit-policy"], /^"messages";q=1000;w=\d+, "messages\.cap-1";q=50;w=18000, "messages\.cap-2";q=300;w=604800$/);
  const two = check("acme", "ai_tokens", { consumed: 0 });
  assert.deepEqual(two.windows.map(({ role }) => role), ["LIMIT", "LIMIT"]);
  assert.match(rateLimitHeaders(two, NOW).ratelimit, /^"ai_tokens";r=\d+;t=\d+$/);
});

test("fractions are rounded down, and more than a structured field can say is the most that it can", () => {
  const metered = (limit, remaining) => ({ feature: { code: "f" }, limit, remaining, period: null });
  assert.deepEqual(rateLimitHeaders(metered("10.99", "0.5"), NOW), { "ratelimit-policy": '"f";q=10', ratelimit: '"f";r=0' });
  const most = "999999999999999";
  assert.deepEqual(rateLimitHeaders(metered(`${most}.5`, `${most}0`), NOW), {
    "ratelimit-policy": `"f";q=${most}`, ratelimit: `"f";r=${most}`,
  });
});

test("a refusal is a problem, and says when to come again if that helps", async () => {
  const refused = async (...question) => {
    const decision = check(...question);
    const response = refuse(decision, NOW);
    assert.equal(response.headers.get("content-type"), "application/problem+json");
    assert.equal(response.headers.get("cache-control"), "no-store");
    return { decision, response, body: await response.json(), again: response.headers.get("retry-after") };
  };
  const sold = await refused("acme", "custom_domains", { suggest: true });
  assert.equal(sold.response.status, 402);
  assert.equal(sold.again, null);
  assert.ok(0 < sold.body.suggestions.length);
  assert.deepEqual({ ...sold.body, suggestions: undefined }, {
    type: "about:blank", title: "Payment Required", status: 402, decision: "DENY", reason: "NOT_ENTITLED",
    feature: "custom_domains", suggestions: undefined,
  });
  const full = await refused("acme", "api_calls", { consumed: 205_000 });
  assert.equal(full.response.status, 429);
  assert.equal(full.again, String(seconds(full.decision.period.resetAt)));
  assert.deepEqual(full.body["violated-policies"], ["api_calls"]);
  assert.match(full.body.type, /#quota-exceeded$/);
  assert.match(full.response.headers.get("ratelimit"), /^"api_calls";r=0;t=\d+$/);
  // The five hours are full, the billing period is not.
  const capped = await refused("umbrella", "messages", { consumed: 50 });
  assert.deepEqual(capped.body["violated-policies"], ["messages.cap-1"]);
  assert.equal(capped.again, capped.decision.period.resetAt && String(seconds(capped.decision.period.resetAt)));
  assert.equal((await refused("hobby", "exports", { consumed: 0, requested: 4 })).again, null, "four are never admitted");
  assert.equal((await refused("initech", "projects", { consumed: 50 })).again, null, "it is never reset");
  assert.equal((await refused("acme", "images", { consumed: 0, requested: 101 })).response.status, 429);
  assert.equal((await refused("archived", "audit_log")).response.status, 403);
  assert.equal((await refused("acme", "api_calls")).response.status, 503);
});

test("an error of the check is the policy's answer, and is thrown at nobody", async () => {
  const told = [];
  const options = {
    mayuse: demo, customer: () => "acme", feature: "sso", now: () => NOW,
    onError(error) {
      told.push(error.message);
      throw new Error("an error about an error");
    },
  };
  const broken = () => {
    throw new Error("broken");
  };
  const cases = [
    { mayuse: { check: broken } }, { mayuse: { check: async () => broken() } }, { mayuse: broken }, { customer: broken },
    { feature: broken }, { question: broken },
  ];
  for (const each of cases) {
    for (const [onIndeterminate, status] of [[undefined, 503], ["DENY", 503], ["ALLOW", undefined]]) {
      told.length = 0;
      const { decision, response } = await judge({ ...options, ...each, onIndeterminate }, {});
      assert.deepEqual([decision.decision, decision.reason, response?.status], ["INDETERMINATE", "SNAPSHOT_MISSING", status]);
      assert.deepEqual(told, ["broken"]);
    }
  }
  const missing = await judge({ ...options, mayuse: undefined }, {});
  assert.equal(missing.response.status, 503);
  const own = await judge({ ...options, feature: "custom_domains", onDeny: broken }, {});
  assert.equal(own.response.status, 402, "a page that is broken is answered as if there were none");
});

test("what a client wrote does not turn a policy into a yes", async () => {
  const errors = [];
  const options = { mayuse: demo, feature: "api_calls", onIndeterminate: "ALLOW", now: () => NOW, onError: (error) => errors.push(error) };
  const judged = (customer, question) => judge({ ...options, customer: () => customer, question: () => question }, {});
  for (const customer of [undefined, null, "", "two words", "a\nb", "x".repeat(129), "nobody"]) {
    const { decision, response } = await judged(customer, { consumed: 1 });
    assert.deepEqual([decision.reason, response.status], ["CUSTOMER_NOT_FOUND", 403], customer);
  }
  assert.equal(errors.length, 0);
  for (const question of [{ consumed: "many" }, { requested: -1 }, { at: "yesterday" }, { nonsense: 1 }]) {
    const { decision, response } = await judged("acme", question);
    assert.deepEqual([decision.decision, response.status], ["INDETERMINATE", 503], JSON.stringify(question));
  }
  assert.equal(errors.length, 4);
  // Usage that is unknown is for the policy, as everywhere.
  assert.equal((await judged("acme", {})).decision.reason, "USAGE_UNAVAILABLE");
  assert.equal((await judged("acme", {})).response, undefined);
});
