// Checks answered from memory, before the Worker proper: the same answers, and nothing else answered there.
// Such an answer is told by its headers: only the Worker proper gives an x-request-id.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, test } from "node:test";
import { AT, demo, modules, published, start, validate } from "./support.mjs";

const N_ROUNDS = 10;
const N_AT_ONCE = 100;
const KEYS = { asks: ["check"], writes: ["catalog"] };
const sha256 = (key) => createHash("sha256").update(key).digest("hex");
const API_KEYS = JSON.stringify(Object.entries(KEYS).map(([name, scopes]) => ({ name, sha256: sha256(name), scopes })));
const CHECK = "/v1/check?customer=acme&feature=sso";
/** For as long as this lasts no isolate looks for a newer manifest, which would take a check the longer way. */
const REFRESH_MS = "3600000";

let started;
/** One that holds a replica, and one that asks the object for everything. */
let fast;
let full;
/** One whose checks from memory throw. */
let throwing;

before(async () => {
  const broken = `export * from "./real.js";
    export const checkNow = () => { throw new Error("broken"); };`;
  const index = modules.find(({ path }) => path === "build/index.js");
  const others = modules.filter((module) => module !== index);
  const parts = [...others, { ...index, contents: broken }, { ...index, path: "build/real.js" }];
  started = await start(
    { bindings: { PANIC_ROUTE: "1", API_KEYS, REFRESH_MS }, snapshots: "fast" },
    { bindings: { API_KEYS } },
    { bindings: { REFRESH_MS }, snapshots: "throwing", parts },
  );
  [fast, full, throwing] = started.workers;
  await hold(fast);
  await hold(throwing);
});
after(() => started.stop());

/** Has a Worker hold the demo: an ordinary question has the replica load it, and the gate see the keys. */
async function hold(worker) {
  await published(worker, 1);
  const { status, text } = await worker.send("GET", CHECK);
  assert.deepEqual([status, JSON.parse(text).freshness.source], [200, "SNAPSHOT"]);
}

const isFromMemory = ({ headers }) => headers["x-request-id"] === undefined;

/** A body without how fresh it is, in which the two differ, and without how long that lasts. */
function plain(text) {
  const found = /"freshness":\{[^{}]*\}/.exec(text);
  assert.ok(found, text);
  return text.replace(found[0], "");
}

/** Asks both, and says whether the first answered from memory; the answers are the same, byte for byte. */
async function same(method, path, sent = {}) {
  const [ours, theirs] = await Promise.all([fast, full].map((worker) => worker.send(method, path, sent)));
  const where = `${method} ${path}`;
  assert.equal(ours.status, theirs.status, `${where}: ${ours.text} ${theirs.text}`);
  const isDecision = ours.status === 200 && ours.text !== "";
  const bodies = [ours, theirs].map(({ text }) => (isDecision ? plain(text) : text));
  assert.equal(bodies[0], bodies[1], where);
  for (const name of ["content-type", "cache-control"]) {
    assert.equal(ours.headers[name], theirs.headers[name], where);
  }
  assert.ok(!isFromMemory(theirs));
  if (isDecision) {
    validate("/v1/check", "GET", 200, JSON.parse(ours.text));
  }
  return isFromMemory(ours);
}

const everybody = () => demo().customers.flatMap(({ id, alias }) => [id, alias ?? id]);
const everything = () => demo().features.map(({ code }) => code);
const questions = () => everybody().flatMap((customer) => everything().map((feature) => ({ customer, feature })));
const ask = (question) => `/v1/check?${new URLSearchParams({ at: AT, ...question })}`;

test("every question of the demo is answered from memory as the object answers it", async () => {
  const more = [{}, { consumed: "7" }, { consumed: "199999.5", requested: "2", reserved: "1" }, { explain: "true" }];
  const all = questions().flatMap((question) => more.map((rest) => ask({ ...question, ...rest })));
  assert.ok(all.length > 100);
  for (let n = 0; n < all.length; n += 50) {
    const fromMemory = await Promise.all(all.slice(n, n + 50).map((path) => same("GET", path)));
    assert.ok(fromMemory.every(Boolean), all.slice(n, n + 50)[fromMemory.indexOf(false)]);
  }
});

