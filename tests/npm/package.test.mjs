// The packed tarball, installed in an empty project, used as a stranger would.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { install } from "../support/packed.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const demo = readFileSync(join(root, "demo/catalog.json"), "utf8");
let installed, project;
let mayuse;

before(async () => {
  installed = install();
  project = installed.project;
  mayuse = await installed.load("mayuse/document");
});

after(() => installed?.remove());

test("the package holds each engine once, the glue, the types and nothing else", () => {
  const installed = execFileSync("find", [".", "-type", "f"], { cwd: join(project, "node_modules/mayuse"), encoding: "utf8" });
  const names = installed.trim().split("\n").map((name) => name.slice(2));
  const others = names.filter((name) => !/^[a-z-]+\.(js|d\.ts)$/.test(name)).sort();
  assert.deepEqual(others, [
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "package.json",
    "wasm/explain_bg.wasm",
    "wasm/mayuse.js",
    "wasm/mayuse_bg.wasm",
    "wasm/node.js",
    "wasm/reader_bg.wasm",
    "wasm/server_bg.wasm",
    "wasm/testing.js",
    "wasm/testing_bg.wasm",
  ]);
  const leaves = (to) => (typeof to === "string" ? [to] : Object.values(to).flatMap(leaves));
  const named = leaves(exportsOf());
  assert.deepEqual(named.filter((to) => !names.includes(to.slice(2))), [], "exports that lead nowhere");
});

const exportsOf = () => JSON.parse(readFileSync(join(project, "node_modules/mayuse/package.json"), "utf8")).exports;

test("what the engine's memory could not hold is refused before it gets there", () => {
  const most = 64 * 1024 * 1024;
  const padded = (head, length) => head + " ".repeat(length - head.length);
  const large = { code: "TOO_LARGE", path: "", message: "more than 2^26 characters" };
  const long = "x".repeat(most);
  const engine = new mayuse.Catalog(padded(demo, most));
  for (const ask of [
    () => new mayuse.Catalog(padded(demo, most + 1)),
    () => new mayuse.Catalog({ format: 1, name: long }),
    () => engine.check({ customer: "acme", feature: long }),
    () => engine.entitlements({ customer: long }),
    () => mayuse.window({ at: long }),
    () => mayuse.billingPeriod({ at: long }),
    () => mayuse.resolve({ ladder: long }),
  ]) {
    assert.throws(ask, large);
  }
  // What takes the most memory of all that is short enough: it is refused or taken, and the engine goes on.
  for (const most_of of [(n) => `{"x":[${"0,".repeat(n / 2 - 8)}0]}`, (n) => `{"features":[${"[],".repeat(n / 3 - 8)}[]]}`]) {
    try {
      new mayuse.Catalog(most_of(most));
    } catch (error) {
      assert.equal(error.name, "DocumentError", String(error));
    }
  }
  assert.equal(engine.mayUse("acme", "sso"), true);
  engine.close();
});

test("what JSON cannot say is refused, and where it is", () => {
  const engine = new mayuse.Catalog(demo);
  const asked = { customer: "acme", feature: "api_calls" };
  const refused = (ask, path, found) => {
    const name = path.startsWith("plans") ? "DocumentError" : "QuestionError";
    assert.throws(ask, { name, code: "WRONG_TYPE", path, message: `${path}: expected JSON, found ${found}` });
  };
  const circle = { ...asked };
  circle.consumed = circle;
  refused(() => engine.check({ ...asked, consumed: 10n }), "consumed", "a BigInt");
  refused(() => engine.check({ ...asked, consumed: NaN }), "consumed", "NaN");
  refused(() => engine.check({ ...asked, requested: -Infinity }), "requested", "-Infinity");
  refused(() => engine.check({ ...asked, at: new Date(NaN) }), "at", "an invalid date");
  refused(() => engine.entitlements({ customer: "acme", reserved: NaN }), "reserved", "NaN");
  refused(() => mayuse.window({ billing: { currentPeriodStart: NaN } }), "billing.currentPeriodStart", "NaN");
  refused(() => new mayuse.Catalog({ format: 1, plans: [{}, { versions: [{ number: 1n }] }] }), "plans[1].versions[0].number", "a BigInt");
  assert.throws(() => engine.check(circle), { name: "QuestionError", code: "INVALID_JSON", path: "" });
  const decided = engine.check({ ...asked, consumed: "10", at: new Date(Date.UTC(2026, 10, 20)) });
  assert.equal(decided.reason, "WITHIN_LIMIT");
  assert.equal(engine.check({ ...asked, consumed: null, at: undefined }).reason, "USAGE_UNAVAILABLE");
});

