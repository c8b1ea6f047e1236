// Large catalogs: taken as lines, batch by batch, and given back as one document.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { request } from "node:http";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { DEMO_KEY, keyFor, start } from "./support.mjs";
import { customer, shop, subscription } from "./shop.mjs";

const LINES = { "content-type": "application/x-ndjson" };
const IMPORT = "/v1/catalog/import";
/** How many lines a batch has, and how many bytes a line. */
const BATCH = 500;
const MAX_LINE = 1024 * 1024;
const N_LARGE = 20_000;
const MAX_MORE_MB = 200;
let beforeMb;

let started;
let worker;

before(async () => {
  started = await start({ catalog: null }, { catalog: shop() }, { catalog: null });
  worker = started.worker;
});
after(() => started.stop());

const line = (kind, entity) => JSON.stringify({ kind, ...entity });
const KINDS = { products: "product", prices: "price", features: "feature", plans: "plan", customers: "customer" };

/** The shop as lines, without its subscription. */
const shopLines = () =>
  Object.entries(KINDS).flatMap(([list, kind]) => shop()[list].map((entity) => line(kind, entity)));

/** Lines of customers, numbered from 1 on, so that the file and its lines have the same numbers. */
const customers = (prefix, n) =>
  Array.from({ length: n }, (_, i) => line("customer", customer(`${prefix}_${i + 1}`)));

const post = (body, token, more) =>
  worker.ask("POST", IMPORT, { body, headers: { ...LINES, ...(token && { "idempotency-key": token }) }, ...more });

/** The ids of a kind that begin like this, from all pages. */
async function ids(kind, prefix) {
  const found = [];
  let cursor = prefix;
  while (cursor !== null) {
    const { body } = await worker.get(`/v1/catalog/${kind}?limit=1000&cursor=${encodeURIComponent(cursor)}`);
    found.push(...body.data.map(({ id }) => id).filter((id) => id.startsWith(prefix)));
    cursor = body.next_cursor;
  }
  return found;
}

/** Holds an answer of an import against what it is to say, beside its token and version. */
function assertImported({ status, headers, body }, expected) {
  const { snapshot_version, resume_token, ...rest } = body;
  assert.deepEqual([status, rest], [200, { stale: 0, warnings: [], warning_count: 0, ...expected, done: true }], JSON.stringify(body));
  assert.equal(headers["x-snapshot-version"], `${snapshot_version}`);
  return { version: snapshot_version, token: resume_token };
}

/** Holds a refusal against its status, code and place, and against how far the import came. */
function assertRefused({ status, body }, expected, code, path, lines) {
  assert.deepEqual([status, body.error.code, body.error.path], [expected, code, path], JSON.stringify(body));
  assert.deepEqual([body.lines, body.done], [lines, false], JSON.stringify(body));
  assert.match(body.error.message, /\S/);
}

async function assertState(token, lines, done) {
  const { status, body } = await worker.get(`${IMPORT}/${token}`);
  assert.deepEqual([status, body.lines, body.done], [200, lines, done]);
}

test("a small catalog", async () => {
  const lines = [...shopLines(), line("subscription", shop().subscriptions[0])];
  const counts = { products: 2, prices: 1, features: 6, plans: 1, customers: 1, subscriptions: 1 };
  const answer = await post(`${lines.join("\n")}\n`);
  const { version, token } = assertImported(answer, { lines: 12, batches: 1, entities: counts });
  assert.equal(version, 1);
  assert.match(token, /^imp_[0-9A-Za-z]+$/);
  await assertState(token, 12, true);
  const { body } = await worker.check({ customer: "acme", feature: "api_calls", consumed: "0", min_version: 1 });
  assert.deepEqual([body.reason, body.limit], ["WITHIN_LIMIT", "1000"]);
  assert.equal((await worker.get(`${IMPORT}/imp_nothing`)).status, 404);
});

