// Every question of the vectors, asked through a snapshot: the answers of the packed reader are those of the document's
// build, field by field.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { mismatches } from "../support/expect.mjs";
import { named, questionOf } from "../support/names.mjs";
import { install } from "../support/packed.mjs";
import { build, newKey } from "../support/snapshots.mjs";

const vectors = (name) => JSON.parse(readFileSync(new URL(`../vectors/${name}`, import.meta.url), "utf8"));
const { files } = vectors("index.json");
const key = newKey();
const now = () => Date.parse("2026-11-20T12:00:00Z");
let package_, MayUse, Catalog, MayUseError;

before(async () => {
  package_ = install();
  ({ MayUse, MayUseError } = await package_.load("mayuse"));
  ({ Catalog } = await package_.load("mayuse/document"));
});
after(() => package_.remove());

const opened = (catalog, clock, ...more) =>
  MayUse.open(build(catalog, key, ...more).file, { publicKeys: key.public, now: clock });

const answer = (ask) => {
  try {
    return JSON.parse(JSON.stringify(ask()));
  } catch (error) {
    if (!("code" in error) || !("path" in error)) throw error;
    return { error: true, code: error.code, path: error.path };
  }
};

/** What the reader leaves out, which it says. */
const leftOut = (question) => ["usage", "explain", "suggest"].filter((name) => question[name]);

test("its answers are those of the document's build", async () => {
  let asked = 0;
  let refused = 0;
  for (const file of files) {
    const { catalog: shared, cases } = vectors(file);
    const of = new Map();
    for (const each of cases) {
      const { id, kind, catalog = shared } = each;
      if (kind !== "check" && kind !== "suggest") continue;
      if (!of.has(catalog)) of.set(catalog, await pair(catalog));
      const [document, snapshot] = of.get(catalog);
      if (!document) continue;
      const question = questionOf(each);
      const [ours, theirs] = [answer(() => snapshot.check(question)), answer(() => document.check(question))];
      const left = leftOut(question);
      if (left.length !== 0) {
        assert.equal(ours.code, "INVALID", `${file} ${id}`);
        assert.ok(left.includes(ours.path), `${file} ${id}`);
        refused += 1;
        continue;
      }
      if (theirs.error) {
        assert.deepEqual(ours, theirs, `${file} ${id}`);
        continue;
      }
      const { freshness, ...decision } = ours;
      const { freshness: _, ...other } = theirs;
      assert.deepEqual(decision, other, `${file} ${id}`);
      assert.deepEqual(Object.keys(ours), Object.keys(theirs), `${file} ${id}`);
      assert.deepEqual([freshness.source, freshness.snapshotVersion], ["SNAPSHOT", 1]);
      assert.equal(snapshot.mayUse(question.customer, question.feature, question.consumed), document.mayUse(question.customer, question.feature, question.consumed));
      asked += 1;
    }
  }
  assert.ok(500 < asked && 30 < refused, `only ${asked} questions, ${refused} of them refused`);
});

// The catalog by both builds; nothing for a document that is refused, which the command refuses too.
async function pair(catalog) {
  let document;
  try {
    document = new Catalog(catalog, { now });
  } catch (error) {
    assert.throws(() => build(catalog, key), /\S/, error.message);
    return [];
  }
  return [document, await opened(catalog, now, "--at", "2026-11-20")];
}

test("the freshness of its answers is that of the vectors", async () => {
  let asked = 0;
  for (const file of files) {
    const { catalog: shared, cases } = vectors(file);
    for (const each of cases) {
      const { id, kind, snapshot, expect, catalog = shared, description } = each;
      // A snapshot has a version and an age, and is a snapshot.
      if (kind !== "snapshot_check" || !snapshot.version || snapshot.age_ms === undefined) continue;
      if ((snapshot.source ?? "SNAPSHOT") !== "SNAPSHOT") continue;
      const flags = Object.entries(snapshot).flatMap(([name, value]) => {
        if (name === "age_ms") return ["--at", new Date(now() - value).toISOString()];
        return name === "source" ? [] : [`--${name.replaceAll("_", "-")}`, String(value)];
      });
      const held = await opened(catalog, now, ...flags);
      const { snapshot: _, ...question } = questionOf(each);
      assert.deepEqual(mismatches(named(expect), answer(() => held.check(question))), [], `${file} ${id}: ${description}`);
      asked += 1;
    }
  }
  assert.ok(12 < asked, `only ${asked} questions`);
});