test("a boolean, at the clock's time", () => {
  const engine = new mayuse.Catalog(demo);
  assert.equal(engine.mayUse("acme", "sso"), true);
  assert.equal(engine.mayUse("paused", "sso"), false);
  assert.equal(engine.entitlements({ customer: "acme", consumed: "0" }).length, JSON.parse(demo).features.length);
});

const refused = (name, ask, expected) =>
  test(`refused: ${name}`, () => {
    const { code, path } = expected;
    assert.throws(ask, (error) => {
      assert.ok(error instanceof mayuse.MayUseError, String(error));
      assert.deepEqual({ code: error.code, path: error.path }, { code, path });
      assert.ok(error.message.length > 0 && error.problems.length > 0);
      return true;
    });
  });

const rule = (interval) => ({ rule: { type: "CALENDAR", unit: "DAY", interval }, at: "2025-06-15T00:00:00Z" });
const billing = (billingDayAnchor) => ({
  period: "MONTHLY", billingDayAnchor, startDate: "2025-01-01", at: "2025-01-05T00:00:00Z",
});
const catalogWith = (value) => ({
  format: 1,
  features: [{ id: "f", code: "f", name: "F", feature_type: { type: "METERED" }, status: "ACTIVE", entitlement: { value } }],
});
const ask = (question) => () => new mayuse.Catalog(demo).check({ customer: "acme", feature: "sso", ...question });

refused("interval 0", () => mayuse.window(rule(0)), { code: "OUT_OF_RANGE", path: "rule.interval" });
refused("anchor 32768", () => mayuse.billingPeriod(billing(32768)), { code: "OUT_OF_RANGE", path: "billingDayAnchor" });
refused("year 10000", ask({ at: "10000-01-01T00:00:00Z" }), { code: "INVALID", path: "at" });
refused("a 40-digit limit", () => new mayuse.Catalog(catalogWith({ type: "METERED", limit: "1".repeat(40) })), {
  code: "OUT_OF_RANGE", path: "features[0].entitlement.value.limit",
});
refused("10 MB of no JSON", () => new mayuse.Catalog("x".repeat(10_000_000)), { code: "INVALID_JSON", path: "" });
refused("10,000-deep JSON", () => new mayuse.Catalog("[".repeat(10_000)), { code: "INVALID_JSON", path: "" });
refused("10,000-deep JSON in a field", () => new mayuse.Catalog(`{"x":${"[".repeat(10_000)}`), { code: "INVALID_JSON", path: "" });
refused("control characters", ask({ customer: "\u0000\u0007" }), { code: "INVALID", path: "customer" });
refused("a fraction for a decimal", ask({ requested: 1.5 }), { code: "WRONG_TYPE", path: "requested" });
refused("a fraction in usage", ask({ usage: [{ origin: "x", consumed: 0.5 }] }), { code: "WRONG_TYPE", path: "usage[0].consumed" });
refused("a number beyond 2^53", ask({ consumed: 2 ** 53 }), { code: "WRONG_TYPE", path: "consumed" });
refused("a field of the wire", ask({ subscription_id: "x" }), { code: "UNKNOWN_FIELD", path: "subscription_id" });
refused("undefined", () => new mayuse.Catalog(undefined), { code: "INVALID_JSON", path: "" });

test("an anchor of 32767 is the last day, and year 9999 ends where time does", () => {
  assert.equal(mayuse.billingPeriod(billing(32767)).end, "2025-01-31T00:00:00Z");
  const last = mayuse.window({ rule: { type: "CALENDAR", unit: "YEAR", interval: 1 }, at: "9999-06-01T00:00:00Z" });
  assert.equal(last.end, "9999-12-31T23:59:59.999Z");
});

test("amounts that are safe integers are exact, and those of usage too", () => {
  const catalog = new mayuse.Catalog(demo);
  const asked = { customer: "acme", feature: "api_calls", at: "2026-11-20T12:00:00Z" };
  const text = catalog.check({ ...asked, consumed: "199999", requested: "1" });
  assert.deepEqual(catalog.check({ ...asked, consumed: 199999, requested: 1 }), text);
  assert.equal(catalog.mayUse("acme", "api_calls", 199_999), true);
  assert.equal(catalog.mayUse("acme", "api_calls", "99999999"), false);
  const of = (consumed) => catalog.check({ ...asked, usage: [{ origin: "plv_pro_2", consumed }] }).consumed;
  assert.equal(of(7), of("7"));
});

