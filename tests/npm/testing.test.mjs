// `mayuse/testing` from the packed tarball: a clock, a catalog in a few lines, and snapshots that are signed and verified.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { install } from "../support/packed.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
let installed, project, testing, mayuse, documents;

before(async () => {
  installed = install();
  project = installed.project;
  [testing, mayuse, documents] = await Promise.all(["mayuse/testing", "mayuse", "mayuse/document"].map(installed.load));
});

after(() => installed?.remove());

test("a clock stands still until it is set or advanced", () => {
  const clock = testing.clock("2026-11-20T12:00:00Z");
  assert.equal(clock(), Date.UTC(2026, 10, 20, 12));
  clock.advance(1500);
  assert.equal(clock(), Date.UTC(2026, 10, 20, 12, 0, 1, 500));
  clock.set(new Date(7));
  assert.equal(clock(), 7);
  assert.throws(() => clock.set("noon"), RangeError);
  assert.throws(() => testing.clock(NaN), RangeError);
});

const model = { type: "CONFIG", value: { kind: "TEXT", value: "large" } };
const monthly = { type: "METERED", limit: "100", reset_period: { type: "BILLING_CYCLE" } };
const plans = { pro: { sso: true, api_calls: 1000, seats: Infinity, tokens: "0.5", model, exports: monthly }, free: { sso: false, api_calls: 10 } };
const customers = { acme: "pro", globex: "free", nobody: null, paused: { plan: "pro", status: "PAUSED" } };

/** Questions, and what their answers hold. */
const ANSWERS = [
  ["acme", "sso", undefined, { reason: "ENABLED" }],
  ["acme", "api_calls", 999, { reason: "WITHIN_LIMIT", limit: "1000", remaining: "1" }],
  ["acme", "api_calls", 1000, { reason: "LIMIT_REACHED" }],
  ["acme", "seats", undefined, { reason: "UNLIMITED" }],
  ["acme", "tokens", "0.25", { reason: "REQUESTED_EXCEEDS_REMAINING", remaining: "0.25" }],
  ["acme", "model", undefined, { reason: "CONFIGURED", value: { kind: "TEXT", value: "large" } }],
  ["globex", "sso", undefined, { reason: "ENTITLEMENT_DISABLED" }],
  ["globex", "seats", undefined, { reason: "NOT_ENTITLED" }],
  ["nobody", "sso", undefined, { reason: "NO_ACTIVE_SUBSCRIPTION" }],
  ["paused", "sso", undefined, { reason: "SUBSCRIPTION_PAUSED" }],
  ["unknown", "sso", undefined, { reason: "CUSTOMER_NOT_FOUND" }],
];

test("a catalog in a few lines answers as a document and as a snapshot", async () => {
  const document = testing.catalog(plans, customers);
  assert.deepEqual(documents.validate(document), []);
  const snapshot = await testing.snapshot(document);
  assert.ok(snapshot instanceof mayuse.MayUse);
  for (const engine of [new documents.Catalog(document), snapshot]) {
    for (const [customer, feature, consumed, holds] of ANSWERS) {
      const answer = engine.check({ customer, feature, ...(consumed !== undefined && { consumed }) });
      for (const [field, value] of Object.entries(holds)) assert.deepEqual(answer[field], value, `${customer} ${feature} ${field}`);
    }
  }
});

test("a snapshot's windows and ages go by the clock of the test", async () => {
  const now = testing.clock("2026-02-10T00:00:00Z");
  const snapshot = await testing.snapshot(testing.catalog(plans, customers), { now, maxAgeMs: 60_000, version: 7 });
  assert.equal(snapshot.version, 7);
  const ask = () => snapshot.check({ customer: "acme", feature: "exports", consumed: 1 });
  assert.equal(ask().period.start, "2026-02-01T00:00:00Z");
  now.advance(60_000);
  assert.equal(ask().reason, "SNAPSHOT_EXPIRED");
});