test("a subscription that has not begun, as Meteroid stores it, stops nothing", async () => {
  const day = "2024-01-15";
  const waiting = { status: "PENDING_ACTIVATION", activated_at: null, start_date: day, current_period_start: day, current_period_end: day };
  const lines = [
    line("customer", customer("waiting_1")),
    line("subscription", subscription("waiting_sub", "waiting_1", waiting)),
    line("customer", customer("waiting_2")),
  ];
  assertImported(await post(lines.join("\n")), { lines: 3, batches: 1, entities: { customers: 2, subscriptions: 1 } });
  // It is given back as it came, also to be written again.
  const { entity } = (await worker.get("/v1/catalog/subscriptions/waiting_sub")).body;
  assert.equal(entity.current_period_end, day);
  assert.equal((await worker.put("/v1/catalog/subscriptions/waiting_sub", entity)).status, 200);
  const { body } = await worker.check({ customer: "waiting_1", feature: "api_calls" });
  assert.equal(body.reason, "SUBSCRIPTION_PENDING");
  await worker.delete("/v1/catalog/subscriptions/waiting_sub");
});

test("settings, and a later line for the same id", async () => {
  const lines = [
    JSON.stringify({ kind: "settings", access_statuses: ["ACTIVE", "PAUSED"] }),
    line("customer", { id: "twice_1", name: "First" }),
    line("customer", { id: "twice_1", name: "Second" }),
    line("subscription", subscription("twice_2", "twice_1", { status: "PAUSED" })),
  ];
  assertImported(await post(lines.join("\n")), { lines: 4, batches: 1, entities: { customers: 1, subscriptions: 1 } });
  assert.equal((await worker.get("/v1/catalog/customers/twice_1")).body.entity.name, "Second");
  const { body } = await worker.check({ customer: "twice_1", feature: "api_calls", consumed: "0" });
  assert.equal(body.reason, "WITHIN_LIMIT", "PAUSED grants access now");
});

test("however it is cut, spaced and ended", async () => {
  const given = ["Zoë & Søn", "東京 😀", "a\\u0000b"];
  const named = (prefix) => given.map((name, n) => line("customer", { id: `${prefix}_${n}`, name }));
  const names = async (prefix) => {
    const all = await Promise.all([0, 1, 2].map((n) => worker.get(`/v1/catalog/customers/${prefix}_${n}`)));
    return all.map(({ body }) => body.entity?.name);
  };
  const pieces = (text, size) => {
    const bytes = Buffer.from(text);
    return Array.from({ length: Math.ceil(bytes.length / size) }, (_, n) => bytes.subarray(n * size, (n + 1) * size));
  };
  const texts = {
    lf: (lines) => `${lines.join("\n")}\n`,
    crlf: (lines) => `${lines.join("\r\n")}\r\n`,
    open: (lines) => lines.join("\n"),
    blank: (lines) => `\n\n${lines.join("\n \t\n\r\n")}\n\n`,
    spaced: (lines) => lines.map((one) => `  ${one}\t`).join("\n"),
  };
  for (const [form, text] of Object.entries(texts)) {
    for (const size of [1, 3, 17, 1_000_000]) {
      const prefix = `${form}_${size}`;
      const answer = await post(pieces(text(named(prefix)), size));
      assert.deepEqual([answer.status, answer.body.entities], [200, { customers: 3 }], prefix);
      assert.deepEqual(await names(prefix), given, prefix);
    }
  }
  for (const nothing of ["", "\n", "\r\n \n"]) {
    const { status, body } = await post(nothing);
    assert.deepEqual([status, body.entities, body.done], [200, {}, true]);
  }
});

