// `mayuse import`, `mayuse export` and `mayuse key` against the Worker in its real runtime.
import assert from "node:assert/strict";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { demo, start } from "../worker/support.mjs";
import { file, folder, line, lines, mayuse } from "./support.mjs";

const made = async (...scopes) =>
  JSON.parse((await mayuse(["key", "--name", `for ${scopes}`, ...scopes.flatMap((scope) => ["--scope", scope]), "--json"])).stdout);
const [writer, checker] = [await made("catalog"), await made("check", "usage")];
const { worker, workers, stop } = await start(
  { catalog: null },
  { catalog: null },
  { catalog: null, bindings: { LOCAL_RUN: undefined, API_KEYS: JSON.stringify([writer.row, checker.row]) } },
  { snapshots: "taken", catalog: null },
  { snapshots: "published", catalog: null, bindings: { API_KEYS: JSON.stringify([writer.row]) } },
);
after(stop);
const to = (worker) => ["--url", worker.url];

async function exported(worker) {
  const { status, stdout, stderr } = await mayuse(["export", ...to(worker)]);
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout);
}

/** A document as lines: its settings, and its entities in their order, so that what others refer to comes first. */
function asLines({ format, ...document }) {
  const isList = ([name, value]) => Array.isArray(value) && name !== "access_statuses";
  const lists = Object.entries(document).filter(isList);
  const settings = Object.entries(document).filter((field) => !isList(field));
  const entities = lists.flatMap(([name, list]) => list.map((entity) => ({ kind: name.replace(/s$/, ""), ...entity })));
  const all = [{ kind: "settings", ...Object.fromEntries(settings) }, ...entities];
  return all.map((entity) => `${JSON.stringify(entity)}\n`).join("");
}

test("numbers go out and in as the text they are", async () => {
  const numbers = ["5e-324", "1E5", "29.00", "-0", "1e999", "9".repeat(30_000)].join(",");
  const customer = `{"id":"cus_numbers","figures":[${numbers}]}`;
  const asked = { body: `{"kind":"customer",${customer.slice(1)}`, headers: { "content-type": "application/x-ndjson" } };
  assert.equal((await workers[1].ask("POST", "/v1/catalog/import", asked)).status, 200);
  const path = join(folder, "numbers.json");
  const holds = () => assert.ok(readFileSync(path, "utf8").includes(customer.slice(1, -1)));
  assert.equal((await mayuse(["export", "-o", path, ...to(workers[1])])).status, 0);
  holds();
  const { status, stderr } = await mayuse(["import", path, "--replace", ...to(workers[1])]);
  assert.equal(status, 0, stderr);
  assert.equal((await mayuse(["export", "-o", path, ...to(workers[1])])).status, 0);
  holds();
  assert.equal((await workers[1].delete("/v1/catalog/customers/cus_numbers")).status, 200);
});

test("what was imported in lines is what a document says", async () => {
  const path = file("demo.ndjson", asLines(demo()));
  const { status, stdout, stderr } = await mayuse(["import", path, ...to(worker)]);
  assert.equal(status, 0, stderr);
  assert.match(stdout, /^KIND +WRITTEN\n[^]*subscriptions +\d+\n[^]*imported \d+ lines; snapshot version \d+\n$/);
  const inLines = await exported(worker);
  assert.equal((await mayuse(["import", "demo/catalog.json", "--replace", ...to(worker)])).status, 0);
  const asDocument = await exported(worker);
  assert.deepEqual(inLines, asDocument);
  assert.equal(inLines.customers.length, demo().customers.length);
});

test("lines that are older than what is stored are counted, and written where they replace everything", async () => {
  const at = (minute) => `2026-11-21T10:0${minute}:00Z`;
  const customers = (...minutes) => minutes.map((minute, n) => line(n, { source_updated_at: at(minute) })).join("");
  const imports = async (text, ...more) => {
    const { status, stdout, stderr } = await mayuse(["import", file("late.ndjson", text), ...more, ...to(workers[1])]);
    assert.equal(status, 0, stderr);
    return stdout;
  };
  const stored = async () => (await exported(workers[1])).customers.map((customer) => customer.source_updated_at);
  assert.match(await imports(customers(5, 5, 5)), /^KIND +WRITTEN\ncustomers +3\nimported 3 lines; snapshot version \d+\n$/);
  const one = await imports(customers(4, 5, 6));
  assert.match(one, /customers +2\n1 line is older than what is stored by its source_updated_at, and was not applied\nimported 3 /);
  const two = await imports(customers(1, 1, 7));
  assert.match(two, /customers +1\n2 lines are older than what is stored by their source_updated_at, and were not applied\nimported 3 /);
  assert.equal(JSON.parse(await imports(customers(1, 1, 1), "--json")).stale, 3);
  assert.deepEqual(await stored(), [5, 5, 7].map(at));
  assert.match(await imports(customers(1, 2, 3), "--replace"), /customers +3\nreplaced the catalog: imported 3 lines, removed 0; /);
  assert.deepEqual(await stored(), [1, 2, 3].map(at));
  assert.equal((await workers[1].put("/v1/catalog", { format: 1 })).status, 200);
});

