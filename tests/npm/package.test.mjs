// The packed tarball, installed in an empty project, used as a stranger would.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { mismatches } from "../support/expect.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const demo = readFileSync(join(root, "demo/catalog.json"), "utf8");
let project;
let mayuse;

before(async () => {
  project = mkdtempSync(join(tmpdir(), "mayuse-npm-"));
  const run = (command, ...args) => execFileSync(command, args, { cwd: project, encoding: "utf8" });
  const packed = JSON.parse(run("npm", "pack", "--json", "--pack-destination", project, join(root, "pkg")));
  writeFileSync(join(project, "package.json"), '{"type": "module"}');
  run("npm", "install", "--no-audit", "--no-fund", "--offline", join(project, packed[0].filename));
  const entry = createRequire(join(project, "package.json")).resolve("mayuse");
  mayuse = await import(pathToFileURL(entry));
});

after(() => rmSync(project, { recursive: true, force: true }));

test("the package holds the engine, the glue, the types and nothing else", () => {
  const installed = execFileSync("find", [".", "-type", "f"], { cwd: join(project, "node_modules/mayuse"), encoding: "utf8" });
  assert.deepEqual(installed.trim().split("\n").sort(), [
    "./LICENSE-APACHE",
    "./LICENSE-MIT",
    "./README.md",
    "./entry-browser.js",
    "./entry-node.js",
    "./entry-workerd.js",
    "./index.d.ts",
    "./mayuse.js",
    "./package.json",
    "./wasm/mayuse.js",
    "./wasm/mayuse_bg.wasm",
  ]);
});

test("what the engine's memory could not hold is refused before it gets there", () => {
  const most = 64 * 1024 * 1024;
  const padded = (head, length) => head + " ".repeat(length - head.length);
  const large = { name: "MayUseError", code: "TOO_LARGE", path: "", message: "more than 2^26 characters" };
  const engine = new mayuse.MayUse(padded(demo, most));
  for (const ask of [
    () => new mayuse.MayUse(padded(demo, most + 1)),
    () => new mayuse.MayUse({ format: 1, name: "x".repeat(most) }),
    () => engine.check(padded('{"customer":"acme","feature":"sso"}', most + 1)),
    () => engine.entitlements(padded('{"customer":"acme"}', most + 1)),
    () => mayuse.window(padded("{}", most + 1)),
    () => mayuse.billingPeriod(padded("{}", most + 1)),
    () => mayuse.resolve(padded("{}", most + 1)),
  ]) {
    assert.throws(ask, large);
  }
  // What takes the most memory of all that is short enough: it is refused or taken, and the engine goes on.
  for (const most_of of [(n) => `{"x":[${"0,".repeat(n / 2 - 8)}0]}`, (n) => `{"features":[${"[],".repeat(n / 3 - 8)}[]]}`]) {
    try {
      new mayuse.MayUse(most_of(most));
    } catch (error) {
      assert.equal(error.name, "MayUseError", String(error));
    }
  }
  assert.equal(engine.mayUse("acme", "sso"), true);
  engine.free();
});

test("what JSON cannot say is refused, and where it is", () => {
  const engine = new mayuse.MayUse(demo);
  const asked = { customer: "acme", feature: "api_calls" };
  const refused = (ask, path, found) => {
    assert.throws(ask, { name: "MayUseError", code: "WRONG_TYPE", path, message: `${path}: expected JSON, found ${found}` });
  };
  const circle = { ...asked };
  circle.consumed = circle;
  refused(() => engine.check({ ...asked, consumed: 10n }), "consumed", "a BigInt");
  refused(() => engine.check({ ...asked, consumed: NaN }), "consumed", "NaN");
  refused(() => engine.check({ ...asked, requested: -Infinity }), "requested", "-Infinity");
  refused(() => engine.check({ ...asked, at: new Date(NaN) }), "at", "an invalid date");
  refused(() => engine.entitlements({ customer: "acme", reserved: NaN }), "reserved", "NaN");
  refused(() => mayuse.window({ billing: { period: NaN } }), "billing.period", "NaN");
  refused(() => new mayuse.MayUse({ format: 1, plans: [{}, { versions: [{ number: 1n }] }] }), "plans[1].versions[0].number", "a BigInt");
  assert.throws(() => engine.check(circle), { name: "MayUseError", code: "INVALID_JSON", path: "" });
  const decided = engine.check({ ...asked, consumed: "10", at: new Date(Date.UTC(2026, 10, 20)) });
  assert.equal(decided.reason, "WITHIN_LIMIT");
  assert.equal(engine.check({ ...asked, consumed: null, at: undefined }).reason, "USAGE_UNAVAILABLE");
});

