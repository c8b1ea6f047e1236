// Snapshots over HTTP: how others read what a Worker publishes, how it publishes what others built, and which of its
// answers come from where.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, test } from "node:test";
import { AT, demo, JSON_TYPE, published, start, timeless, validate } from "./support.mjs";

const MANIFEST = "/v1/snapshot/manifest";
const STATUS = "/v1/snapshot/status";
const object = (hash) => `/v1/snapshot/objects/${hash}`;
const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");
const NONE = sha256("of nothing that is there");
const QUESTION = { customer: "acme", feature: "sso", at: AT };
const CHECK = `/v1/check?${new URLSearchParams(QUESTION)}`;
const SCOPES = ["check", "usage", "snapshot", "catalog"];
const API_KEYS = JSON.stringify(SCOPES.map((name) => ({ name, sha256: sha256(name), scopes: [name] })));
/** The secret half of a key that only the Worker with it believes. */
const OTHER_KEY = "0123456789abcdef".repeat(4);
/** The public half of the key of the local run. */
const LOCAL_PUBLIC_KEY = "f31c3c43989e068f86be2bdba834023e0c657fa3224386ea873215fa9d626a64";
/** No isolate looks for a newer manifest while this lasts, or with each request. */
const [NEVER, ALWAYS] = ["3600000", "0"];
const MiB = 1024 * 1024;

let started;
/** One that publishes the demo; one whose catalog was never written; one that signs with a key of its own. */
let source;
let target;
let stranger;
/** One that has no store, and one whose catalog cannot be reached. */
let alone;
let cut;
/** One in the local run that signs with a key of its own and names no other. */
let ownKey;
/** Of the demo: its first manifest and the objects this names, by their hashes. */
let first;
let objects;

before(async () => {
  started = await start(
    // Its manifest changes only with its catalog.
    { snapshots: "source", bindings: { API_KEYS, REFRESH_MS: NEVER, HEARTBEAT_S: "3600" } },
    { snapshots: "target", bindings: { API_KEYS, REFRESH_MS: ALWAYS }, catalog: null },
    { snapshots: "stranger", bindings: { SNAPSHOT_SIGNING_KEY: OTHER_KEY, SNAPSHOT_KEYS: LOCAL_PUBLIC_KEY } },
    { bindings: { API_KEYS } },
    // What is bound in its place is no object.
    { snapshots: "cut", catalog: null, limits: { CATALOG: { simple: { limit: 1_000, period: 10 } } } },
    { snapshots: "own key", bindings: { SNAPSHOT_SIGNING_KEY: OTHER_KEY } },
  );
  [source, target, stranger, alone, cut, ownKey] = started.workers;
  await Promise.all([source, stranger, ownKey].map((worker) => published(worker, 1)));
  first = (await read(source, MANIFEST)).bytes;
  objects = new Map();
  for (const hash of objectsOf(first)) {
    objects.set(hash, (await read(source, object(hash))).bytes);
  }
});
after(() => started.stop());

/** The hashes of the objects that a manifest names: the definitions, then the shards of customers. */
function objectsOf(manifest) {
  let at = "mym".length;
  const take = (n) => manifest.toString("latin1", at, (at += n));
  /** A number has six bits in each byte, the lowest first; the seventh bit says that more follow. */
  function number() {
    let [bits, value] = [0n, 0n];
    for (let more = true; more; bits += 6n) {
      more = (manifest[at] & 0x40) !== 0;
      value |= BigInt(manifest[at] & 0x3f) << bits;
      at += 1;
    }
    return Number(value);
  }
  function part() {
    const hash = take(64);
    assert.match(hash, /^[0-9a-f]{64}$/);
    number(); // its size
    number(); // how many customers
    return hash;
  }
  assert.equal(number(), 2, "the format");
  take(number()); // the audience
  number(); // the version
  number(); // when it was the newest
  number(); // the policy for indeterminate answers
  number(); // stale after
  number(); // unusable after
  take(number()); // the manifest before
  number(); // the seed, of any digits
  const definitions = part();
  const shards = Array.from({ length: 2 ** number() }, part);
  return [definitions, ...shards];
}

/** Reads what is there, or learns that it is as before. */
async function read(worker, path, { method = "GET", ...sent } = {}) {
  const answer = await worker.send(method, path, sent);
  const { status, headers, bytes } = answer;
  const where = `${method} ${path}: ${status} ${answer.text.slice(0, 200)}`;
  assert.ok([200, 304].includes(status), where);
  validate(path, "GET", status, undefined);
  assert.match(headers["x-request-id"] ?? "", /^\S+$/, where);
  assert.equal(headers["content-type"], "application/octet-stream", where);
  const isManifest = path === MANIFEST;
  assert.equal(headers["cache-control"], isManifest ? "no-cache" : "private, max-age=31536000, immutable", where);
  assert.equal(headers["x-snapshot-version"] !== undefined, isManifest, where);
  if (method === "GET" && status === 200) {
    assert.equal(headers.etag, `"${sha256(bytes)}"`, where);
  } else {
    assert.equal(bytes.length, 0, where);
  }
  return answer;
}

