// `explain` and `suggest` of a snapshot: the answers of the document's build, by the engines that have them, and refusals
// by the others.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { engineAt } from "../../pkg/engine.js";
import { MayUse } from "../../pkg/slim.js";
import { questionOf } from "../support/names.mjs";
import { install } from "../support/packed.mjs";
import { build, newKey } from "../support/snapshots.mjs";

const read = (path) => readFileSync(new URL(`../../${path}`, import.meta.url));
const demo = JSON.parse(read("demo/catalog.json"));
const key = newKey();
const NOW = Date.parse("2026-11-20T12:00:00Z");
const options = { publicKeys: key.public, now: () => NOW };
const plain = (answer) => JSON.parse(JSON.stringify(answer));
let package_, installed, server, Catalog;

before(async () => {
  package_ = install();
  installed = await package_.load("mayuse");
  // The first snapshot has the engine of servers.
  server = await opened(demo);
  ({ Catalog } = await package_.load("mayuse/document"));
});
after(() => package_.remove());

const opened = (catalog, more) =>
  installed.MayUse.open(build(catalog, key, "--at", "2026-11-20").file, { ...options, ...more });
const explaining = (catalog, more) => opened(catalog, { explains: true, ...more });

/** Asks two catalogs, and compares all of their answers but the freshness. Returns the answer. */
function agreed(ask, ours, theirs, message) {
  const [one, other] = [ours, theirs].map((of) => ({ ...plain(ask(of)), freshness: undefined }));
  assert.deepEqual(one, other, message);
  assert.deepEqual(Object.keys(one), Object.keys(other), message);
  return one;
}

test("traces and suggestions are those of the document's build, for every customer and feature", async () => {
  const [document, snapshot] = [new Catalog(demo, options), await explaining(demo)];
  let [traced, suggested] = [0, 0];
  for (const customer of [...demo.customers.flatMap(({ id, alias }) => (alias ? [id, alias] : [id])), "nobody"]) {
    for (const more of [{ explain: true }, { suggest: true }, { explain: true, suggest: true, consumed: "1000000.5" }]) {
      const all = plain(snapshot.entitlements({ customer, ...more }));
      assert.equal(all.length, demo.features.length);
      for (const decision of all) {
        const question = { customer, feature: decision.feature.code, ...more };
        const answer = agreed((of) => of.check(question), snapshot, document, JSON.stringify(question));
        assert.deepEqual({ ...decision, freshness: undefined }, answer);
        traced += answer.trace?.length ?? 0;
        suggested += answer.suggestions?.length ?? 0;
      }
    }
  }
  assert.ok(300 < traced && 300 < suggested, `only ${traced} rows and ${suggested} suggestions`);
});

test("every question of the vectors has the trace and the suggestions of the document's build", async () => {
  const { files } = JSON.parse(read("tests/vectors/index.json"));
  let [traced, truncated] = [0, 0];
  for (const file of files) {
    const { catalog, cases } = JSON.parse(read(`tests/vectors/${file}`));
    const asked = cases.filter((each) => ["check", "suggest"].includes(each.kind) && !each.catalog && !each.usage && !each.expect.error);
    if (!catalog || asked.length === 0) continue;
    const [document, snapshot] = [new Catalog(catalog, options), await explaining(catalog)];
    for (const each of asked) {
      const question = { ...questionOf(each), explain: true, suggest: true };
      const ours = agreed((of) => of.check(question), snapshot, document, `${file} ${each.id}`);
      traced += ours.trace ? 1 : 0;
      truncated += ours.traceTruncated ? 1 : 0;
    }
    snapshot.close();
  }
  assert.ok(300 < traced, `only ${traced} traces, ${truncated} of them truncated`);
});

test("the methods are `check` with the parameter, and handles and lists take it", async () => {
  const snapshot = await explaining(demo);
  const question = { customer: "hobby", feature: "exports", consumed: 3 };
  const suggested = plain(snapshot.check({ ...question, suggest: true }));
  const explained = plain(snapshot.check({ ...question, explain: true }));
  assert.ok(0 < suggested.suggestions.length && 0 < explained.trace.length);
  assert.deepEqual([suggested.trace, explained.suggestions], [undefined, undefined]);
  assert.deepEqual(plain(snapshot.suggest(question)), suggested);
  assert.deepEqual(plain(snapshot.explain(question)), explained);
  const handle = snapshot.prepare("hobby", "exports");
  assert.deepEqual(plain(handle.check({ consumed: 3, suggest: true })), suggested);
  const [first, second, third] = snapshot.checkMany([{ ...question, explain: true }, question, { ...question, suggest: true }]);
  assert.deepEqual([plain(first), second.trace, plain(third)], [explained, undefined, suggested]);
  const both = plain(snapshot.explain({ ...question, suggest: true }));
  assert.deepEqual(both, { ...suggested, trace: explained.trace });
  const { trace, ...rest } = explained;
  assert.deepEqual(rest, plain(second));
  assert.equal(snapshot.check({ ...question, explain: false, suggest: null }).trace, undefined);
});