test("a wrong line in the third batch: what came before is kept, and the mended file goes on", async () => {
  const good = customers("mend", 1_200);
  const bad = good.with(1_100, '{"kind":"customer","id":"mend_1101","name":7}');
  const refused = await post(bad.join("\n"), "mend");
  assertRefused(refused, 400, "WRONG_TYPE", "line 1101: name", 2 * BATCH);
  assert.deepEqual([refused.body.batches, refused.body.resume_token], [2, "mend"]);
  assert.equal((await ids("customers", "mend_")).length, 2 * BATCH);
  await assertState("mend", 2 * BATCH, false);
  const before = refused.body.snapshot_version;
  const mended = await post(good.join("\n"), "mend");
  const { version } = assertImported(mended, { lines: 1_200, batches: 1, entities: { customers: 200 } });
  assert.equal(version, before + 1, "what was written is not written again");
  assert.equal((await ids("customers", "mend_")).length, 1_200);
  await assertState("mend", 1_200, true);
  // Once more, it is done already.
  const again = await post(good.join("\n"), "mend");
  assert.deepEqual([again.status, again.body.entities, again.body.snapshot_version], [200, {}, version]);
});

test("lines that are wrong are named", async () => {
  const feature = { id: "feat_x", code: "A B", name: "x", feature_type: { type: "BOOLEAN" }, status: "ACTIVE" };
  const planless = subscription("named_4", "cus_acme", { plan_version_id: "plv_x" });
  const cases = [
    ["{", "INVALID_JSON", "line 3"],
    ["[]", "INVALID", "line 3"],
    ['{"id":"x"}', "INVALID", "line 3: kind"],
    ['{"kind":"thing","id":"x"}', "INVALID", "line 3: kind"],
    ['{"kind":"customer"}', "INVALID", "line 3: id"],
    ['{"kind":"customer","id":""}', "INVALID", "line 3: id"],
    [line("subscription", subscription("named_4", "cus_nobody")), "BROKEN_REFERENCE", "line 3: customer_id"],
    [line("subscription", planless), "BROKEN_REFERENCE", "line 3: plan_version_id"],
    [line("feature", feature), "INVALID", "line 3: code"],
    [Buffer.from('{"kind":"customer","id":"x","name":"\xff"}', "latin1"), "INVALID_JSON", "line 3"],
  ];
  const [first, second] = customers("named", 2);
  for (const [wrong, code, path] of cases) {
    const body = [`${first}\n\n`, wrong, `\n${second}`].map((piece) => Buffer.from(piece));
    assertRefused(await post(body), 400, code, path, 0);
  }
  assert.deepEqual(await ids("customers", "named_"), [], "none of the batch is kept");
});

test("another file under the same token", async () => {
  const good = customers("other", 1_200);
  assertRefused(await post(good.with(1_100, "{").join("\n"), "other"), 400, "INVALID_JSON", "line 1101", 2 * BATCH);
  const changed = good.with(3, line("customer", customer("other_changed")));
  assertRefused(await post(changed.join("\n"), "other"), 409, "CONFLICT", undefined, 2 * BATCH);
  assertRefused(await post(["", ...good].join("\n"), "other"), 409, "CONFLICT", undefined, 2 * BATCH);
  assertRefused(await post(good.slice(0, 999).join("\n"), "other"), 409, "CONFLICT", undefined, 2 * BATCH);
  assert.equal((await ids("customers", "other_")).length, 2 * BATCH);
  // Under no token, it starts anew.
  assertImported(await post(changed.join("\n")), { lines: 1_200, batches: 3, entities: { customers: 1_200 } });
  assert.ok((await ids("customers", "other_")).includes("other_changed"));
});

/** Sends the beginning of a file, and hangs up once so many lines are written. */
async function interrupt(lines, token, until) {
  const headers = { ...keyFor(IMPORT, DEMO_KEY), ...LINES, "idempotency-key": token };
  const sent = request({ ...worker.target, method: "POST", path: IMPORT, headers });
  const ended = new Promise((resolve) => sent.on("error", resolve).on("close", resolve));
  sent.write(`${lines.join("\n")}\n{"kind":"cust`);
  for (;;) {
    const { status, body } = await worker.get(`${IMPORT}/${token}`);
    if (status === 200 && body.lines === until) {
      break;
    }
    await sleep(10);
  }
  sent.destroy();
  await ended;
}

