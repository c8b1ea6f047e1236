// Every check of the vectors, over HTTP: the Worker gives the answers that the core gives.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { start, vectorFile } from "./support.mjs";

const NOT_ASKED = new Set(["id", "kind", "description", "expect", "catalog"]);
/** How many cases are under way at once. */
const AT_ONCE = 16;

/** Every check of the vectors: the case and the text of its catalogue. */
const cases = vectorFile("index.json").files.flatMap((name) => {
  const file = vectorFile(name);
  const checks = file.cases.filter((of) => of.kind === "check");
  return checks.map((of) => ({ name, of, catalog: JSON.stringify("catalog" in of ? of.catalog : file.catalog) }));
});
const catalogs = [...new Set(cases.map(({ catalog }) => catalog))];

let started;
/** The Worker of each catalogue, and whether it can use it. */
const workers = new Map();

before(async () => {
  started = await start(...catalogs.map((CATALOG) => ({ CATALOG })));
  const statuses = await Promise.all(started.workers.map((worker) => worker.get("/readyz")));
  for (const [n, { status }] of statuses.entries()) {
    workers.set(catalogs[n], { worker: started.workers[n], isReady: status === 200 });
  }
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

function check(of, isReady, { status, body }) {
  const shown = `${status} ${JSON.stringify(body)}`;
  if (!of.expect.error) {
    assert.equal(status, 200, shown);
    assert.deepEqual(differences("", of.expect, body), [], shown);
  } else if (isReady) {
    assert.equal(status, 400, shown);
    assert.match(body.error.code, /^[A-Z_]+$/);
  } else {
    assert.equal(status, 200, shown);
    assert.equal(body.reason, "SNAPSHOT_INVALID", shown);
  }
}

/** Calls `run` with each item, some at once, and gives what each threw. */
async function all(items, run) {
  const failures = [];
  const left = items.values();
  const worker = async () => {
    for (const item of left) {
      await run(item).catch((error) => failures.push(`${item.name}: ${item.of.id}\n${error.message}`));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return failures;
}

test("every check, posted", async () => {
  let n_asked = 0;
  const failures = await all(cases, async ({ of, catalog }) => {
    const { worker, isReady } = workers.get(catalog);
    check(of, isReady, await worker.check(questionOf(of)));
    n_asked += 1;
  });
  assert.deepEqual(failures, []);
  assert.ok(n_asked > 0, "no case ran");
  assert.equal(n_asked, cases.length);
});

test("every check, as a query string", async () => {
  let n_asked = 0;
  const failures = await all(cases, async ({ of, catalog }) => {
    const query = queryOf(questionOf(of));
    if (query) {
      const { worker, isReady } = workers.get(catalog);
      check(of, isReady, await worker.get(`/v1/check?${query}`));
      n_asked += 1;
    }
  });
  assert.deepEqual(failures, []);
  assert.ok(n_asked > 0, "no case ran");
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
