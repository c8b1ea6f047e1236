// Every check of the vectors, over HTTP: the Worker gives the answers that the core gives.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { start, vectorFile } from "./support.mjs";

const NOT_ASKED = new Set(["id", "kind", "description", "expect", "catalog"]);
/** How many cases are under way at once. */
const AT_ONCE = 16;
/** How many cases are about a row that no write takes: its value does not fit its feature, or has an unknown word. */
const N_UNASKED = 11;

/** Every check of the vectors: the case and the text of its catalog. */
const cases = vectorFile("index.json").files.flatMap((name) => {
  const file = vectorFile(name);
  const checks = file.cases.filter((of) => of.kind === "check");
  return checks.map((of) => ({ name, of, catalog: JSON.stringify("catalog" in of ? of.catalog : file.catalog) }));
});
const catalogs = [...new Set(cases.map(({ catalog }) => catalog))];

let started;
let worker;

before(async () => {
  started = await start({ catalog: null });
  worker = started.worker;
});
after(() => started.stop());

const questionOf = (of) => Object.fromEntries(Object.entries(of).filter(([name]) => !NOT_ASKED.has(name)));

/** The question as a query string; nothing if a field is not a text, a switch or a number. */
function queryOf(question) {
  const isPlain = (value) => ["string", "boolean", "number"].includes(typeof value);
  const pairs = Object.entries(question);
  return pairs.every(([, value]) => isPlain(value)) ? new URLSearchParams(pairs) : undefined;
}

/** A decimal as the whole number and the number of places that it stands for; nothing if it is none. */
function decimal(text) {
  const [, sign, whole, fraction = ""] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text) ?? [];
  if (whole === undefined) {
    return undefined;
  }
  const places = fraction.replace(/0+$/, "");
  return `${BigInt(sign + whole + places)}e-${places.length}`;
}

/** An instant in milliseconds; nothing if it is none. */
function instant(text) {
  return /^\d{4}-\d\d-\d\d(T|$)/.test(text) ? Date.parse(text) : undefined;
}

/** Where an answer is not what is expected. Only the fields that are expected count. */
function differences(path, expect, actual) {
  const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
  if (isObject(expect) && isObject(actual)) {
    const of = ([name, value]) => differences(`${path}.${name}`, value, actual[name] ?? null);
    return Object.entries(expect).flatMap(of);
  }
  if (Array.isArray(expect) && Array.isArray(actual)) {
    return sameSet(expect, actual) ? [] : [`${path}: expected these in any order: ${JSON.stringify(expect)}`];
  }
  const isSame = (read) => read(expect) !== undefined && read(expect) === read(actual);
  const areTexts = typeof expect === "string" && typeof actual === "string";
  if (expect === actual || (areTexts && (isSame(decimal) || isSame(instant)))) {
    return [];
  }
  return [`${path}: expected ${JSON.stringify(expect)}, found ${JSON.stringify(actual)}`];
}

function sameSet(expect, actual) {
  const left = [...actual];
  const foundAll = expect.every((item) => {
    const at = left.findIndex((other) => differences("", item, other).length === 0);
    return at >= 0 && left.splice(at, 1);
  });
  return foundAll && left.length === 0;
}

function check(of, { status, body }) {
  const shown = `${status} ${JSON.stringify(body)}`;
  if (of.expect.error) {
    assert.equal(status, 400, shown);
    assert.match(body.error.code, /^[A-Z_]+$/);
  } else {
    assert.equal(status, 200, shown);
    assert.deepEqual(differences("", of.expect, body), [], shown);
  }
}

/** Asks a case by POST and, where it can be said so, as a query string. */
async function ask(of) {
  const question = questionOf(of);
  check(of, await worker.check(question));
  const query = queryOf(question);
  if (query) {
    check(of, await worker.get(`/v1/check?${query}`));
  }
  return query !== undefined;
}

