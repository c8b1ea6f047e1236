// node --expose-gc one.mjs ID CUSTOMERS: measures one candidate in a process of its own. Prints a line of JSON.
import { adapters } from "./adapters/index.mjs";
import { ensurePayload, readPayload } from "./lib/payload.mjs";
import { makeQueries, makeSnapshot, referenceChecker } from "./lib/model.mjs";
import { gc, mem, timeRuns, timeRunsAsync } from "./lib/util.mjs";
import { mayuse } from "./mayuse.mjs";

const [id, size] = process.argv.slice(2);
const n = Number(size);
// The same candidate under another name tells how much two runs differ.
const adapter = [...mayuse, ...adapters].find((each) => each.id === id.replace(/~.*/, ""));
ensurePayload(adapter, n);
const snapshot = makeSnapshot(n);
let { cust, feat, usage, count } = makeQueries(snapshot);
const reference = referenceChecker(snapshot);
const payload = readPayload(adapter, n);
const lib = await adapter.importLib();
gc();
const before = mem();
const opened = await adapter.init(lib, payload);
gc();
const after = mem();
if (opened.pass) {
  // Each customer once in each pass.
  const places = [...new Map(cust.map((customer, at) => [customer, at])).values()];
  [cust, feat, usage, count] = [...[cust, feat, usage].map((list) => places.map((at) => list[at])), places.length];
}
let ask;
if (opened.prepare) {
  const handles = cust.map((customer, at) => opened.prepare(customer, feat[at]));
  ask = (at) => handles[at].mayUse(usage[at]);
} else {
  ask = (at) => opened.check(cust[at], feat[at], usage[at]);
}
let wrong = 0;
for (let at = 0; at < Math.min(20_000, count); at++) {
  wrong += Boolean(await ask(at)) !== reference(cust[at], feat[at], usage[at]);
}
let [yes, next] = [0, 0];
function turn() {
  if (next === count) next = 0;
  if (next === 0) opened.pass?.();
  return ask(next++);
}
const lengths = { runs: 5, minMs: 300, warmMs: 700 };
const runs = adapter.async
  ? await timeRunsAsync(async (_, batch) => {
      for (let left = batch; 0 < left; left--) if (await turn()) yes += 1;
    }, lengths)
  : timeRuns((_, batch) => {
      for (let left = batch; 0 < left; left--) if (turn()) yes += 1;
    }, lengths);
const bytes = after.heap + after.ext - before.heap - before.ext;
console.log(JSON.stringify({ id, n, runs, wrong, bytesEach: bytes / n, yes: yes > 0 }));
process.exit(0);
