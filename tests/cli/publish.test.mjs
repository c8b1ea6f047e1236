// `mayuse publish` as a shell sees it, against a Worker that fails in every way there is.
import assert from "node:assert/strict";
import { createHash, createPrivateKey, createPublicKey } from "node:crypto";
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { KEY, file, folder, mayuse } from "./support.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const DEMO = join(root, "demo/catalog.json");
const SECRET = "07".repeat(32);
const KEYED = { env: { MAYUSE_SIGNING_KEY: SECRET } };
const AT = ["--at", "2026-11-20T00:00:00Z"];
const path = (name) => join(folder, name);
const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

function publicHalf(secret) {
  const der = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), Buffer.from(secret, "hex")]);
  const key = createPublicKey(createPrivateKey({ key: der, format: "der", type: "pkcs8" }));
  return key.export({ format: "der", type: "spki" }).subarray(-32).toString("hex");
}

// Enough customers for several shards.
const line = (value) => `${JSON.stringify(value)}\n`;
const many = file("many.ndjson", Array.from({ length: 20_000 }, (_, n) => line({ kind: "customer", id: `c${n}`, name: "x".repeat(30) })).join(""));

async function build(catalog, name, ...more) {
  const { status, stderr } = await mayuse(["build", catalog, "-o", path(name), ...AT, ...more], KEYED);
  assert.equal(status, 0, stderr);
  return readdirSync(path(`${name}/o`)).sort();
}

