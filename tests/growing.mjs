// A catalog grows by an import while everything else goes on: checks, upgrades, downgrades, a subscription paused in
// the midst of it. `scripts/grow.sh` runs it with any number of customers, the suite with fifty thousand.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { customer, subscription } from "./worker/shop.mjs";
import { JSON_TYPE, start } from "./worker/support.mjs";

/** No isolate may say what was so longer ago. */
const STALE_MS = 15_000;
/** How long after the end of the import all of it may take to be published. */
export const PUBLISHED_WITHIN_MS = 10_000;
const N_EARLY = 40;
const FEATURES = ["f0", "f1", "f2", "f3"];
/** What each plan holds; the add-on holds the last feature. */
const PLANS = [["f0", "f1"], ["f1", "f2"], ["f0", "f2"], ["f1"]];

const entitlement = (code) => ({ feature: code, value: { type: "BOOLEAN", enabled: true } });
const definitions = () => ({
  format: 1,
  features: FEATURES.map((code) => ({
    id: `feat_${code}`, code, name: code, feature_type: { type: "BOOLEAN" }, status: "ACTIVE",
  })),
  plans: PLANS.map((codes, n) => ({
    id: `plan_${n}`, name: `Plan ${n}`, versions: [{ id: `plv_${n}`, version: 1, entitlements: codes.map(entitlement) }],
  })),
  add_ons: [{ id: "addon_f3", name: "F3", entitlements: [entitlement("f3")] }],
  customers: Array.from({ length: N_EARLY }, (_, n) => customer(early(n))),
  subscriptions: Array.from({ length: N_EARLY }, (_, n) => held(early(n), 0)),
});

const early = (n) => `early_${n}`;
const held = (id, plan, more) => subscription(`sub_${id}`, id, { plan_id: `plan_${plan}`, plan_version_id: `plv_${plan}`, ...more });
const hasAddOn = (n) => n % 5 === 0;
const idOf = (n) => `cus_${String(n).padStart(8, "0")}`;
const aliasOf = (n) => `firstname.lastname${n}@customer-company.example`;
/** What billing systems keep of a customer beside: it makes a customer with its subscription about 900 bytes. */
const KEPT = { billing_address: "x".repeat(280), custom_properties: { crm: "y".repeat(120) } };

/** Lines, a thousand customers at a time. */
function* lines(n) {
  for (let from = 0; from < n; from += 1_000) {
    let text = "";
    for (let at = from; at < Math.min(n, from + 1_000); at += 1) {
      const id = idOf(at);
      const more = hasAddOn(at) ? { add_ons: [{ add_on_id: "addon_f3", quantity: 1 }] } : {};
      text += `${JSON.stringify({ kind: "customer", ...customer(id, { alias: aliasOf(at), ...KEPT }) })}\n`;
      text += `${JSON.stringify({ kind: "subscription", ...held(id, at % 4, more) })}\n`;
    }
    yield text;
  }
}

const expected = (n, code) => PLANS[n % 4].includes(code) || (code === "f3" && hasAddOn(n));
const ask = async (worker, question) => {
  const { status, text } = await worker.send("GET", `/v1/check?${new URLSearchParams(question)}`);
  assert.equal(status, 200, text);
  return JSON.parse(text);
};

/** What everybody may use, as it was at each time. */
class History {
  constructor() {
    this.of = new Map(Array.from({ length: N_EARLY }, (_, n) => [early(n), [{ at: 0, codes: PLANS[0] }]]));
  }

  /** From when a write was sent until it was answered, both may be seen. */
  write(id, codes, sentAt) {
    this.of.get(id).push({ at: sentAt, codes });
  }

  /** Whether an answer was true at some time of the last seconds. */
  judge(id, code, allowed, askedAt) {
    const states = this.of.get(id);
    const recent = states.filter(({ at }, n) => (states[n + 1]?.until ?? states[n + 1]?.at ?? Infinity) + STALE_MS >= askedAt);
    assert.ok(
      recent.some(({ codes }) => codes.includes(code) === allowed),
      `${id} ${code}: ${allowed} was so more than ${STALE_MS} ms ago`,
    );
  }
}