test("an upload that broke off goes on", async () => {
  const good = customers("broken", 1_700);
  await interrupt(good.slice(0, 1_100), "broken", 2 * BATCH);
  await assertState("broken", 2 * BATCH, false);
  await interrupt(good.slice(0, 1_600), "broken", 3 * BATCH);
  assert.equal((await ids("customers", "broken_")).length, 3 * BATCH);
  assertImported(await post(good.join("\n"), "broken"), { lines: 1_700, batches: 1, entities: { customers: 200 } });
  assert.equal((await ids("customers", "broken_")).length, 1_700);
});

test("a line that is too long, and one that just is not", async () => {
  const named = (id, length) => line("customer", { id, note: "" }).replace('""', `"${"x".repeat(length)}"`);
  const frame = named("long_1", 0).length;
  const first = customers("long", 2)[1];
  for (const end of ["\n", "", "\r\n", `\n${first}\n`]) {
    assertRefused(await post(`${first}\n${named("long_1", MAX_LINE)}${end}`), 413, "PAYLOAD_TOO_LARGE", "line 2", 0);
  }
  const endless = [`${first}\n`, ...Array(17).fill(Buffer.alloc(64 * 1024, "x"))];
  assertRefused(await post(endless, undefined, { unfinished: true }), 413, "PAYLOAD_TOO_LARGE", "line 2", 0);
  assert.deepEqual(await ids("customers", "long_"), []);
  const answer = await post(`${named("long_1", MAX_LINE - frame)}\n${first}`);
  assertImported(answer, { lines: 2, batches: 2, entities: { customers: 2 } });
});

test("only lines, and said to be", async () => {
  for (const type of ["application/json", "text/plain", ""]) {
    const { status, body } = await post("{}", undefined, { headers: { "content-type": type } });
    assert.deepEqual([status, body.error.code], [415, "UNSUPPORTED_MEDIA_TYPE"], type);
  }
  for (const type of ["application/ndjson", "application/jsonl; charset=utf-8"]) {
    assert.equal((await post("", undefined, { headers: { "content-type": type } })).status, 200, type);
  }
  for (const method of ["PUT", "DELETE", "GET"]) {
    assert.deepEqual([(await worker.ask(method, IMPORT)).status], [405]);
    assert.deepEqual([(await worker.ask("POST", `${IMPORT}/imp_x`)).status], [405]);
  }
  for (const token of ["", "x".repeat(256)]) {
    const { status } = await worker.ask("POST", IMPORT, { headers: { ...LINES, "idempotency-key": token } });
    assert.equal(status, 400);
  }
});

test("given back as lines, it can be taken again", async () => {
  const accept = { headers: { accept: "application/x-ndjson" } };
  const given = await worker.send("GET", "/v1/catalog", accept);
  assert.deepEqual([given.status, given.headers["content-type"]], [200, "application/x-ndjson"]);
  const whole = (await worker.get("/v1/catalog")).body;
  const lists = Object.values(whole).filter(Array.isArray);
  const nEntities = lists.flat().filter((one) => one.id).length;
  const lines = given.text.trimEnd().split("\n");
  assert.equal(lines.length, nEntities + 1, "a line for each, and one for the settings");
  const other = started.workers[2];
  const taken = await other.ask("POST", IMPORT, { body: given.text, headers: LINES });
  assert.deepEqual([taken.status, taken.body.lines], [200, nEntities + 1], JSON.stringify(taken.body));
  assert.deepEqual((await other.get("/v1/catalog")).body, whole);
  assert.equal((await other.send("GET", "/v1/catalog", accept)).text, given.text);
  const head = await worker.send("HEAD", "/v1/catalog", accept);
  assert.deepEqual([head.status, head.text, head.headers["content-type"]], [200, "", "application/x-ndjson"]);
});

/** The most memory that the runtime ever had, in megabytes; nothing where the system does not say. */
function peakMb() {
  const status = `/proc/${started.runtime.pid}/status`;
  const [, kb] = (existsSync(status) && /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(status, "utf8"))) || [];
  return kb && Number(kb) / 1_024;
}