test("so are coded names and names of nobody", async () => {
  const of = [
    "/v1/check?customer=%61cme&feature=s%73o",
    "/v1/check?feature=sso&customer=acme&",
    // The runtime takes the dots out of a path.
    "/v1/./check?customer=acme&feature=sso",
    "/v1/check?customer=nobody@nowhere.example&feature=sso",
    "/v1/check?customer=caf%C3%A9&feature=sso",
    "/v1/check?customer=acme&feature=nothing",
    `/v1/check?customer=acme&feature=sso&subscription_id=sub_of_nobody&at=${encodeURIComponent(AT)}`,
    "/v1/check?customer=acme&feature=api_calls&on_indeterminate=ALLOW",
  ];
  for (const path of of.filter((path) => !path.includes("caf"))) {
    assert.ok(await same("GET", path), path);
  }
  await same("GET", of.find((path) => path.includes("caf")));
});

test("what is wrong is told by the Worker proper", async () => {
  const of = [
    ["GET", "/v1/check"],
    ["GET", "/v1/check?"],
    ["GET", "/v1/check?customer=acme"],
    ["GET", "/v1/check?customer=acme&customer=acme&feature=sso"],
    ["GET", "/v1/check?customer=acme&feature=sso&consumed=few"],
    ["GET", "/v1/check?customer=acme&feature=sso&page=2&page=3&=&x"],
    ["GET", "/v1/check?customer=acme&feature=sso&explain=perhaps"],
    ["GET", "/v1/check?customer=acme&feature=sso&min_version=-1"],
    ["GET", "/v1/check?customer=acme&feature=sso&at=yesterday"],
    ["GET", "/v1/check?customer=acme&feature=sso&requested=-1"],
    ["GET", "/v1/check?customer=a%20b&feature=s%20o"],
    ["GET", "/v1/check/?customer=acme&feature=sso"],
    ["GET", "//v1/check?customer=acme&feature=sso"],
    ["GET", "/v1//check?customer=acme&feature=sso"],
    ["GET", "/v1/%63heck?customer=acme&feature=sso"],
    ["GET", "/V1/check?customer=acme&feature=sso"],
    ["GET", "/x?/v1/check?customer=acme&feature=sso"],
    ["GET", "/v1/check%3Fcustomer=acme&feature=sso"],
    ["HEAD", CHECK],
    ["POST", CHECK],
    ["PUT", CHECK],
    ["DELETE", CHECK],
    ["OPTIONS", CHECK],
    ["PROPFIND", CHECK],
  ];
  for (const [method, path] of of) {
    assert.ok(!(await same(method, path)), `${method} ${path}`);
  }
});

test("the key is looked at as the Worker proper looks at it", async () => {
  const statuses = new Map();
  const bearer = (key) => ({ authorization: `Bearer ${key}` });
  const of = [
    [{}, 401, false],
    [bearer("unknown"), 401, false],
    [{ "x-api-key": "unknown" }, 401, false],
    [{ "x-api-key": "" }, 401, false],
    [{ authorization: "Bearer" }, 401, false],
    [{ authorization: "Basic asks" }, 401, false],
    [bearer("writes"), 403, false],
    [{ ...bearer("unknown"), "x-api-key": "asks" }, 401, false],
    [{ ...bearer("writes"), "x-api-key": "asks" }, 403, false],
    [{ "x-api-key": "asks" }, 200, true],
    [{ "x-api-key": "  asks " }, 200, true],
    [bearer("asks"), 200, true],
    [{ authorization: "bearer   asks" }, 200, true],
    [{ authorization: "Basic x", "x-api-key": "asks" }, 200, true],
    [{ ...bearer("asks"), "x-api-key": "unknown" }, 200, true],
    [bearer("mayuse_demo_key"), 200, true],
  ];
  for (const [headers, status, fromMemory] of of) {
    const sent = { key: null, headers };
    assert.equal(await same("GET", CHECK, sent), fromMemory, JSON.stringify(headers));
    statuses.set(status, (await fast.send("GET", CHECK, sent)).status);
  }
  assert.ok([...statuses].every(([expected, found]) => expected === found));
});