test("an unknown field is refused with the nearest known one", () => {
  const catalog = new mayuse.Catalog(demo);
  for (const [wrong, right] of [["subscription_id", "subscriptionId"], ["consummed", "consumed"], ["minversion", "minVersion"], ["Customer", "customer"]]) {
    const ask = () => catalog.check({ customer: "acme", feature: "sso", [wrong]: "1" });
    assert.throws(ask, { name: "QuestionError", code: "UNKNOWN_FIELD", path: wrong, message: `${wrong}: there is no such field; did you mean \`${right}\`?` });
  }
  assert.throws(() => catalog.check({ customer: "acme", feature: "sso", colour: "red" }), /the fields are customer, feature,/);
  const entry = { customer: "acme", feature: "sso", usage: [{ origin: "x", consumed: "1", starts: "2026-01-01" }] };
  assert.throws(() => catalog.check(entry), { path: "usage[0].starts", message: /did you mean `startsAt`/ });
  assert.throws(() => catalog.entitlements({ customer: "acme", feature: "sso" }), { path: "feature" });
});

test("several questions, the clock of a test, and what is closed", () => {
  const catalog = new mayuse.Catalog(demo, { now: () => Date.parse("2026-11-20T12:00:00Z") });
  const asked = { customer: "acme", feature: "sso" };
  const [one, other] = catalog.checkMany([asked, { ...asked, customer: "paused" }]);
  assert.deepEqual([one, other.reason], [catalog.check(asked), "SUBSCRIPTION_PAUSED"]);
  assert.equal(catalog.check({ ...asked, feature: "api_calls", consumed: 0 }).period.start, "2026-10-31T00:00:00Z");
  catalog.close();
  catalog.close();
  assert.throws(() => catalog.check(asked), { name: "ClosedError", code: "CLOSED" });
});

test("validate lists what is wrong with a document", () => {
  assert.deepEqual(mayuse.validate(demo), []);
  assert.deepEqual(mayuse.validate({ format: 1, plans: 3, features: 4 }).map(({ path }) => path).sort(), ["features", "plans"]);
});

test("the types fit a program", () => {
  writeFileSync(join(project, "use.ts"), `
    import { Catalog, MayUseError, window, type Decision, type Decimal } from "mayuse/document";
    import { MayUse, init, type OpenOptions } from "mayuse";
    import engine from "mayuse/mayuse.wasm";
    const catalog: Catalog = new Catalog({ format: 1 });
    const decision: Decision = catalog.check({ customer: "acme", feature: "sso", requested: "1.5", consumed: 1 });
    if (decision.decision === "INDETERMINATE") { const retryable: true = decision.retryable; void retryable; }
    const remaining: Decimal | null | undefined = decision.remaining;
    const start: string = window({ rule: { type: "NEVER" }, at: "2025-01-01", activatedAt: new Date(0) }).start;
    void remaining; void start; void MayUseError;
    const options: OpenOptions = { publicKeys: "00", audience: "shop", explains: true };
    const why = (mayuse: MayUse) => mayuse.explain({ customer: "acme", feature: "sso", suggest: true });
    const helps: string | undefined = why({} as MayUse).suggestions?.[0]?.versionId;
    const rows: number | undefined = why({} as MayUse).trace?.length;
    const asked = (mayuse: MayUse) => mayuse.prepare("acme", "sso").check({ explain: true }).traceTruncated;
    // @ts-expect-error there is no such option
    const misspelt: OpenOptions = { publicKeys: "00", explain: true };
    // @ts-expect-error there is no such option
    const opened = MayUse.open({ file: "x" }, { publicKey: "00" });
    // @ts-expect-error the keys are missing
    const unsigned = MayUse.open({ file: "x" });
    void misspelt; void opened; void unsigned;
    // @ts-expect-error usage by allowance is for documents
    const beyond = (mayuse: MayUse) => mayuse.suggest({ customer: "acme", feature: "sso", usage: [] });
    void helps; void rows; void asked; void beyond;
    init(engine).then(() => MayUse.open({ url: "https://shop.test/catalog.snapshot" }, options)).then((mayuse: MayUse) => mayuse.mayUse("acme", "sso", 3));
    // @ts-expect-error the wire's names are not those of the package
    catalog.check({ customer: "acme", feature: "sso", subscription_id: "x" });
    // @ts-expect-error an amount is a decimal or a number
    catalog.check({ customer: "acme", feature: "sso", consumed: true });
  `);
  const compilerOptions = { noEmit: true, strict: true, module: "nodenext", target: "es2022", types: [] };
  writeFileSync(join(project, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["use.ts"] }));
  const { status, stdout } = spawnSync(join(root, "node_modules/.bin/tsc"), ["-p", project], { encoding: "utf8" });
  assert.equal(status, 0, stdout);
});