async function refused(worker, method, path, sent, status, code) {
  const answer = await worker.ask(method, path, sent);
  const where = `${method} ${path}: ${JSON.stringify(answer.body)}`;
  assert.equal(answer.status, status, where);
  if (method !== "HEAD") {
    assert.equal(answer.body.error.code, code, where);
  }
  return answer;
}

const put = (worker, path, body, key) => worker.ask("PUT", path, key ? { body, key } : { body });
const check = async (worker, more) => (await worker.check({ ...QUESTION, ...more })).body;
const source_of = ({ freshness }) => [freshness.source, freshness.snapshot_version];

test("a manifest and its objects are read with the scope `snapshot` or `catalog`", async () => {
  const [hash] = objects.keys();
  for (const path of [MANIFEST, object(hash), STATUS]) {
    for (const method of ["GET", "HEAD"]) {
      for (const key of ["check", "usage"]) {
        await refused(source, method, path, { key }, 403, "FORBIDDEN");
      }
      for (const key of [null, "unknown"]) {
        await refused(source, method, path, { key }, 401, "UNAUTHORIZED");
      }
    }
  }
  for (const key of ["snapshot", "catalog"]) {
    const { headers } = await read(source, MANIFEST, { key });
    assert.equal(headers["x-snapshot-version"], "1");
    await read(source, object(hash), { key });
    assert.equal((await source.ask("GET", STATUS, { key })).status, 200);
  }
});

test("the scope `snapshot` opens nothing else", async () => {
  const [[hash, body]] = objects;
  const question = JSON.stringify(QUESTION);
  const entity = JSON.stringify({ name: "Mallory" });
  for (const [method, path, sent] of [
    ["GET", CHECK],
    ["POST", "/v1/check", question],
    ["POST", "/v1/check/batch", `{"questions":[${question}]}`],
    ["GET", "/v1/customers/acme/entitlements"],
    ["GET", "/v1/catalog"],
    ["PUT", "/v1/catalog/customers/mallory", entity],
    ["PUT", MANIFEST, first],
    ["PUT", object(hash), body],
    ["DELETE", MANIFEST],
  ]) {
    await refused(source, method, path, { body: sent, headers: JSON_TYPE, key: "snapshot" }, 403, "FORBIDDEN");
  }
});

test("who has it already is told so", async () => {
  const [hash] = objects.keys();
  for (const path of [MANIFEST, object(hash)]) {
    const { headers } = await read(source, path);
    const { etag } = headers;
    for (const seen of [etag, `W/${etag}`, `"${NONE}", ${etag}`, "*"]) {
      for (const method of ["GET", "HEAD"]) {
        const answer = await read(source, path, { method, headers: { "if-none-match": seen } });
        assert.deepEqual([answer.status, answer.headers.etag], [304, etag], seen);
      }
    }
    for (const seen of [`"${NONE}"`, etag.slice(1, -1), ""]) {
      const answer = await read(source, path, { headers: { "if-none-match": seen } });
      assert.equal(answer.status, 200, seen);
    }
    const head = await read(source, path, { method: "HEAD" });
    assert.deepEqual([head.status, head.headers.etag], [200, etag]);
  }
});

test("objects there are not, and what is the name of none", async () => {
  await refused(source, "GET", object(NONE), {}, 404, "NOT_FOUND");
  await refused(source, "HEAD", object(NONE), {}, 404);
  for (const name of ["x", NONE.slice(1), `${NONE}0`, NONE.toUpperCase(), `g${NONE.slice(1)}`, "manifest", "%20"]) {
    await refused(source, "GET", object(name), {}, 404, "NOT_FOUND");
    await refused(source, "PUT", object(name), { body: "" }, 404, "NOT_FOUND");
  }
  await refused(source, "GET", object("%ff"), {}, 400, "INVALID");
  await refused(source, "GET", "/v1/snapshot", {}, 404, "NOT_FOUND");
  await refused(source, "GET", "/v1/snapshot/objects", {}, 404, "NOT_FOUND");
});

test("methods that none of them takes", async () => {
  for (const [path, allow] of [[MANIFEST, "GET, HEAD, PUT"], [object(NONE), "GET, HEAD, PUT"], [STATUS, "GET, HEAD"]]) {
    for (const method of ["POST", "DELETE", "PATCH", "OPTIONS", ...(path === STATUS ? ["PUT"] : [])]) {
      const { headers } = await refused(source, method, path, {}, 405, "METHOD_NOT_ALLOWED");
      assert.equal(headers.allow, allow);
    }
  }
});