/** Has a catalog grow by so many customers. Gives what was measured. */
export async function grow(n, { say = () => {}, nAsked = n } = {}) {
  const worker = { catalog: null, snapshots: "growing" };
  const started = await start(worker, { ...worker, writer: 0 }, { ...worker, writer: 0 });
  try {
    return await growing(n, started, { say, nAsked });
  } finally {
    await started.stop();
  }
}

async function growing(n, { workers: [writer, ...readers], runtime }, { say, nAsked }) {
  const history = new History();
  const ready = async () => JSON.parse((await writer.send("GET", "/readyz")).text);
  const isPublished = ({ status, snapshot_version: written, published_version: published, waiting_keys: waiting }) =>
    status === "ok" && written === published && waiting === 0;
  const publishedWithin = async (ms) => {
    const from = Date.now();
    for (;;) {
      const state = await ready();
      if (isPublished(state)) {
        return Date.now() - from;
      }
      assert.ok(Date.now() - from < ms, `not published after ${ms} ms: ${JSON.stringify(state)}`);
      await sleep(50);
    }
  };
  const put = await writer.send("PUT", "/v1/catalog", { body: JSON.stringify(definitions()), headers: JSON_TYPE });
  assert.equal(put.status, 200, put.text);
  await publishedWithin(PUBLISHED_WITHIN_MS);

  let isOver = false;
  const seen = { checks: 0, writes: 0, slowestWrite: 0, slowestGap: 0, versions: new Set() };
  const checking = async (reader) => {
    for (let at = 0; !isOver; at += 1) {
      const [id, code] = [early(1 + (at % (N_EARLY - 1))), FEATURES[at % 4]];
      const askedAt = Date.now();
      const { allowed } = await ask(reader, { customer: id, feature: code });
      history.judge(id, code, allowed, askedAt);
      seen.checks += 1;
      await sleep(5);
    }
  };
  const writing = async () => {
    for (let at = 0; !isOver; at += 1) {
      const [id, plan] = [early(1 + ((at * 7) % (N_EARLY - 1))), (at + 1) % 4];
      const sentAt = Date.now();
      const body = JSON.stringify(held(id, plan));
      const { status, text } = await writer.send("PUT", `/v1/catalog/subscriptions/sub_${id}`, { body, headers: JSON_TYPE });
      assert.equal(status, 200, text);
      history.write(id, PLANS[plan], sentAt);
      history.of.get(id).at(-1).until = Date.now();
      seen.writes += 1;
      seen.slowestWrite = Math.max(seen.slowestWrite, Date.now() - sentAt);
      await sleep(100);
    }
  };
  const watching = async () => {
    let last = Date.now();
    for (let version = 0; !isOver; await sleep(50)) {
      const { published_version: published } = await ready();
      if (published !== version) {
        seen.slowestGap = Math.max(seen.slowestGap, Date.now() - last);
        [version, last] = [published, Date.now()];
        seen.versions.add(published);
      }
    }
  };
  /** One subscription is paused in the midst of it. For how long somebody still says yes. */
  let isHalf;
  const half = new Promise((resolve) => {
    isHalf = resolve;
  });
  const pausing = async () => {
    await half;
    const body = JSON.stringify(held(early(0), 0, { status: "PAUSED" }));
    const { status, text } = await writer.send("PUT", `/v1/catalog/subscriptions/sub_${early(0)}`, { body, headers: JSON_TYPE });
    assert.equal(status, 200, text);
    const pausedAt = Date.now();
    let lastYes = pausedAt;
    while (Date.now() < pausedAt + STALE_MS + 2_000) {
      for (const reader of readers) {
        const askedAt = Date.now();
        const { allowed } = await ask(reader, { customer: early(0), feature: "f0" });
        lastYes = allowed ? askedAt : lastYes;
      }
      await sleep(100);
    }
    assert.ok(lastYes - pausedAt <= STALE_MS, `yes ${lastYes - pausedAt} ms after the pause`);
    return lastYes - pausedAt;
  };

  const others = [...readers.map(checking), writing(), watching()];
  const paused = pausing();
  // Nobody else waits for these.
  const failed = Promise.all([...others, paused]);
  failed.catch(() => {});
  const began = Date.now();
  let nBytes = 0;
  const stream = new ReadableStream({
    pull(controller) {
      this.lines ??= lines(n);
      const { value, done } = this.lines.next();
      if (done) {
        controller.close();
        return;
      }
      const bytes = new TextEncoder().encode(value);
      nBytes += bytes.length;
      if (n * 450 <= nBytes) {
        isHalf();
      }
      controller.enqueue(bytes);
    },
  });
  const answer = await fetch(`${writer.url}/v1/catalog/import`, {
    method: "POST",
    body: stream,
    duplex: "half",
    headers: { "content-type": "application/x-ndjson", "x-api-key": "mayuse_demo_key" },
  });
  const text = await answer.text();
  assert.equal(answer.status, 200, text);
  assert.equal(JSON.parse(text).lines, 2 * n);
  const took = Date.now() - began;
  isHalf();
  say(`${n} customers, ${(nBytes / 1e6).toFixed(1)} MB imported in ${(took / 1_000).toFixed(1)} s`);
  const within = 10 * PUBLISHED_WITHIN_MS;
  // Other writes go on, so what is published is looked for that is not older than the import.
  const end = JSON.parse(text).snapshot_version;
  const endedAt = Date.now();
  while ((await ready()).published_version < end) {
    assert.ok(Date.now() - endedAt < within, `not published after ${within} ms: ${JSON.stringify(await ready())}`);
    await sleep(20);
  }
  const publishedAfter = Date.now() - endedAt;
  say(`published ${publishedAfter} ms after its end; ${seen.versions.size} versions meanwhile, at most ${seen.slowestGap} ms apart`);
  const pausedFor = await paused;
  isOver = true;
  await failed;
  await publishedWithin(PUBLISHED_WITHIN_MS);
  say(`${seen.checks} checks, ${seen.writes} other writes, the slowest ${seen.slowestWrite} ms; a pause was heard of after ${pausedFor} ms`);

  // Everybody is answered, by alias, from a snapshot, by an isolate that held nothing of them.
  const [reader] = readers;
  await sleep(6_000);
  const step = Math.max(1, Math.floor(n / nAsked));
  for (let from = 0; from < n; from += 500 * step) {
    const numbers = Array.from({ length: 500 }, (_, at) => from + at * step).filter((at) => at < n);
    const questions = numbers.map((at) => ({ customer: aliasOf(at), feature: FEATURES[at % 3 === 0 ? 3 : 0] }));
    const sent = { body: JSON.stringify({ questions }), headers: JSON_TYPE };
    const { results } = JSON.parse((await reader.send("POST", "/v1/check/batch", sent)).text);
    results.forEach((decision, at) => {
      const { feature } = questions[at];
      assert.equal(decision.freshness.source, "SNAPSHOT", JSON.stringify(decision));
      assert.equal(decision.allowed, expected(numbers[at], feature), `${numbers[at]} ${feature}: ${JSON.stringify(decision)}`);
    });
  }
  const memory = Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${runtime.pid}/status`, "utf8"))?.[1] ?? 0);
  const status = JSON.parse((await writer.send("GET", "/v1/snapshot/status")).text);
  say(`everybody is answered; the runtime took ${Math.round(memory / 1024)} MB at most, wasm ${Math.round((status.memory_bytes ?? 0) / 2 ** 20)} MiB`);
  return { took, publishedAfter, pausedFor, versions: seen.versions.size, slowestGap: seen.slowestGap };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const n = Number(process.argv[2] ?? 20_000);
  await grow(n, { say: console.log, nAsked: Math.min(n, 50_000) });
}