test("all features of every customer, and every name of a customer", async () => {
  const demo = JSON.parse(readFileSync(new URL("../../demo/catalog.json", import.meta.url), "utf8"));
  const [document, snapshot] = await pair(demo);
  for (const customer of [...demo.customers.flatMap(({ id, alias }) => (alias ? [id, alias] : [id])), "nobody", "\u00e9\u{1F600}"]) {
    for (const more of [{}, { consumed: 3 }, { consumed: "1000000.5", requested: "2", at: new Date(now()) }]) {
      const [ours, theirs] = [snapshot, document].map((of) => answer(() => of.entitlements({ customer, ...more })));
      const strip = (list) => list.map(({ freshness, ...decision }) => decision);
      assert.equal(ours.length, demo.features.length);
      assert.deepEqual(strip(ours), strip(theirs), customer);
    }
  }
});

test("a wrong question is refused at the same place", async () => {
  const demo = JSON.parse(readFileSync(new URL("../../demo/catalog.json", import.meta.url), "utf8"));
  const [document, snapshot] = await pair(demo);
  const asked = { customer: "acme", feature: "api_calls" };
  for (const wrong of [
    { consumed: "few" }, { consumed: "1".repeat(30) }, { consumed: 1.5 }, { consumed: NaN }, { consumed: true },
    { requested: "-1" }, { requested: 2 ** 53 }, { reserved: "-1" }, { reserved: -1 }, { requested: "1".repeat(65) },
    { at: "yesterday" }, { at: "10000-01-01T00:00:00Z" }, { at: new Date(NaN) }, { at: 7 }, { minVersion: -1 },
    { minVersion: 1.5 }, { maxAgeMs: 2 ** 53 }, { maxAgeMs: "7" }, { onIndeterminate: "MAYBE" }, { onIndeterminate: 1 },
    { subscriptionId: "" }, { subscriptionId: "\u00e9" }, { subscriptionId: 3 }, { explain: "yes" },
    { customer: "" }, { customer: "two words" }, { customer: 7 }, { customer: null }, { customer: undefined },
    { feature: "" }, { feature: "\u0000" }, { feature: {} }, { feature: "x".repeat(200) }, { customer: "x".repeat(5000) },
    { consummed: "1" }, { subscription_id: "x" },
  ]) {
    const question = { ...asked, ...wrong };
    const theirs = answer(() => document.check(question));
    assert.equal(theirs.error, true, JSON.stringify(wrong));
    assert.deepEqual(answer(() => snapshot.check(question)), theirs, JSON.stringify(wrong));
  }
  for (const fine of [{ consumed: null }, { at: undefined }, { explain: false }, { onIndeterminate: "ALLOW" }]) {
    const [ours, theirs] = [snapshot, document].map((of) => answer(() => of.check({ ...asked, ...fine })));
    assert.deepEqual([ours.reason, ours.error], [theirs.reason, undefined], JSON.stringify(fine));
  }
  assert.throws(() => snapshot.check({ ...asked, customer: "half \ud800" }), { name: "QuestionError", code: "INVALID" });
  assert.throws(() => snapshot.check({ ...asked, customer: "x".repeat(2 ** 15) }), { name: "QuestionError", code: "TOO_LARGE" });
  assert.throws(() => snapshot.mayUse("x".repeat(2 ** 15), "sso"), { name: "QuestionError", code: "TOO_LARGE" });
  assert.throws(() => snapshot.mayUse("acme"), { name: "QuestionError", code: "MISSING", path: "feature" });
  assert.throws(() => snapshot.mayUse("acme", "sso", 1.5), { name: "QuestionError", path: "consumed" });
  assert.throws(() => snapshot.check(), { name: "QuestionError", code: "WRONG_TYPE" });
  assert.ok(new MayUseError([{ code: "X", path: "", message: "" }]) instanceof Error);
});