test("an object is put under its own name", async () => {
  const body = "mayuse, in the packed form";
  const path = object(sha256(body));
  for (const key of ["check", "usage"]) {
    await refused(target, "PUT", path, { body, key }, 403, "FORBIDDEN");
  }
  await refused(target, "GET", path, {}, 404, "NOT_FOUND");
  await refused(target, "PUT", path, { body: `${body}.` }, 400, "INVALID");
  await refused(target, "PUT", path, {}, 400, "INVALID");
  const bytes = Buffer.from([0xff, 0xfe]);
  await refused(target, "PUT", object(sha256(bytes)), { body: bytes }, 400, "INVALID");
  await refused(target, "GET", path, {}, 404, "NOT_FOUND");
  for (let n = 0; n < 2; n += 1) {
    assert.equal((await put(target, path, body, "catalog")).status, 204);
  }
  assert.equal((await read(target, path, { key: "snapshot" })).text, body);
});

test("what is too large is refused before its end", async () => {
  for (const [path, limit] of [[object(NONE), 24 * MiB], [MANIFEST, 16 * MiB]]) {
    const sent = { headers: { "content-length": limit + 1 }, body: "x", unfinished: true };
    await refused(target, "PUT", path, sent, 413, "PAYLOAD_TOO_LARGE");
  }
});

test("a replica tells how it is", async () => {
  const { body: before } = await source.get(STATUS);
  await check(source);
  const { body } = await source.get(STATUS);
  assert.deepEqual([body.snapshot_version, body.shards, body.shards_held], [1, 1, 1]);
  assert.ok(body.bytes_held > 0 && body.reads > 0 && before.reads <= body.reads);
  assert.deepEqual([body.manifests_refused, body.failures, body.last_failure], [0, 0, ""]);
});

test("a Worker that has nothing yet", async () => {
  await refused(target, "GET", MANIFEST, {}, 404, "NOT_FOUND");
  const { body } = await target.get(STATUS);
  assert.deepEqual([body.snapshot_version, body.generated_at, body.age_ms, body.shards], [null, null, null, 0]);
  const { decision, reason, freshness } = await check(target);
  assert.deepEqual([decision, reason, freshness.snapshot_version], ["INDETERMINATE", "SNAPSHOT_MISSING", null]);
});

test("a manifest that nobody signed who may is not published", async () => {
  const text = first.toString();
  const other = (await read(stranger, MANIFEST)).bytes;
  const changed = (at) => `${text.slice(0, at)}${text[at] === "0" ? "1" : "0"}${text.slice(at + 1)}`;
  for (const [body, why] of [
    ["", /not a manifest/],
    ["{}", /not a manifest/],
    [Buffer.from([0xff]), /not a manifest/],
    [text.slice(0, -1), /./],
    [`${text}0`, /./],
    [text.slice(0, -128), /./],
    [text.slice(0, -128) + "0".repeat(128), /not signed by key/],
    [changed(text.length - 1), /not signed by key/],
    // In the hash of an object.
    [changed(text.indexOf([...objects.keys()][0]) + 7), /not signed by key/],
    [other, /is not among SNAPSHOT_KEYS/],
  ]) {
    const answer = await refused(target, "PUT", MANIFEST, { body }, 400, "INVALID");
    assert.match(answer.body.error.message, why);
  }
  for (const key of ["check", "usage", "snapshot"]) {
    await refused(target, "PUT", MANIFEST, { body: first, key }, 403, "FORBIDDEN");
  }
  await refused(target, "GET", MANIFEST, {}, 404, "NOT_FOUND");
});

test("who has a catalog publishes that and no other", async () => {
  const answer = await refused(source, "PUT", MANIFEST, { body: first }, 409, "CONFLICT");
  assert.match(answer.body.error.message, /its own/);
  await refused(stranger, "PUT", MANIFEST, { body: first }, 409, "CONFLICT");
});

test("a Worker does not decide from what is signed with a key it does not know", async () => {
  // It signs with one key, and believes another.
  const body = await check(stranger);
  assert.deepEqual(source_of(body).slice(0, 1), ["ORIGIN"]);
  const { body: status } = await stranger.get(STATUS);
  assert.equal(status.snapshot_version, null);
  assert.ok(status.manifests_refused > 0 && status.failures > 0);
  assert.match(status.last_failure, /is not known here/);
});

test("a local run that signs with a key of its own decides from its own manifests", async () => {
  assert.deepEqual(source_of(await check(ownKey)), ["SNAPSHOT", 1]);
  const { body: status } = await ownKey.get(STATUS);
  assert.deepEqual([status.manifests_refused, status.failures, status.last_failure], [0, 0, ""]);
});