test("what is signed is verified: another key, another deployment and another version are refused", async () => {
  const { file, publicKey } = testing.sign(testing.catalog(plans, customers), { audience: "shop", at: "2026-11-20" });
  const open = (options) => mayuse.MayUse.open(file, { publicKeys: publicKey, ...options });
  const opened = await open({ audience: "shop" });
  assert.equal(opened.generatedAt, "2026-11-20T00:00:00Z");
  assert.equal(opened.mayUse("acme", "sso"), true);
  const other = testing.sign(testing.catalog(plans));
  assert.notEqual(other.publicKey, publicKey);
  for (const options of [{ publicKeys: other.publicKey }, { audience: "else" }, { minVersion: 2 }]) {
    await assert.rejects(open({ audience: "shop", ...options }), { name: "SnapshotError" });
  }
  // As the file of a key has it.
  assert.equal((await open({ audience: "shop", publicKeys: [other.publicKey, `${publicKey}\n`] })).mayUse("acme", "sso"), true);
  await assert.rejects(open({ audience: "shop", publicKeys: `${publicKey}0` }), { name: "TypeError" });
  file[file.length - 1] ^= 1;
  await assert.rejects(open({ audience: "shop" }), { name: "SnapshotError" });
});

test("the native command reads the same file", () => {
  const { file, publicKey } = testing.sign(testing.catalog(plans, customers));
  writeFileSync(join(project, "signed.snapshot"), file);
  const args = ["check", "--catalog", "signed.snapshot", "--customer", "acme", "--feature", "sso"];
  const env = { ...process.env, MAYUSE_SNAPSHOT_KEYS: publicKey };
  const said = execFileSync(join(root, "target/release/mayuse"), args, { cwd: project, encoding: "utf8", env });
  assert.equal(JSON.parse(said).reason, "ENABLED");
});

test("a document that cannot be used is refused with every problem", async () => {
  assert.throws(() => testing.sign({ format: 1, plans: 3, features: 4 }), ({ name, problems }) => name === "DocumentError" && problems.length === 2);
  assert.throws(() => testing.sign("{"), { name: "DocumentError", code: "INVALID_JSON" });
  await assert.rejects(testing.snapshot({ format: 1, plans: 3 }), { name: "DocumentError", path: "plans" });
});

test("allow allows", async () => {
  const one = await testing.allow("acme", "sso");
  const two = await testing.allow("acme", ["sso", "api_calls"], { now: testing.clock() });
  assert.equal(one.check({ customer: "acme", feature: "sso" }).reason, "ENABLED");
  assert.deepEqual([two.mayUse("acme", "sso"), two.mayUse("acme", "api_calls"), two.mayUse("acme", "other"), two.mayUse("other", "sso")], [true, true, false, false]);
});

const DENIALS = [
  "NOT_ENTITLED", "ENTITLEMENT_DISABLED", "LIMIT_REACHED", "FEATURE_NOT_FOUND", "FEATURE_DISABLED", "CUSTOMER_NOT_FOUND",
  "CUSTOMER_ARCHIVED", "NO_ACTIVE_SUBSCRIPTION", "SUBSCRIPTION_PENDING", "SUBSCRIPTION_PAUSED", "SUBSCRIPTION_SUSPENDED",
  "SUBSCRIPTION_ENDED", "TRIAL_EXPIRED",
];

test("deny denies, for the reason that is asked for", async () => {
  const denied = async (options) => (await testing.deny("acme", ["sso", "api_calls"], options)).check({ customer: "acme", feature: "api_calls", consumed: 0 });
  assert.equal((await denied()).reason, "NOT_ENTITLED");
  for (const reason of DENIALS) {
    const answer = await denied({ reason });
    assert.deepEqual([answer.decision, answer.reason], ["DENY", reason]);
  }
  await assert.rejects(testing.deny("acme", "sso", { reason: "constructor" }), (error) => DENIALS.every((reason) => error.message.includes(reason)));
});
