// How long a yes outlives the write that took it away, by how often an isolate is asked: staleness.sh says how to run it.
//
// Each isolate has a customer of its own, whose subscription is paused some time after a yes; until it says no, every yes
// is stale. The store is the local one, in which a write is seen at once.
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { JSON_TYPE, start } from "./worker/support.mjs";
import { subscription } from "./worker/shop.mjs";
import { World, faultyModules, published } from "./worker/world.mjs";

const SECONDS = Number(process.argv[2] ?? 230);
const INTERVALS_S = (process.argv[3] ?? "0.2,1,5,20,60,200").split(",").map(Number);
/** When in the interval after a yes the subscription is paused, one isolate for each. */
const PAUSED_AFTER = [0.03, 0.5, 0.97];

const isolates = INTERVALS_S.flatMap((seconds) => PAUSED_AFTER.map((part) => ({ seconds, part, lives: [], yes: 0 })));
const worker = { catalog: null, snapshots: "staleness", parts: faultyModules(), bindings: {} };
const started = await start(worker, ...isolates.map(() => ({ ...worker, writer: 0 })));
const [writer, ...readers] = started.workers;
const world = World.of(isolates.length * 7);
await world.putAll(writer);
await published(writer, world);
const end = Date.now() + SECONDS * 1_000;

/** One write after the other. */
let last = Promise.resolve();
const setStatus = (id, status) => {
  const path = `/v1/catalog/subscriptions/sub_${id}`;
  last = last.then(async () => {
    const plan = { plan_id: "plan_0", plan_version_id: "plv_0" };
    const body = JSON.stringify(subscription(`sub_${id}`, id, { ...plan, status }));
    const answer = await writer.send("PUT", path, { body, headers: JSON_TYPE });
    assert.ok(answer.status < 300, answer.text);
    return Date.now();
  });
  return last;
};

async function measure(isolate, n) {
  const { seconds, part, customer } = isolate;
  const ask = async () => {
    const { text } = await readers[n].send("GET", `/v1/check?${new URLSearchParams({ customer, feature: "f0" })}`);
    return JSON.parse(text);
  };
  for (;;) {
    let next = Date.now() + seconds * 1_000;
    if (end <= next) {
      return;
    }
    while (!(await ask()).allowed) {
      await sleep(next - Date.now());
      next += seconds * 1_000;
    }
    if (end <= next) {
      return;
    }
    await sleep(seconds * 1_000 * part);
    const pausedAt = await setStatus(customer, "PAUSED");
    let life = 0;
    for (;;) {
      await sleep(Math.max(0, next - Date.now()));
      next = Date.now() + seconds * 1_000;
      const { allowed } = await ask();
      if (!allowed) {
        break;
      }
      isolate.yes += 1;
      life = Date.now() - pausedAt;
    }
    isolate.lives.push(life);
    await setStatus(customer, "ACTIVE");
  }
}

// People whose plan is the first one, which holds f0: every fourth, but for those without a plan.
const able = [...world.people].filter(([, { plan }]) => plan === 0).map(([id]) => id);
isolates.forEach((isolate, n) => (isolate.customer = able[n]));
await Promise.all(isolates.map(measure));
await started.stop();

console.log("| asked every | rounds | stale yes | the longest lived |\n|---|---|---|---|");
for (const seconds of INTERVALS_S) {
  const of = isolates.filter((isolate) => isolate.seconds === seconds);
  const lives = of.flatMap((isolate) => isolate.lives);
  const longest = (Math.max(0, ...lives) / 1_000).toFixed(1);
  console.log(`| ${seconds} s | ${lives.length} | ${of.reduce((sum, { yes }) => sum + yes, 0)} | ${longest} s |`);
}