/** Calls `run` with each item, some at once, and gives what each threw. */
async function all(items, run) {
  const failures = [];
  const left = items.values();
  const one = async () => {
    for (const item of left) {
      await run(item).catch((error) => failures.push(`${item.name}: ${item.of.id}\n${error.message}`));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
  return failures;
}

/** The problems of a refusal. */
const problems = ({ error }) => error.problems ?? [error];

/** Takes the rows away that a refusal names, each of which has a value. */
function withoutRows(text, refusal) {
  const catalog = JSON.parse(text);
  const named = new Set(problems(refusal).map(({ path }) => path.replace(/\.value\b.*$/, "")));
  for (const path of [...named].sort().reverse()) {
    const steps = path.replaceAll("[", ".").replaceAll("]", "").split(".");
    const last = steps.pop();
    const owner = steps.reduce((at, step) => at[step], catalog);
    assert.ok(owner[last].value, `${path} is no row`);
    owner[last] = null;
  }
  const rows = (owner) => owner.entitlements && (owner.entitlements = owner.entitlements.filter((row) => row !== null));
  for (const list of ["features", "plans", "add_ons", "customers", "subscriptions"]) {
    (catalog[list] ?? []).forEach((owner) => [owner, ...(owner.versions ?? [])].forEach(rows));
  }
  return catalog;
}

test("every check, of its own catalog, posted and as a query string", async (t) => {
  const n_of = { asked: 0, withoutRows: 0, queries: 0, refused: 0, unasked: 0 };
  const failures = [];
  const askAll = (some) =>
    all(some, async ({ of }) => {
      const asQuery = await ask(of);
      n_of.queries += asQuery ? 1 : 0;
      n_of.asked += 1;
    });
  for (const catalog of catalogs) {
    const ofThis = cases.filter((one) => one.catalog === catalog);
    const { status, body } = await worker.put("/v1/catalog", catalog);
    if (status === 200) {
      failures.push(...(await askAll(ofThis)));
      continue;
    }
    const where = `${ofThis[0].name}: ${ofThis[0].of.id}: ${JSON.stringify(body)}`;
    assert.equal(status, 400, where);
    // Where the question is to fail, this is the failure.
    const others = ofThis.filter(({ of }) => !of.expect.error);
    n_of.refused += ofThis.length - others.length;
    if (others.length > 0) {
      // A value that does not fit its feature, or has a word that is not known, is refused when it is written, though a
      // catalog read from elsewhere may hold it: there its row is passed over. So it is taken away, unless the case is
      // about it.
      const isPassedOver = ({ code }) => ["TYPE_MISMATCH", "UNKNOWN_VALUE"].includes(code);
      assert.ok(problems(body).every(isPassedOver), where);
      const rest = await worker.put("/v1/catalog", withoutRows(catalog, body));
      assert.equal(rest.status, 200, `${where}\n${JSON.stringify(rest.body)}`);
      const isAboutIt = (of) => of.expect.reason === "TYPE_MISMATCH" || of.customer === "cus_misfit";
      const possible = others.filter(({ of }) => !isAboutIt(of));
      failures.push(...(await askAll(possible)));
      n_of.withoutRows += possible.length;
      n_of.unasked += others.length - possible.length;
    }
  }
  t.diagnostic(`${n_of.asked} cases asked, ${n_of.queries} of them also as a query string; ${n_of.refused} refused`);
  t.diagnostic(`${n_of.withoutRows} of them without rows that do not fit, ${n_of.unasked} about such rows not asked`);
  assert.deepEqual(failures, []);
  assert.equal(n_of.asked + n_of.refused + n_of.unasked, cases.length);
  assert.equal(n_of.unasked, N_UNASKED);
  assert.ok(n_of.asked > 0 && n_of.queries > 0 && n_of.refused > 0, "some of each kind");
});

test("a difference is seen", () => {
  const differs = (expect, actual) => differences("", expect, actual).length > 0;
  const cases = [
    [{ a: "1.50" }, { a: "1.5", b: 1 }, false],
    [{ a: "1.50" }, { a: "1.51" }, true],
    [{ a: "0.1" }, { a: "0.01" }, true],
    [{ a: "-0" }, { a: "0.00" }, false],
    [{ a: "2025-01-01" }, { a: "2025-01-01T00:00:00Z" }, false],
    [{ a: "2025-01-01T00:00:00.000Z" }, { a: "2025-01-01T00:00:01Z" }, true],
    [{ a: [{ b: 1 }, { b: 2 }] }, { a: [{ b: 2, c: 1 }, { b: 1 }] }, false],
    [{ a: [{ b: 1 }] }, { a: [{ b: 1 }, { b: 1 }] }, true],
    [{ a: null }, {}, false],
    [{ a: true }, { a: "true" }, true],
  ];
  for (const [expect, actual, isDifferent] of cases) {
    assert.equal(differs(expect, actual), isDifferent, `${JSON.stringify(expect)} and ${JSON.stringify(actual)}`);
  }
});