test("an export replaces the catalog it is of", async () => {
  const path = join(folder, "export.json");
  assert.equal((await mayuse(["export", ...to(worker), "-o", path])).status, 0);
  const { status, stdout } = await mayuse(["import", path, "--replace", ...to(worker)]);
  assert.equal(status, 0);
  const version = stdout.match(/snapshot version (\d+)/)[1];
  const { stdout: again, stderr } = await mayuse(["export", ...to(worker)]);
  assert.equal(again, readFileSync(path, "utf8"));
  assert.equal(stderr, `snapshot version ${version}\n`);
});

test("an export in lines, imported elsewhere, is the same catalog", async () => {
  const path = join(folder, "export.ndjson");
  assert.equal((await mayuse(["export", ...to(worker), "--lines", "-o", path])).status, 0);
  assert.match(readFileSync(path, "utf8"), /^\{"kind": "settings"[^]*\n\{"kind":"customer",[^]*\}\n$/);
  const { status, stderr } = await mayuse(["import", path, ...to(workers[1])]);
  assert.equal(status, 0, stderr);
  assert.deepEqual(await exported(workers[1]), await exported(worker));
  assert.equal((await mayuse(["import", "-", "--replace", ...to(workers[1])], { input: '{"format": 1}' })).status, 0);
});

const name = "n".repeat(450);
/** A catalog of more than 8 MiB, for which one request is too small. */
function large(n, more = {}) {
  const { customers, subscriptions, ...rest } = demo();
  const others = Array.from({ length: n }, (_, i) => ({ id: `large_${i}`, name }));
  return { ...rest, customers: [...customers, ...others], subscriptions, ...more };
}
const replace = (path, ...more) => mayuse(["import", path, "--replace", ...to(workers[1]), ...more]);
/** What is there, whatever the order of its lists. */
async function held() {
  const catalog = await exported(workers[1]);
  const lists = Object.entries(catalog).filter(([, value]) => Array.isArray(value));
  return { ...catalog, ...Object.fromEntries(lists.map(([name, list]) => [name, list.sort((a, b) => (a.id < b.id ? -1 : 1))])) };
}

test("a catalog of more than 8 MiB takes the place of another one, and goes back", async () => {
  const n = 20_000;
  const [before, after] = [large(n), large(n, { add_ons: [], subscriptions: [], ladder: undefined, access_statuses: ["ACTIVE"] })];
  after.customers = after.customers.slice(3).map(({ alias, ...customer }) => customer);
  // In a document, an element may stand on several lines, and say what it is.
  const file_of = { before: file("before.json", JSON.stringify(before, null, 1)), after: file("after.json", JSON.stringify(after)) };
  for (const path of Object.values(file_of)) assert.ok(8 << 20 < statSync(path).size);
  const first = await replace(file_of.before);
  assert.equal(first.status, 0, first.stderr);
  assert.match(first.stdout, /^KIND +WRITTEN\n[^]*\nreplaced the catalog: imported \d+ lines, removed \d+; snapshot version \d+\n$/);
  const was = await held();
  assert.equal(was.customers.length, before.customers.length);

  // Something that only the server knows, of which nothing is to be left.
  await workers[1].put("/v1/catalog/customers/stray", { alias: "cus_alias" });
  const second = await replace(file_of.after, "--json");
  assert.equal(second.status, 0, second.stderr);
  const { removed, snapshot_version: version, done } = JSON.parse(second.stdout);
  assert.equal(removed, 3 + 1 + before.add_ons.length + before.subscriptions.length);
  assert.equal(done, true);
  const now = await held();
  assert.deepEqual(now.customers.map(({ id }) => id), after.customers.map(({ id }) => id).sort());
  assert.deepEqual([now.add_ons ?? [], now.subscriptions ?? [], now.ladder, now.access_statuses], [[], [], undefined, ["ACTIVE"]]);
  assert.equal((await workers[1].get("/readyz")).body.snapshot_version, version);

  const back = await replace(file_of.before, "--json");
  assert.equal(back.status, 0, back.stderr);
  assert.deepEqual(await held(), was);
  assert.equal(JSON.parse(back.stdout).removed, 0);
});

test("lines take the place of everything too", async () => {
  const path = file("lines.ndjson", `${asLines(demo())}\n{"kind": "customer", "id": "only_here"}`);
  const { status, stdout, stderr } = await replace(path, "--json");
  assert.equal(status, 0, stderr);
  assert.equal(JSON.parse(stdout).removed, 20_000);
  const { customers } = await held();
  assert.equal(customers.length, demo().customers.length + 1);
  const ids = ({ features }) => features.map(({ id }) => id).sort();
  assert.deepEqual(ids(await exported(workers[1])), ids(demo()));
});

test("what cannot be written removes nothing", async () => {
  const before = await held();
  for (const [text, code, said] of [
    ['{"kind": "customer", "id": "x"}\n{"kind": "nothing", "id": "y"}\n', 2, /line 2: kind: expected what the line is/],
    ['{"kind": "customer", "id": "x"}\nnot JSON\n', 2, /error\[INVALID_JSON\] .*wrong\.ndjson: line 2: /],
    ['{"kind": "customer", "id": "x", "alias": "a b"}\n', 1, /error\[INVALID\] line 1: alias[^]*nothing was removed yet\.\nOnce that is put right, the same command may be given again\./],
  ]) {
    const { status, stderr } = await replace(file("wrong.ndjson", text));
    assert.equal(status, code, stderr);
    assert.match(stderr, said);
    assert.deepEqual(await held(), before);
  }
  const elements = Array.from({ length: 30_000 }, (_, i) => ({ id: `c${i}`, name: "x".repeat(300) }));
  for (const [document, said] of [
    [{ format: 2, customers: elements }, /a catalog document says "format": 1/],
    [{ format: 1, customers: [...elements, { name: "nobody" }] }, /customers\[30000\]: id: a required field is missing/],
    [{ format: 1, customers: [...elements, { kind: "plan", id: "p" }] }, /customers\[30000\]: kind: expected `customer`, or nothing/],
    [{ format: 1, customers: [...elements, 7] }, /customers\[30000\]: /],
  ]) {
    const { status, stderr } = await replace(file("wrong.json", JSON.stringify(document)));
    assert.equal(status, 2, stderr);
    assert.match(stderr, said);
  }
  assert.deepEqual(await held(), before);
  assert.equal((await mayuse(["import", "-", "--replace", ...to(workers[1])], { input: '{"format": 1}' })).status, 0);
});

test("a key of every scope there is can be made", async () => {
  for (const scope of ["check", "usage", "snapshot", "catalog"]) {
    const { key, row } = await made(scope);
    assert.deepEqual([row.scopes, /^mayuse_[0-9a-f]{64}$/.test(key)], [[scope], true]);
  }
  const { status, stderr } = await mayuse(["key", "--name", "x", "--scope", "all"]);
  assert.equal(status, 2);
  assert.match(stderr, /possible values: check, usage, snapshot, catalog/);
});

test("lines without an entity replace nothing, and the lines of a file are counted", async () => {
  const replace = (input) => mayuse(["import", "-", "--replace", ...to(workers[2])], { input, key: writer.key });
  const filled = await replace(line(1));
  assert.equal(filled.status, 0, filled.stderr);
  assert.match(filled.stdout, /replaced the catalog: imported 1 line, removed 0;/);
  for (const [input, n] of [["", 0], ['\n{"kind":"settings"}\n', 1]]) {
    const { status, stderr } = await replace(input);
    assert.equal(status, 2);
    assert.match(stderr, new RegExp(`error\\[MISSING\\] standard input: no line has .*lines read: ${n}\\)`));
  }
  const customers = async () => {
    const { stdout } = await mayuse(["export", ...to(workers[2])], { key: writer.key });
    return JSON.parse(stdout).customers ?? [];
  };
  assert.equal((await customers()).length, 1);
  assert.equal((await replace('{"format": 1}')).status, 0);
  assert.deepEqual(await customers(), []);
});

test("a refused line, put right, is where the import goes on", async () => {
  const n = 50_000;
  const all = Array.from({ length: n }, (_, i) => line(i));
  const path = file("resumed.ndjson", all.with(1_700, '{"kind": "customer", "name": "nobody"}\n').join(""));
  const refused = await mayuse(["import", path, ...to(workers[1]), "--json"]);
  assert.equal(refused.status, 1);
  assert.match(refused.stderr, /^error\[INVALID\] line 1701: id: expected an id\n[^]*400 Bad Request\.\nThe first (\d+) lines are written/);
  const { lines: n_written, resume_token: token } = JSON.parse(refused.stdout);
  assert.ok(0 < n_written && n_written <= 1_700, n_written);

  file("resumed.ndjson", all.with(0, line(-1)).join(""));
  const other = await mayuse(["import", path, ...to(workers[1]), "--resume", token]);
  assert.equal(other.status, 1);
  assert.match(other.stderr, /error\[CONFLICT\] the first \d+ lines differ[^]*Without --resume, the import starts anew/);

  file("resumed.ndjson", all.join(""));
  const { status, stdout, stderr } = await mayuse(["import", path, ...to(workers[1]), "--resume", token, "--json"]);
  assert.equal(status, 0, stderr);
  const { lines: n_lines, entities } = JSON.parse(stdout);
  assert.deepEqual([n_lines, entities.customers], [n, n - n_written], "nothing is written twice");
  assert.equal((await exported(workers[1])).customers.length, n);
});

test("an import whose command was killed goes on under its token", async () => {
  const n = 5_000;
  const state = async () => (await workers[1].get("/v1/catalog/import/killed")).body;
  await mayuse(["import", "-", ...to(workers[1]), "--resume", "killed"], {
    input: null,
    meanwhile: async (child) => {
      child.stdin.write(lines(2_000));
      while (!(1_000 <= ((await state())?.lines ?? 0))) await sleep(20);
      child.kill("SIGKILL");
    },
  });
  // What had arrived before that is still written.
  let [before, now] = [null, await state()];
  while (before?.lines !== now.lines) {
    await sleep(500);
    [before, now] = [now, await state()];
  }
  const { lines: n_written, done } = now;
  assert.ok(1_000 <= n_written && n_written <= 2_000 && !done, n_written);
  const { status, stdout } = await mayuse(["import", "-", ...to(workers[1]), "--resume", "killed", "--json"], { input: lines(n) });
  assert.equal(status, 0);
  assert.equal(JSON.parse(stdout).entities.customers, n - n_written);
});

test("a write breaks an export off, and into a file it is begun again", async () => {
  const note = "x".repeat(2_000);
  const input = Array.from({ length: 20_000 }, (_, n) => line(n, { note })).join("");
  assert.equal((await mayuse(["import", "-", ...to(worker)], { input })).status, 0);
  const path = join(folder, "broken.json");
  const { status, stderr } = await mayuse(["export", ...to(worker), "-o", path], {
    meanwhile: async (child) => {
      while (!statSync(`${path}.part`, { throwIfNoEntry: false })?.size) await sleep(1);
      child.kill("SIGSTOP");
      const { status } = await worker.put("/v1/catalog/customers/new", { name: "New" });
      child.kill("SIGCONT");
      assert.equal(status, 201);
    },
  });
  assert.equal(status, 0, stderr);
  assert.match(stderr, /error\[BROKEN_OFF\][^]*Again \(1 of 3\)\.\n.*snapshot version \d+\n$/);
  const customers = JSON.parse(readFileSync(path, "utf8")).customers;
  assert.ok(customers.some(({ id }) => id === "new"));
});

test("keys: one that was made, one without the scope, one that is not known", async () => {
  const path = file("keys.ndjson", lines(1));
  assert.equal((await mayuse(["import", path, ...to(workers[2])], { key: writer.key })).status, 0);
  const without = await mayuse(["export", ...to(workers[2])], { key: checker.key });
  assert.equal(without.status, 1);
  assert.match(without.stderr, /error\[FORBIDDEN\] the key `for check,usage` has no scope `catalog`/);
  const unknown = await mayuse(["import", file("unknown.ndjson", lines(100_000)), ...to(workers[2])]);
  assert.equal(unknown.status, 1);
  assert.match(unknown.stderr, /error\[UNAUTHORIZED\] the key is not known[^]*Pass the key with --key/);
});

test("a snapshot that a stranger signed is not published, and the key to ask about is named", async () => {
  const path = join(folder, "by-a-stranger");
  const built = await mayuse(["build", "demo/catalog.json", "-o", path], { env: { MAYUSE_SIGNING_KEY: "09".repeat(32) } });
  assert.equal(built.status, 0, built.stderr);
  const { key_id: theirs } = JSON.parse((await mayuse(["inspect", path, "--json"])).stdout);
  const { status, stderr } = await mayuse(["publish", path, ...to(workers[3])]);
  assert.equal(status, 1);
  assert.match(stderr, new RegExp(`^error\\[[A-Z_]+\\] it is signed with key ${theirs}, which is not among SNAPSHOT_KEYS\n`));
  assert.match(stderr, new RegExp(`Is the public half of the key that signed it \\(${theirs} in the folder\\) among the Worker's SNAPSHOT_KEYS\\?\n$`));
});

test("the key that the command recommends publishes a snapshot", async () => {
  const path = join(folder, "published");
  // The signing key and the audience of the local run.
  const env = { MAYUSE_SIGNING_KEY: "6d6179757365206c6f63616c2072756e206d6179757365206c6f63616c207275" };
  const built = await mayuse(["build", "demo/catalog.json", "-o", path, "--audience", "tests"], { env });
  assert.equal(built.status, 0, built.stderr);
  const { status, stdout, stderr } = await mayuse(["publish", path, ...to(workers[4])], { key: writer.key });
  assert.equal(status, 0, stderr);
  assert.match(stdout, /published version 1: sent 2 of 2 objects/);
});