test("the demo key opens nothing where the host is not this machine", async () => {
  const headers = { host: "mayuse.example" };
  assert.equal((await fast.send("GET", CHECK, { headers })).status, 401);
  assert.ok(isFromMemory(await fast.send("GET", CHECK, { headers, key: "asks" })));
});

/** Asks many at once; each answer is the one to its own question. */
async function manyAtOnce() {
  const asked = questions();
  const paths = Array.from({ length: N_AT_ONCE }, (_, n) => ask({ ...asked[n % asked.length], consumed: String(n) }));
  const one = async (path) => (await fast.send("GET", path)).text;
  const alone = [];
  for (const path of paths) {
    alone.push(plain(await one(path)));
  }
  assert.ok(new Set(alone).size > 20);
  const together = await Promise.all([...paths, ...paths.toReversed()].map(one));
  assert.deepEqual(together.map(plain), [...alone, ...alone.toReversed()]);
}

test("answers given at once are each their own", manyAtOnce);

/** Panics; the connection breaks or the answer says that it was the server's fault. */
async function panic(path) {
  const { status } = await fast.send("GET", path).catch(() => ({ status: 599 }));
  assert.ok(500 <= status && status <= 599, `a panic gives ${status}`);
}

test("a panic of the Worker proper leaves nothing behind", async () => {
  for (let round = 0; round < N_ROUNDS; round += 1) {
    const before = await fast.send("GET", ask({ customer: "acme", feature: "sso" }));
    await panic("/panic");
    // What was in memory is gone with it: it is loaded anew, and says the same.
    assert.equal(await same("GET", ask({ customer: "acme", feature: "sso" })), false);
    await hold(fast);
    const again = await fast.send("GET", ask({ customer: "acme", feature: "sso" }));
    assert.ok(isFromMemory(before) && isFromMemory(again));
    assert.equal(plain(again.text), plain(before.text));
  }
  await manyAtOnce();
});

test("a panic in the midst of an answer from memory is answered by the Worker proper", async () => {
  for (let round = 0; round < N_ROUNDS; round += 1) {
    assert.ok(await same("GET", CHECK));
    assert.equal(await same("GET", "/v1/check?panic"), false);
    // The replica is gone with the instance: the Worker proper answers, and loads it again.
    assert.equal(await same("GET", CHECK), false);
    await hold(fast);
  }
  assert.ok(await same("GET", CHECK));
  await manyAtOnce();
});

test("panics among many questions change no answer", async () => {
  const answers = [];
  for (let round = 0; round < N_ROUNDS; round += 1) {
    const panics = [];
    for (const [n, path] of questions().slice(0, N_AT_ONCE / 5).map(ask).entries()) {
      if (n % 8 === 3) {
        panics.push(panic("/panic"), fast.send("GET", "/v1/check?panic").catch(() => {}));
      }
      const failed = () => ({ status: 599 });
      answers.push(fast.send("GET", path).catch(failed).then(({ status, text }) => ({ path, status, text })));
    }
    await Promise.all(panics.slice(0, 1));
    await hold(fast);
  }
  // What a panic left without an answer is given up after some seconds, which are waited for once.
  const answered = (await Promise.all(answers)).filter(({ status }) => status < 500);
  assert.ok(answered.length > N_ROUNDS);
  const expected = new Map();
  for (const { path, status, text } of answered) {
    if (!expected.has(path)) {
      expected.set(path, plain((await full.send("GET", path)).text));
    }
    assert.deepEqual([status, plain(text)], [200, expected.get(path)], path);
  }
  await hold(fast);
  await manyAtOnce();
});

test("where answering from memory throws, the Worker proper answers", async () => {
  const [ours, theirs] = await Promise.all([throwing, full].map((worker) => worker.send("GET", CHECK)));
  assert.equal(isFromMemory(ours), false);
  assert.deepEqual([ours.status, plain(ours.text)], [200, plain(theirs.text)]);
});
