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
  const lists = Object.entries(document).filter(([, value]) => Array.isArray(value));
  const settings = Object.entries(document).filter(([, value]) => !Array.isArray(value));
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

test("an export replaces the catalogue it is of", async () => {
  const path = join(folder, "export.json");
  assert.equal((await mayuse(["export", ...to(worker), "-o", path])).status, 0);
  const { status, stdout } = await mayuse(["import", path, "--replace", ...to(worker)]);
  assert.equal(status, 0);
  const version = stdout.match(/snapshot version (\d+)/)[1];
  const { stdout: again, stderr } = await mayuse(["export", ...to(worker)]);
  assert.equal(again, readFileSync(path, "utf8"));
  assert.equal(stderr, `snapshot version ${version}\n`);
});

test("an export in lines, imported elsewhere, is the same catalogue", async () => {
  const path = join(folder, "export.ndjson");
  assert.equal((await mayuse(["export", ...to(worker), "--lines", "-o", path])).status, 0);
  assert.match(readFileSync(path, "utf8"), /^\{"kind": "settings"[^]*\n\{"kind":"customer",[^]*\}\n$/);
  const { status, stderr } = await mayuse(["import", path, ...to(workers[1])]);
  assert.equal(status, 0, stderr);
  assert.deepEqual(await exported(workers[1]), await exported(worker));
  assert.equal((await mayuse(["import", "-", "--replace", ...to(workers[1])], { input: '{"format": 1}' })).status, 0);
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