/** A Worker that keeps what it is sent; `refuse` may answer in its place. */
async function worker(t, refuse = () => undefined) {
  const [asked, objects] = [[], new Map()];
  let manifest;
  const server = createServer(async (request, response) => {
    const { method, url, headers } = request;
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    asked.push({ method, url, headers, body });
    const answer = (status, code, more = {}) =>
      response.writeHead(status, { "content-type": "application/json", ...more }).end(code && JSON.stringify({ error: { code, message: `it is ${code}` } }));
    const refused = refuse({ method, url, nth: asked.filter((each) => each.method === method && each.url === url).length });
    if (refused) return answer(...refused);
    const [, hash] = /^\/v1\/snapshot\/objects\/([0-9a-f]{64})$/.exec(url) ?? [];
    if (url === "/v1/snapshot/manifest" && method !== "PUT") return manifest ? response.writeHead(200).end(method === "GET" ? manifest : undefined) : answer(404, "NOT_FOUND");
    if (url === "/v1/snapshot/manifest") {
      manifest = body;
      return answer(200, "");
    }
    if (method === "HEAD") return response.writeHead(objects.has(hash) ? 200 : 404).end();
    assert.equal(sha256(body), hash);
    objects.set(hash, body);
    answer(201, "");
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => new Promise((resolve) => server.close(resolve).closeAllConnections()));
  return { url: `http://127.0.0.1:${server.address().port}`, asked, objects, manifest: () => manifest, count: (method) => asked.filter((each) => each.method === method).length };
}

test("a file for KV holds every object once, and the manifest last", async () => {
  const hashes = await build(many, "kv", "--version", "3");
  const { status, stdout } = await mayuse(["publish", path("kv"), "--kv", path("bulk.json")]);
  assert.equal(status, 0);
  assert.match(stdout, new RegExp(`^wrote ${hashes.length + 1} keys in one file\nPut it with:\n  wrangler kv bulk put .*bulk\\.json`));
  const entries = JSON.parse(readFileSync(path("bulk.json"), "utf8"));
  assert.equal(entries.at(-1).key, "manifest");
  assert.deepEqual(entries.slice(0, -1).map(({ key }) => key).sort(), hashes.map((hash) => `o/${hash}`));
  for (const { key, value, base64 } of entries) {
    assert.equal(base64, true);
    assert.deepEqual(Buffer.from(value, "base64"), readFileSync(path(`kv/${key}`)));
  }
});

test("objects that are there are not sent, and the manifest is sent last", async (t) => {
  const hashes = await build(many, "sent");
  assert.ok(4 <= hashes.length);
  const { url, asked, objects, manifest, count } = await worker(t);
  objects.set(hashes[1], Buffer.alloc(0));
  const { status, stdout, stderr } = await mayuse(["publish", path("sent"), "--url", `${url}/`]);
  assert.equal(status, 0, stderr);
  assert.match(stdout, new RegExp(`^published version 1: sent ${hashes.length - 1} of ${hashes.length} objects, .*B\n$`));
  assert.deepEqual([...objects.keys()].sort(), hashes);
  assert.deepEqual(manifest(), readFileSync(path("sent/manifest")));
  const { method, url: last } = asked.at(-1);
  assert.equal(`${method} ${last}`, "PUT /v1/snapshot/manifest");
  assert.deepEqual([count("HEAD"), count("PUT")], [hashes.length, hashes.length]);
  for (const { method, headers, body } of asked) {
    assert.equal(headers.authorization, `Bearer ${KEY}`);
    if (method === "PUT") assert.deepEqual([headers["content-type"], headers["content-length"]], ["application/octet-stream", String(body.length)]);
  }
  asked.length = 0;
  await mayuse(["publish", path("sent"), "--url", url]);
  assert.equal(count("PUT"), 1, "again, and only the manifest is sent");
});

test("a busy server is asked again, and a failure leaves off where the next run goes on", async (t) => {
  const hashes = await build(many, "busy");
  let isDown = true;
  const { url, objects, manifest, count } = await worker(t, ({ method, url, nth }) => {
    if (nth === 1) return [method === "HEAD" ? 503 : 429, "BUSY", { "retry-after": "0" }];
    return isDown && method === "PUT" && url.endsWith(hashes.at(-1)) ? [500, "BROKEN"] : undefined;
  });
  const failed = await mayuse(["publish", path("busy"), "--url", url]);
  assert.equal(failed.status, 1);
  assert.match(failed.stderr, /error\[BROKEN\] it is BROKEN\n[^]*\n\d+ of \d+ objects are there; nothing is published\. The same command goes on from there\.\n$/);
  assert.equal(manifest(), undefined);
  isDown = false;
  const before = objects.size;
  const n = count("PUT");
  const { status, stdout, stderr } = await mayuse(["publish", path("busy"), "--url", url]);
  assert.equal(status, 0, stderr);
  assert.match(stdout, new RegExp(`sent ${hashes.length - before} of ${hashes.length} objects`));
  assert.ok(count("PUT") - n <= 2 * (hashes.length - before) + 2);
  assert.ok(manifest());
});

const REFUSALS = [
  [401, /error\[NO\] it is NO|HTTP_401/, / answered 401 Unauthorized[^]*\nSet the environment variable MAYUSE_KEY to a key of the scope `catalog`\.\n/],
  [403, /403 Forbidden/, /Publishing takes a key of the scope `catalog`/],
  [409, /error\[NO\] it is NO/, /Its version is not older than 1: build the next one with --previous, or publish this one again with --rollback/],
  [400, /error\[NO\] it is NO/, /Is the public half of the key that signed it \([0-9a-f]{16} in the folder\) among the Worker's SNAPSHOT_KEYS\?/],
];
for (const [refusal, what, hint] of REFUSALS) {
  test(`${refusal} says what to do`, async (t) => {
    await build(DEMO, "refused");
    const { url, count } = await worker(t, ({ url }) => ([401, 403].includes(refusal) || url.endsWith("manifest") ? [refusal, "NO"] : undefined));
    const { status, stderr } = await mayuse(["publish", path("refused"), "--url", url]);
    assert.equal(status, 1);
    assert.match(stderr, what);
    assert.match(stderr, hint);
    if ([401, 403].includes(refusal)) assert.equal(count("PUT"), 0);
  });
}

test("a server that is not there, and what is no snapshot", async () => {
  await build(DEMO, "local");
  const { status, stderr } = await mayuse(["publish", path("local"), "--url", "http://127.0.0.1:1"]);
  assert.equal(status, 1);
  assert.match(stderr, /error\[UNREACHABLE\] http:\/\/127\.0\.0\.1:1: .*\n0 of \d+ objects are there/);
  const refused = async (args, pattern, options) => {
    const answer = await mayuse(["publish", ...args], options);
    assert.equal(answer.status, 2, answer.stdout);
    assert.match(answer.stderr, pattern);
  };
  await refused([DEMO, "--kv", path("x.json")], /expected the folder of a snapshot, as `mayuse build` makes it/);
  await refused([path("local")], /<--url <WORKER>\|--kv <OUT>>/);
  await refused([path("local"), "--url", "http://127.0.0.1:1", "--kv", path("x.json")], /cannot be used with/);
  await refused([path("local"), "--kv", "-"], /error\[USAGE\] --kv -: expected the name of a file/);
  await refused([path("local"), "--url", "http://127.0.0.1:1"], /no key of the Worker: set the environment variable MAYUSE_KEY/, { key: "" });
  await refused([path("local"), "--kv", path("x.json")], /not known here/, { env: { MAYUSE_SNAPSHOT_KEYS: "ab".repeat(32) } });
  const [object] = readdirSync(path("local/o"));
  writeFileSync(path(`local/o/${object}`), "");
  await refused([path("local"), "--kv", path("x.json")], new RegExp(`object ${object}: it is damaged`));
  assert.ok(!existsSync(path("x.json")), "half a file is none");
});

test("the table of a stranger is not signed again", async (t) => {
  const { url, asked } = await worker(t);
  const stranger = { env: { MAYUSE_SIGNING_KEY: "09".repeat(32) } };
  assert.equal((await mayuse(["build", DEMO, "-o", path("stranger"), ...AT, "--version", "5"], stranger)).status, 0);
  const { key_id: theirs } = JSON.parse((await mayuse(["inspect", path("stranger"), "--json"])).stdout);
  const again = (more = [], options = KEYED) => mayuse(["publish", path("stranger"), "--rollback", ...more], options);
  for (const to of [["--url", url], ["--kv", path("stranger.json"), "--version", "6"]]) {
    const { status, stderr } = await again(to);
    assert.equal(status, 2);
    assert.match(stderr, new RegExp(`error\\[USAGE\\] .*stranger: the manifest is signed with key ${theirs}, which is not known here\\. To roll back is to sign its table again.*--public-key\n$`));
  }
  assert.equal(asked.length, 0, "nothing is asked or sent");
  assert.ok(!existsSync(path("stranger.json")));
  // One whose signature is another's, too.
  const forged = readFileSync(path("stranger/manifest"));
  forged.set(Buffer.from("0".repeat(128)), forged.length - 128);
  writeFileSync(path("stranger/manifest"), forged);
  assert.match((await again(["--url", url], stranger)).stderr, /the manifest is not signed by key/);
  assert.equal((await mayuse(["build", DEMO, "-o", path("stranger"), ...AT, "--version", "5"], stranger)).status, 0);
  // Who trusts that key says so.
  const wrong = await again(["--url", url, "--public-key", "ab".repeat(32)]);
  assert.match(wrong.stderr, /which is not known here/);
  const { status, stdout, stderr } = await again(["--url", url, "--public-key", publicHalf("09".repeat(32))]);
  assert.equal(status, 0, stderr);
  assert.match(stdout, /^published version 6: /);
});

test("versions end where numbers of JavaScript are exact", async (t) => {
  const last = "9007199254740991";
  for (const version of ["9007199254740992", "9007199254740993", "18446744073709551615", "0"]) {
    const { status, stderr } = await mayuse(["build", DEMO, "-o", path("beyond"), ...AT, "--version", version], KEYED);
    assert.equal(status, 2);
    assert.match(stderr, new RegExp(`${version} is not in 1\\.\\.=${last}`));
    const again = await mayuse(["publish", path("beyond"), "--kv", path("x.json"), "--rollback", "--version", version], KEYED);
    assert.match(again.stderr, new RegExp(`${version} is not in 1\\.\\.=${last}`));
  }
  assert.ok(!existsSync(path("beyond")));
  await build(DEMO, "last", "--version", last);
  assert.equal(JSON.parse((await mayuse(["inspect", path("last"), "--json"])).stdout).version, Number(last));
  const next = await mayuse(["build", DEMO, "-o", path("next"), ...AT, "--previous", path("last")], KEYED);
  assert.equal(next.status, 2);
  assert.match(next.stderr, new RegExp(`version ${last} is the last one there can be`));
  const { url } = await worker(t);
  assert.equal((await mayuse(["publish", path("last"), "--url", url])).status, 0);
  const again = await mayuse(["publish", path("last"), "--url", url, "--rollback"], KEYED);
  assert.equal(again.status, 2);
  assert.match(again.stderr, new RegExp(`version ${last} is the last one there can be`));
});

test("a rollback is an old table under a new version", async (t) => {
  await build(DEMO, "old", "--version", "7");
  await build(many, "new", "--version", "12");
  const { url, manifest } = await worker(t);
  const publish = (...args) => mayuse(["publish", ...args], KEYED);
  assert.equal((await publish(path("new"), "--url", url)).status, 0);
  const before = manifest();
  const { status, stdout, stderr } = await publish(path("old"), "--url", url, "--rollback", "--key", file("sign.key", SECRET));
  assert.equal(status, 0, stderr);
  assert.match(stdout, /^published version 13: /);
  assert.equal(JSON.parse((await mayuse(["inspect", path("old"), "--json"])).stdout).version, 7, "the folder stays as it is");

  const shown = async (bytes, name) => {
    writeFileSync(path("old/again"), bytes);
    const { stdout } = await mayuse(["inspect", path("old/again"), "--json"]);
    const { version, previous, catalog, problems } = JSON.parse(stdout);
    return { version, previous, catalog: catalog.object, problems, name };
  };
  const old = await shown(readFileSync(path("old/manifest")));
  assert.deepEqual(await shown(manifest()), { ...old, version: 13, previous: sha256(before) });

  const low = await publish(path("old"), "--url", url, "--rollback", "--version", "13");
  assert.equal(low.status, 2);
  assert.match(low.stderr, /--version 13: it must be greater than 13, or readers refuse it/);
  const unknown = await publish(path("old"), "--kv", path("roll.json"), "--rollback");
  assert.match(unknown.stderr, /--rollback with --kv needs --version N/);
  assert.equal((await publish(path("old"), "--kv", path("roll.json"), "--rollback", "--version", "20")).status, 0);
  const entries = JSON.parse(readFileSync(path("roll.json"), "utf8"));
  assert.equal((await shown(Buffer.from(entries.at(-1).value, "base64"))).version, 20);
});