test("a decision without a trace does not have that of the one before", async () => {
  const snapshot = await explaining(demo);
  const question = { customer: "acme", feature: "sso" };
  const kept = snapshot.explain(question);
  for (const [more, reason] of [[{ feature: "unknown" }, "FEATURE_NOT_FOUND"], [{ maxAgeMs: 1 }, "SNAPSHOT_EXPIRED"]]) {
    const answer = snapshot.explain({ ...question, ...more });
    assert.deepEqual([answer.reason, answer.trace, answer.suggestions], [reason, undefined, undefined]);
    assert.deepEqual(plain(answer), plain(snapshot.check({ ...question, ...more })));
  }
  assert.throws(() => snapshot.explain({ ...question, requested: "-1" }), { name: "QuestionError", path: "requested" });
  snapshot.close();
  assert.ok(0 < kept.trace.length, "what was decided can be read after the end");
  assert.throws(() => snapshot.suggest(question), { name: "ClosedError" });
});

/** A question that an engine leaves out is refused by name, with the next step. */
function refuses(of, names) {
  const question = { customer: "hobby", feature: "exports", consumed: 3 };
  for (const name of names) {
    const expected = { name: "QuestionError", code: "INVALID", path: name, message: /`explains: true`.*mayuse\/explain\.wasm/ };
    assert.throws(() => of.check({ ...question, [name]: true }), expected);
    assert.throws(() => of[name](question), expected);
    assert.throws(() => of.prepare("hobby", "exports").check({ [name]: true }), expected);
    assert.throws(() => of.entitlements({ customer: "acme", [name]: true }), expected);
    assert.equal(of.check({ ...question, [name]: false }).reason, "LIMIT_REACHED");
  }
}

test("the engine of servers refuses both by name", () => refuses(server, ["suggest", "explain"]));

test("a page has the small engine, which refuses both, until a snapshot is opened that explains; each keeps its own", async () => {
  const engine = (name) => () => read(`pkg/wasm/${name}_bg.wasm`);
  engineAt(engine("reader"), engine("explain"));
  const { file } = build(demo, key, "--at", "2026-11-20");
  const open = (more) => MayUse.open(file, { ...options, ...more });
  const document = new Catalog(demo, options);
  const small = await open();
  refuses(small, ["suggest", "explain"]);
  const both = { customer: "hobby", feature: "exports", consumed: 3, explain: true, suggest: true };
  const larger = await Promise.all([open({ explains: true }), open({ explains: true })]);
  for (const of of [...larger, await open()]) agreed((of) => of.check(both), of, document);
  refuses(small, ["suggest", "explain"]);
  for (const of of [small, larger[0]]) {
    for (const { code } of demo.features) {
      const question = { customer: "acme", feature: code, consumed: 7 };
      agreed((of) => of.check(question), of, document, code);
      assert.equal(of.mayUse("acme", code, 7), document.mayUse("acme", code, 7), code);
    }
  }
  small.close();
  assert.equal(larger[0].mayUse("acme", "sso"), true);
});

test("`slim` explains with the engine that is given to it", () => {
  writeFileSync(join(package_.project, "slim.mjs"), `
    import { readFileSync } from "node:fs";
    import { createRequire } from "node:module";
    import { initSync, MayUse } from "mayuse/slim";
    initSync(readFileSync(createRequire(import.meta.url).resolve("mayuse/explain.wasm")));
    const snapshot = await MayUse.open({ file: process.argv[2] }, { publicKeys: "${key.public}" });
    console.log(snapshot.explain({ customer: "acme", feature: "sso" }).trace[0].effect);
  `);
  const { stdout, stderr } = spawnSync(process.execPath, ["slim.mjs", build(demo, key).path], { cwd: package_.project, encoding: "utf8" });
  assert.equal(stdout, "SET\n", stderr);
});
