// The command as a shell sees it: exit status, standard output, standard error, pipes.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "mayuse-cli-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const DEMO = ["--catalog", "demo/catalog.json"];
const AT = ["--at", "2026-11-20T00:00:00Z"];

function mayuse(args, input = "") {
  const command = join(root, "target/release/mayuse");
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: root, encoding: "utf8", input, maxBuffer: 1 << 28 });
  return { status, stdout, stderr };
}

function file(name, text) {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

function check(name, args, expected, input) {
  test(name, () => {
    const { status, stdout, stderr } = mayuse(args, input);
    assert.equal(status, expected.status, `${stdout}${stderr}`);
    for (const part of [].concat(expected.stdout ?? [])) assert.match(stdout, part);
    for (const part of [].concat(expected.stderr ?? [])) assert.match(stderr, part);
    // Colour is for terminals.
    assert.doesNotMatch(stdout + stderr, /\u001b\[/);
    if (expected.status === 2) assert.equal(stdout, "", "a failure prints nothing where answers go");
  });
}

const ask = (customer, feature, ...more) => ["check", ...DEMO, ...AT, "--customer", customer, "--feature", feature, ...more];

check("allowed is 0", ask("acme", "sso"), { status: 0, stdout: /"reason": "ENABLED"/ });
check("not allowed is 1", ask("paused", "sso"), { status: 1, stdout: /"reason": "SUBSCRIPTION_PAUSED"/ });
check("usage that is not given is unknown, and what to do is said", ask("hobby", "exports"),
  { status: 1, stdout: [/"reason": "USAGE_UNAVAILABLE"/, /"consumed": null/], stderr: /^hint: .* pass it with --consumed; --consumed 0 / });
check("usage of 0 is said", ask("hobby", "exports", "--consumed", "0"), { status: 0, stdout: /"consumed": "0"/, stderr: /^$/ });
check("a switch needs no usage", ask("acme", "sso"), { status: 0, stderr: /^$/ });
check("reserved counts as consumed does", ask("hobby", "exports", "--consumed", "1", "--reserved", "2"), { status: 1, stdout: [/"reason": "LIMIT_REACHED"/, /"reserved": "2"/] });
check("a negative reservation is a bad question", ask("hobby", "exports", "--reserved", "-1"), { status: 2, stderr: /reserved: must not be negative/ });
check("a negative consumption is a correction", ask("hobby", "exports", "--consumed", "-5"), { status: 0, stdout: /"consumed": "-5"/ });
check("explain lists rows", ask("acme", "api_calls", "--consumed", "0", "--explain"), { status: 0, stdout: [/"trace": \[/, /"effect": "ADDED"/] });
check("a catalog from standard input", ["check", "--catalog", "-", ...AT, "--customer", "acme", "--feature", "sso"],
  { status: 0, stdout: /"allowed": true/ }, readFileSync(join(root, "demo/catalog.json"), "utf8"));
check("a negative request is a bad question", ask("acme", "sso", "--requested", "-1"), { status: 2, stderr: /requested: must not be negative/ });
check("a bad instant", ["check", ...DEMO, "--customer", "acme", "--feature", "sso", "--at", "yesterday"],
  { status: 2, stderr: /at: expected an instant/ });
check("no such file", ["check", "--catalog", "nowhere.json", "--customer", "a", "--feature", "b"], { status: 2, stderr: /nowhere\.json/ });
check("an unknown option says what to do", ["check", "--catalogue", "x"], { status: 2, stderr: /--help/ });
check("no command prints the help", [], { status: 2, stderr: /Usage: mayuse/ });
check("help has examples", ["check", "--help"], { status: 0, stdout: /Examples:/ });
check("help says what 1 means", ["check", "--help"], { status: 0, stdout: /1 not allowed or not decidable \(INDETERMINATE\)/ });
check("and that of the command does", ["--help"], { status: 0, stdout: /1 not allowed, not decidable \(INDETERMINATE\), or failed/ });
check("help of validate says what an unknown value does", ["validate", "--help"],
  { status: 0, stdout: /An unknown value is a warning; the row that contains it grants nothing\./ });
check("version", ["--version"], { status: 0, stdout: /^mayuse \d+\.\d+\.\d+\n$/ });

check("a table without usage", ["entitlements", ...DEMO, ...AT, "--customer", "acme"], { status: 0, stdout: /\napi_calls +unknown +USAGE_UNAVAILABLE/, stderr: /^hint: / });
check("a table", ["entitlements", ...DEMO, ...AT, "--customer", "acme", "--consumed", "0"], { status: 0, stdout: [/^FEATURE +ALLOWED +REASON/, /\napi_calls +yes +WITHIN_LIMIT +200000/] });
test("the same as JSON", () => {
  const { status, stdout } = mayuse(["entitlements", ...DEMO, ...AT, "--customer", "acme", "--json"]);
  assert.equal(status, 0);
  assert.equal(JSON.parse(stdout).length, JSON.parse(readFileSync(join(root, "demo/catalog.json"), "utf8")).features.length);
});

const monthly = '{"type":"FIXED_WINDOW","unit":"MONTH","interval":1}';
test("a window", () => {
  const { status, stdout } = mayuse(["window", "--rule", monthly, "--at", "2025-02-28T00:00:00Z", "--activated-at", "2025-01-31T00:00:00Z"]);
  assert.equal(status, 0);
  assert.deepEqual(JSON.parse(stdout), {
    start: "2025-02-28T00:00:00Z", end: "2025-03-31T00:00:00Z", reset_at: "2025-03-31T00:00:00Z", projected: false,
  });
});
test("a billing window, rolled forward", () => {
  const billing = ["--period", "MONTHLY", "--billing-day-anchor", "32767", "--current-period-start", "2025-05-31", "--current-period-end", "2025-06-30"];
  const { stdout } = mayuse(["window", "--rule", '{"type":"BILLING_CYCLE"}', "--at", "2025-07-01T00:00:00Z", ...billing]);
  assert.deepEqual(JSON.parse(stdout), {
    start: "2025-06-30T00:00:00Z", end: "2025-07-31T00:00:00Z", reset_at: "2025-07-31T00:00:00Z", projected: true,
  });
});
check("a fixed window is tied to an activation", ["window", "--rule", monthly, "--at", "2025-02-28"], { status: 2, stderr: /activated_at/ });

const rule = (interval) => `{"type":"CALENDAR","unit":"DAY","interval":${interval}}`;
const billed = (anchor) => ["window", "--rule", '{"type":"BILLING_CYCLE"}', "--at", "2025-07-01", "--period", "MONTHLY",
  "--billing-day-anchor", anchor, "--current-period-start", "2025-05-31"];
const feature = (limit) => `{"format":1,"features":[{"id":"f","code":"f","name":"F","feature_type":{"type":"METERED"},` +
  `"status":"ACTIVE","entitlement":{"value":{"type":"METERED","limit":${limit}}}}]}`;
check("interval 0", ["window", "--rule", rule(0), "--at", "2025-06-15"], { status: 2, stderr: /error\[OUT_OF_RANGE\].*rule\.interval: interval must be 1 to 10000, found 0/ });
check("anchor 32768", billed("32768"), { status: 2, stderr: /billing\.billing_day_anchor: billing_day_anchor must be 1 to 32767/ });
check("year 9999", ["window", "--rule", rule(2), "--at", "9999-12-31T23:59:59Z"], { status: 0, stdout: /"9999-12-31T23:59:59.999Z"/ });
check("year 10000", ["window", "--rule", rule(2), "--at", "10000-01-01T00:00:00Z"], { status: 2, stderr: /years 1 to 9999/ });
check("a 40-digit limit", ["validate", file("digits.json", feature(`"${"1".repeat(40)}"`))],
  { status: 2, stderr: /error\[OUT_OF_RANGE\].*features\[0\]\.entitlement\.value\.limit: the decimal has more than/ });
check("10 MB of no JSON", ["validate", file("large.json", "x".repeat(10_000_000))], { status: 2, stderr: /error\[INVALID_JSON\]/ });
check("10,000-deep JSON", ["validate", file("deep.json", "[".repeat(10_000))], { status: 2, stderr: /error\[INVALID_JSON\]/ });
check("a customer of control characters", ask("\u0001\u0002", "sso"), { status: 2, stderr: /customer: expected 1 to 128 characters/ });

check("validate says what is valid", ["validate", "demo/catalog.json"], { status: 0, stdout: /valid; \d+ features, \d+ customers/ });
check("validate reports all problems", ["validate", file("two.json", '{"format":1,"features":[{"id":"f"}]}')],
  { status: 2, stderr: [/features\[0\]\.code/, /features\[0\]\.feature_type/, /features\[0\]\.status/] });
check("validate takes a document behind a byte-order mark", ["validate", file("bom.json", `\ufeff${feature('"1"')}`)], { status: 0, stdout: /valid; 1 feature, 0 customers\n$/ });
const sourced = (value) => file(`sourced-${value}.json`, JSON.stringify({ format: 1, products: [{ id: "p", source_updated_at: value }] }));
check("validate says when the source's time is no instant", ["validate", sourced("yesterday")],
  { status: 2, stderr: /error\[INVALID\].*products\[0\]\.source_updated_at: expected an instant/ });
check("validate takes an instant of the source", ["validate", sourced("2026-11-21T10:00:00Z")], { status: 0, stdout: /valid/ });
const unheard = file("unheard.json", JSON.stringify({ format: 1, access_statuses: ["ACTIVE", "past_due"] }));
check("a warning is no problem", ["validate", unheard], { status: 0, stdout: /unheard\.json: 0 features, 0 customers; valid with 1 warning; --strict fails on warnings\n$/, stderr: /warning\[UNKNOWN_VALUE\].*access_statuses\[1\]/ });
check("but with --strict it is", ["validate", "--strict", unheard], { status: 2, stdout: /^$/, stderr: /warning\[UNKNOWN_VALUE\].*access_statuses\[1\]/ });
const skipped = file("skipped.json", feature('"1"').replace('"limit"', '"reset_period":{"type":"YEARLY"},"limit"'));
check("a row of an unknown word is skipped", ["validate", skipped], { status: 0, stdout: /valid with 1 warning; /, stderr: /^warning\[UNKNOWN_VALUE\]/ });
check("but not with --strict", ["validate", "--strict", skipped], { status: 2, stderr: /^warning\[UNKNOWN_VALUE\]/ });
check("--strict takes what has no warning", ["validate", "--strict", "demo/catalog.json"], { status: 0, stdout: /valid/, stderr: /^$/ });
check("validate refuses a row a snapshot would skip", ["validate", file("misfit.json", feature('"1"').replace("METERED\"}", "BOOLEAN\"}"))],
  { status: 2, stderr: /skipped\[TYPE_MISMATCH\]/ });


const cycle = (more = {}) => ({ id: "r", feature: "reports", value: { type: "METERED", limit: "10", reset_period: { type: "BILLING_CYCLE", ...more } } });
const held = (more, rows) => ({ id: "s", customer_id: "c", plan_id: "p", plan_version_id: "v", status: "ACTIVE", start_date: "2026-01-01", activated_at: "2026-01-01T00:00:00Z",
  period: "MONTHLY", billing_day_anchor: 1, current_period_start: "2026-01-01", entitlements: rows, ...more });
const world = (subscriptions, { version = [], add_on = [], ...more } = {}) => JSON.stringify({ format: 1,
  features: [{ id: "reports", code: "reports", name: "Reports", feature_type: { type: "METERED" }, status: "ACTIVE" }],
  plans: [{ id: "p", name: "P", versions: [{ id: "v", version: 1, product_ids: [], entitlements: version }] }],
  add_ons: ["basic", "pack500", "pack900"].map((id) => ({ id, name: id, entitlements: add_on.map((row) => ({ ...row, id: `${id}_row` })) })),
  customers: [{ id: "c", name: "C" }], subscriptions, ...more });
const open = /warning\[MISSING\] .*subscriptions\[0\]\.current_period_end: absent, so the billing period never ends and limits per billing cycle never reset\n$/;
test("limits that never reset are warned of, whoever has them", () => {
  for (const [subscription, more] of [
    [held({}, [cycle()]), {}],
    [held({}, []), { version: [cycle()] }],
    [held({ add_ons: [{ id: "h", add_on_id: "basic", quantity: 1 }] }, []), { add_on: [cycle()] }],
  ]) {
    const path = file("open.json", world([subscription], more));
    const { status, stdout, stderr } = mayuse(["validate", path]);
    assert.equal(status, 0, stderr);
    assert.match(stdout, /valid with 1 warning; /);
    assert.match(stderr, open);
    assert.equal(mayuse(["validate", "--strict", path]).status, 2);
  }
});
test("limits that do reset are not warned of", () => {
  for (const subscription of [
    held({ current_period_end: "2026-02-01" }, [cycle()]),
    held({ status: "PAUSED" }, [cycle()]),
    held({}, [cycle({ sub_cycle: "MONTHLY" })]),
    held({}, []),
  ]) {
    const { status, stderr } = mayuse(["validate", "--strict", file("shut.json", world([subscription], { add_on: [cycle()] }))]);
    assert.deepEqual({ status, stderr }, { status: 0, stderr: "" });
  }
});
const until = { access_statuses: ["ACTIVE", { status: "CANCELLED", until: "END_DATE" }] };
check("validate warns of a cancelled subscription whose access has no end",
  ["validate", file("until.json", world([held({ status: "CANCELLED" }, [])], until))],
  { status: 0, stdout: /valid with 1 warning; /, stderr: /warning\[MISSING\] .*subscriptions\[0\]\.end_date: absent, so CANCELLED, .* grants nothing\n$/ });
check("but not where it ends", ["validate", "--strict", file("ends.json", world([held({ status: "CANCELLED", end_date: "2026-03-01" }, [])], until))],
  { status: 0, stderr: /^$/ });
check("nor where no access is granted until then", ["validate", "--strict", file("none.json", world([held({ status: "CANCELLED" }, [])]))],
  { status: 0, stderr: /^$/ });

const each = (...hours) => hours.map((interval) => ({ id: `every_${interval}`, feature: "reports",
  value: { type: "METERED", limit: "10", reset_period: { type: "CALENDAR", unit: "HOUR", interval } } }));
const [one, two] = [each(1), each(1, 2)].map((rows, n) => file(`pool-${n}.json`, world(rows.map((_, i) => held({ id: `s${i}`, current_period_end: "2026-02-01",
  add_ons: [{ id: `h${i}`, add_on_id: ["basic", "pack500"][i], quantity: 1 }] }, [])), { add_on: [rows.at(-1)] })));
const used = (path, ...usage) => ["check", "--catalog", path, "--at", "2026-01-15", "--customer", "c", "--feature", "reports",
  ...(usage.length ? ["--usage", JSON.stringify(usage)] : [])];
check("usage of an origin that there is has no hint", used(two, { origin: "basic", consumed: "1" }), { status: 0, stderr: /^$/ });
check("usage of another origin has one that names those there are", used(two, { origin: "other", consumed: "1" }, { origin: "basic", consumed: "1" }),
  { status: 0, stdout: /"warnings": \[/, stderr: /^hint: no allowance of `reports` has the origin `other`; there are `basic`, `pack500`\n$/ });
check("and one that there is, if it is alone", used(one, { origin: "other", consumed: "1" }),
  { status: 0, stderr: /^hint: no allowance of `reports` has the origin `other`; there is `basic`\n$/ });
check("usage of another subscription says that too", used(one, { origin: "basic", subscription_id: "t", consumed: "1" }),
  { status: 0, stderr: /^hint: no allowance of `reports` has the origin `basic` and the subscription_id of that entry; there is `basic`\n$/ });
check("several allowances without usage: --usage is named", used(two),
  { status: 1, stderr: /^hint: .* pass it with --consumed, or the usage of each allowance with --usage; --consumed 0 / });

check("conform passes", ["conform", "tests/vectors/01-windows.json"], { status: 0, stdout: /\d+ passed, 0 failed\n$/ });
const wrong = { name: "wrong", spec_version: 1, cases: [{ id: "w", kind: "window", rule: { type: "NEVER" }, at: "2025-01-01", activated_at: "2024-01-01", expect: { end: "2025-01-01" } }] };
check("conform fails and says where", ["conform", file("wrong.json", JSON.stringify(wrong))],
  { status: 1, stdout: [/FAILED .*wrong\.json w\n +end: expected "2025-01-01", found null/, /\n0 passed, 1 failed\n$/] });
check("conform refuses what is no vector file", ["conform", "package.json"], { status: 2, stderr: /spec_version/ });