test("every vector", () => {
  const folder = join(root, "tests/vectors");
  const { files } = JSON.parse(readFileSync(join(folder, "index.json"), "utf8"));
  let ran = 0;
  for (const file of files) {
    const { catalog, cases } = JSON.parse(readFileSync(join(folder, file), "utf8"));
    let shared;
    // The package decides from a document, which has neither version nor age.
    for (const { id, kind, description, expect, catalog: its, ...question } of cases) {
      if (kind === "snapshot_check") continue;
      if (kind === "suggest") question.suggest = true;
      const answer = answered(() => {
        if (kind === "window") return mayuse.window(question);
        if (kind === "billing_period") return mayuse.billingPeriod(question);
        if (kind === "resolve") return mayuse.resolve(question);
        if (its === undefined) return (shared ??= new mayuse.MayUse(catalog)).check(question);
        const own = new mayuse.MayUse(its);
        const decision = own.check(question);
        own.free();
        return decision;
      });
      assert.deepEqual(mismatches(expect, answer), [], `${file} ${id}: ${description}`);
      ran += 1;
    }
  }
  assert.ok(ran > 400, `only ${ran} cases ran`);
});

// A refusal is an answer to a vector; any other throw is a fault.
function answered(ask) {
  try {
    return ask();
  } catch (error) {
    if (!(error instanceof mayuse.MayUseError)) throw error;
    return { error: true, code: error.code, path: error.path };
  }
}

test("a boolean, at the clock's time", () => {
  const engine = new mayuse.MayUse(demo);
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
const billing = (billing_day_anchor) => ({
  period: "MONTHLY", billing_day_anchor, start_date: "2025-01-01", at: "2025-01-05T00:00:00Z",
});
const catalogWith = (value) => ({
  format: 1,
  features: [{ id: "f", code: "f", name: "F", feature_type: { type: "METERED" }, status: "ACTIVE", entitlement: { value } }],
});
const ask = (question) => () => new mayuse.MayUse(demo).check({ customer: "acme", feature: "sso", ...question });

refused("interval 0", () => mayuse.window(rule(0)), { code: "OUT_OF_RANGE", path: "rule.interval" });
refused("anchor 32768", () => mayuse.billingPeriod(billing(32768)), { code: "OUT_OF_RANGE", path: "billing_day_anchor" });
refused("year 10000", ask({ at: "10000-01-01T00:00:00Z" }), { code: "INVALID", path: "at" });
refused("a 40-digit limit", () => new mayuse.MayUse(catalogWith({ type: "METERED", limit: "1".repeat(40) })), {
  code: "OUT_OF_RANGE", path: "features[0].entitlement.value.limit",
});
refused("10 MB of no JSON", () => new mayuse.MayUse("x".repeat(10_000_000)), { code: "INVALID_JSON", path: "" });
refused("10,000-deep JSON", () => new mayuse.MayUse("[".repeat(10_000)), { code: "INVALID_JSON", path: "" });
refused("10,000-deep JSON in a field", () => new mayuse.MayUse(`{"x":${"[".repeat(10_000)}`), { code: "INVALID_JSON", path: "" });
refused("control characters", ask({ customer: "\u0000\u0007" }), { code: "INVALID", path: "customer" });
refused("a number for a decimal", ask({ requested: 1 }), { code: "WRONG_TYPE", path: "requested" });
refused("undefined", () => new mayuse.MayUse(undefined), { code: "INVALID_JSON", path: "" });

test("an anchor of 32767 is the last day, and year 9999 ends where time does", () => {
  assert.equal(mayuse.billingPeriod(billing(32767)).end, "2025-01-31T00:00:00Z");
  const last = mayuse.window({ rule: { type: "CALENDAR", unit: "YEAR", interval: 1 }, at: "9999-06-01T00:00:00Z" });
  assert.equal(last.end, "9999-12-31T23:59:59.999Z");
});

test("the types fit a program", () => {
  writeFileSync(join(project, "use.ts"), `
    import { MayUse, MayUseError, window, type Decision, type Decimal } from "mayuse";
    const engine: MayUse = new MayUse({ format: 1 });
    const decision: Decision = engine.check({ customer: "acme", feature: "sso", requested: "1.5" });
    if (decision.decision === "INDETERMINATE") { const retryable: true = decision.retryable; void retryable; }
    const remaining: Decimal | null | undefined = decision.remaining;
    const start: string = window({ rule: { type: "NEVER" }, at: "2025-01-01", activated_at: "2024-01-01" }).start;
    void remaining; void start; void MayUseError;
    // @ts-expect-error amounts are decimals in strings
    engine.check({ customer: "acme", feature: "sso", requested: 1.5 });
  `);
  const compilerOptions = { noEmit: true, strict: true, module: "nodenext", target: "es2022", types: [] };
  writeFileSync(join(project, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["use.ts"] }));
  const { status, stdout } = spawnSync(join(root, "node_modules/.bin/tsc"), ["-p", project], { encoding: "utf8" });
  assert.equal(status, 0, stdout);
});