/** A file so large that it fits into no buffer, in pieces that end anywhere. */
function* largeFile() {
  let text = "";
  for (let n = 0; n < N_LARGE; n += 1) {
    const id = `${n}`.padStart(5, "0");
    text += `${line("customer", customer(`large_${id}`, { alias: `alias-${id}` }))}\n`;
    text += `${line("subscription", subscription(`large_${id}`, `large_${id}`))}\n`;
    if (text.length > 65_536) {
      yield text;
      text = "";
    }
  }
  yield text;
}

test(`${N_LARGE} customers with subscriptions`, async (t) => {
  worker = started.workers[1];
  beforeMb = peakMb();
  const began = Date.now();
  let nAnswered = 0;
  let isOver = false;
  const importing = post([...largeFile()], "large").finally(() => (isOver = true));
  const asking = (async () => {
    while (!isOver) {
      const { body } = await worker.check({ customer: "acme", feature: "api_calls", consumed: "0" });
      assert.equal(body.reason, "WITHIN_LIMIT");
      nAnswered += 1;
    }
  })();
  const [answer] = await Promise.all([importing, asking]);
  const ms = Date.now() - began;
  const expected = { lines: 2 * N_LARGE, entities: { customers: N_LARGE, subscriptions: N_LARGE } };
  assertImported(answer, { ...expected, batches: answer.body.batches });
  assert.ok(nAnswered >= 5, "it goes on answering");
  t.diagnostic(`${2 * N_LARGE} lines in ${ms} ms, ${nAnswered} questions answered meanwhile`);
  t.diagnostic(`resident memory of the runtime: at most ${peakMb()?.toFixed(0)} MB, ${beforeMb?.toFixed(0)} MB before`);
  assert.ok(!(peakMb() - beforeMb >= MAX_MORE_MB), `${peakMb()} MB, ${beforeMb} MB before`);
});

test("the whole catalog, given back", async (t) => {
  const { status, text, headers } = await worker.send("GET", "/v1/catalog");
  assert.deepEqual([status, headers["content-length"]], [200, undefined], "it is a stream");
  const document = JSON.parse(text);
  assert.equal(document.customers.length, N_LARGE + 1);
  assert.equal(document.subscriptions.length, N_LARGE + 1);
  for (const list of ["customers", "subscriptions"]) {
    assert.equal(new Set(document[list].map(({ id }) => id)).size, N_LARGE + 1);
  }
  assert.deepEqual(document.subscriptions[4_711], subscription("large_04711", "large_04711"));
  assert.deepEqual(document.features.map(({ code }) => code).sort(), shop().features.map(({ code }) => code).sort());
  t.diagnostic(`${text.length} bytes; at most ${peakMb()?.toFixed(0)} MB`);
  assert.ok(!(peakMb() - beforeMb >= MAX_MORE_MB), `${peakMb()} MB, ${beforeMb} MB before`);
});

test("a write while it is given back breaks it off", async () => {
  const asked = { ...worker.target, path: "/v1/catalog", headers: keyFor("/v1/catalog", DEMO_KEY) };
  const answer = await new Promise((resolve) => request(asked, resolve).end());
  assert.equal(answer.statusCode, 200);
  const chunks = answer[Symbol.asyncIterator]();
  let text = (await chunks.next()).value.toString();
  assert.equal((await worker.delete("/v1/catalog/subscriptions/large_19999")).status, 200);
  await assert.rejects(async () => {
    for (let next = await chunks.next(); !next.done; next = await chunks.next()) {
      text += next.value;
    }
    JSON.parse(text);
  });
  assert.ok(text.length < 8_000_000 && !text.includes("large_19998\",\"customer_id"), "it ends before the write");
  const { status, text: whole } = await worker.send("GET", "/v1/catalog");
  assert.deepEqual([status, JSON.parse(whole).subscriptions.length], [200, N_LARGE]);
});