test("a check that wants a newer version than the replica has is answered by the catalog", async () => {
  assert.deepEqual(source_of(await check(source)), ["SNAPSHOT", 1]);
  const path = "/v1/catalog/customers/cus_later";
  assert.equal((await source.put(path, { name: "Later" })).status, 201);
  assert.deepEqual(source_of(await check(source)), ["SNAPSHOT", 1]);
  assert.deepEqual(source_of(await check(source, { min_version: 1 })), ["SNAPSHOT", 1]);
  const { body } = await source.get(`${CHECK}&min_version=2`);
  assert.equal(body.freshness.source, "ORIGIN");
  assert.equal((await check(source, { min_version: 2 })).reason, "ENABLED");
  assert.deepEqual(source_of(await check(source, { min_version: 99 })), ["ORIGIN", 2]);
  assert.deepEqual(source_of((await source.get(CHECK)).body), ["SNAPSHOT", 1]);
});

test("from memory, checks have no id, and are what they are otherwise", async () => {
  const now = await source.get(CHECK);
  assert.equal(now.headers["x-request-id"], undefined);
  const posted = await source.check(QUESTION);
  assert.ok(posted.headers["x-request-id"]);
  const plain = (body) => ({ ...timeless(body), freshness: null });
  assert.deepEqual(plain(now.body), plain(posted.body));
  assert.deepEqual(plain(now.body), plain(await check(alone)));
});

test("a catalog that was built elsewhere is published, and decided from", async () => {
  await published(source, 2);
  const second = (await read(source, MANIFEST)).bytes;
  for (const hash of objectsOf(second)) {
    objects.set(hash, (await read(source, object(hash))).bytes);
  }
  assert.equal(objects.size, 3, "the definitions are the same, and the customers not");
  for (const [hash, body] of objects) {
    assert.equal((await put(target, object(hash), body)).status, 204);
  }
  const { status, headers, body } = await put(target, MANIFEST, second, "catalog");
  assert.deepEqual([status, headers["x-snapshot-version"]], [200, "2"]);
  assert.deepEqual(body, { snapshot_version: 2, objects: 2 });
  assert.deepEqual((await read(target, MANIFEST)).bytes, second);
  const ready = (await target.get("/readyz")).body;
  assert.deepEqual([ready.status, ready.snapshot_version, ready.published_version], ["ok", 0, 2]);
  const decision = await check(target);
  assert.deepEqual([decision.reason, ...source_of(decision)], ["ENABLED", "SNAPSHOT", 2]);

  for (const again of [first, second]) {
    const answer = await refused(target, "PUT", MANIFEST, { body: again }, 409, "CONFLICT");
    assert.match(answer.body.error.message, /is not above 2/);
  }
});

test("a catalog of its own takes its place, in a later version", async () => {
  const { status, body } = await target.put("/v1/catalog", demo());
  assert.deepEqual([status, body.snapshot_version], [200, 3]);
  await published(target, 3);
  await check(target);
  const decision = await check(target);
  assert.deepEqual([decision.reason, ...source_of(decision)], ["ENABLED", "SNAPSHOT", 3]);
  await refused(target, "PUT", MANIFEST, { body: first }, 409, "CONFLICT");
});

test("without a store there are no snapshots, and the catalog is asked", async () => {
  const [[hash, body]] = objects;
  for (const method of ["GET", "HEAD"]) {
    for (const path of [MANIFEST, object(hash), STATUS]) {
      await refused(alone, method, path, {}, 404, "NOT_FOUND");
    }
  }
  await refused(alone, "PUT", MANIFEST, { body: first }, 404, "NOT_FOUND");
  await refused(alone, "PUT", object(hash), { body }, 404, "NOT_FOUND");
  const { body: decision } = await alone.get(CHECK);
  assert.deepEqual([decision.reason, decision.freshness.source], ["ENABLED", "ORIGIN"]);
});

test("where there is a store and nobody can be asked, it cannot be said", async () => {
  for (const [on_indeterminate, allowed] of [["DENY", false], ["ALLOW", true]]) {
    const { status, body } = await cut.check({ ...QUESTION, on_indeterminate });
    const { decision, reason, retryable } = body;
    assert.deepEqual([status, decision, reason], [200, "INDETERMINATE", "SNAPSHOT_MISSING"]);
    assert.deepEqual([body.allowed, retryable], [allowed, true]);
  }
  const { body } = await cut.post("/v1/check/batch", { questions: [QUESTION, {}] });
  assert.deepEqual(body.results.map(({ reason, error }) => reason ?? error.code), ["SNAPSHOT_MISSING", "MISSING"]);
  assert.deepEqual((await cut.get("/v1/customers/acme/entitlements")).body, { data: [] });
  for (const [method, path] of [["GET", "/readyz"], ["GET", "/v1/catalog"], ["PUT", MANIFEST]]) {
    await refused(cut, method, path, {}, 503, "UNAVAILABLE");
  }
});
