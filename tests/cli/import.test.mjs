// `mayuse import`, `mayuse export` and `mayuse key` as a shell sees them, against servers that fail in every way there is.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, readdirSync, truncateSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { KEY, file, folder, line, lines, mayuse } from "./support.mjs";

const SMALL = file("small.ndjson", lines(3));
const LARGE = file("large.ndjson", lines(100_000));
const DOCUMENT = file("document.json", '{"format": 1,\n"customers": []}\n');

/** A server on a free port for one test; every request it had is noted. */
async function serve(t, answer, tls) {
  const asked = [];
  const create = tls ? (handle) => createSecureServer(tls, handle) : createServer;
  const server = create((request, response) => {
    const { method, url, headers } = request;
    asked.push({ method, url, headers });
    request.on("error", () => {});
    answer({ request, response, method, url, headers, nth: asked.length });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => new Promise((resolve) => server.close(resolve).closeAllConnections()));
  const { port } = server.address();
  return { url: tls ? `https://localhost:${port}` : `http://127.0.0.1:${port}`, asked };
}

const json = (response, status, body, headers = {}) =>
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));

async function read(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const done = { lines: 3, batches: 1, entities: { customers: 3 }, snapshot_version: 7, resume_token: "t", done: true };
const takesAll = async ({ request, response }) => {
  const text = (await read(request)).toString();
  json(response, 200, { ...done, lines: text.split("\n").length - 1 });
};

test("a file of lines is sent as it is", async (t) => {
  const { url, asked } = await serve(t, async ({ request, response }) => {
    assert.equal((await read(request)).toString(), readFileSync(SMALL, "utf8"));
    json(response, 200, done);
  });
  const { status, stdout, stderr } = await mayuse(["import", SMALL, "--url", `${url}/prefix/`]);
  assert.equal(status, 0, stderr);
  assert.equal(stdout, "KIND       WRITTEN\ncustomers  3\nimported 3 lines; snapshot version 7\n");
  assert.equal(stderr, "");
  const [{ method, url: path, headers }] = asked;
  assert.equal(`${method} ${path}`, "POST /prefix/v1/catalog/import");
  assert.equal(headers.authorization, `Bearer ${KEY}`);
  assert.equal(headers["content-type"], "application/x-ndjson");
  assert.equal(headers["content-length"], String(readFileSync(SMALL).length));
  assert.match(headers["idempotency-key"], /^imp_[0-9a-f]{32}$/);
});

test("each run has a token of its own, but for one that is given", async (t) => {
  const { url, asked } = await serve(t, takesAll);
  await mayuse(["import", SMALL, "--url", url]);
  await mayuse(["import", SMALL, "--url", url]);
  await mayuse(["import", SMALL, "--url", url, "--resume", "nightly-42"]);
  const tokens = asked.map(({ headers }) => headers["idempotency-key"]);
  assert.equal(new Set(tokens).size, 3);
  assert.equal(tokens[2], "nightly-42");
});

test("standard input has no length", async (t) => {
  const { url, asked } = await serve(t, takesAll);
  const { status, stdout } = await mayuse(["import", "-", "--url", url, "--json"], { input: lines(50_000) });
  assert.equal(status, 0);
  assert.deepEqual(JSON.parse(stdout), { ...done, lines: 50_000 });
  assert.equal(asked[0].headers["content-length"], undefined);
  assert.equal(asked[0].headers["transfer-encoding"], "chunked");
});

test("an empty file is an import of nothing", async (t) => {
  const { url } = await serve(t, ({ response }) => json(response, 200, { ...done, lines: 0, entities: {} }));
  const { status, stdout } = await mayuse(["import", file("empty.ndjson", ""), "--url", url]);
  assert.deepEqual({ status, stdout }, { status: 0, stdout: "imported 0 lines; snapshot version 7\n" });
});

test("the key is that of the option, else of the environment", async (t) => {
  const { url, asked } = await serve(t, takesAll);
  await mayuse(["import", SMALL, "--url", url, "--key", "mine"], { key: "theirs" });
  await mayuse(["import", SMALL, "--url", url], { key: "theirs" });
  assert.deepEqual(asked.map(({ headers }) => headers.authorization), ["Bearer mine", "Bearer theirs"]);
  for (const command of [["import", SMALL], ["export"]]) {
    const { status, stderr } = await mayuse([...command, "--url", url], { key: "" });
    assert.equal(status, 2);
    assert.match(stderr, /error\[USAGE\] no key: pass --key KEY, or set the environment variable MAYUSE_KEY/);
  }
  assert.equal(asked.length, 2);
});

test("a large file is never held whole", { skip: process.platform !== "linux" }, async (t) => {
  const { url } = await serve(t, ({ request, response }) => {
    request.on("end", () => json(response, 200, done)).resume();
  });
  const path = file("sparse.ndjson", line(1));
  truncateSync(path, 400_000_000);
  const { status, stderr } = await mayuse(["import", path, "--url", url], { shell: "ulimit -v 200000" });
  assert.equal(status, 0, stderr);
});

test("a slow server is waited for", async (t) => {
  const { url } = await serve(t, async ({ request, response }) => {
    let n = 0;
    for await (const chunk of request) {
      n += chunk.length;
      if (n < 2_000_000) await sleep(20);
    }
    await sleep(500);
    json(response, 200, done);
  });
  assert.equal((await mayuse(["import", LARGE, "--url", url])).status, 0);
});

/** Reads about a megabyte of the body and then does something else. */
function afterSome(request, then) {
  let n = 0;
  request.on("data", (chunk) => {
    n += chunk.length;
    if (1_000_000 < n && n - chunk.length <= 1_000_000) then();
  });
}

test("a connection that breaks half-way: how far it is, and how to go on", async (t) => {
  const { url, asked } = await serve(t, (exchange) => {
    const { request, response, method, nth } = exchange;
    if (method === "GET") return json(response, 200, { lines: 500, done: false, snapshot_version: 3 });
    if (nth === 1) return afterSome(request, () => request.socket.destroy());
    return takesAll(exchange);
  });
  const spaced = file("it's large.ndjson", readFileSync(LARGE));
  const { status, stdout, stderr } = await mayuse(["import", spaced, "--url", url]);
  assert.equal(status, 1);
  assert.equal(stdout, "");
  assert.match(stderr, /error\[CONNECTION_LOST\] POST .*\/v1\/catalog\/import: the connection broke after [\d.]+ MB, line \d+: /);
  assert.match(stderr, /The first 500 lines are written; the snapshot version is 3\.\nTo go on:\n  mayuse import /);
  const token = asked[0].headers["idempotency-key"];
  assert.equal(asked[1].url, `/v1/catalog/import/${token.replace("_", "%5F")}`);
  const command = stderr.trim().split("\n").at(-1).trim();
  assert.ok(command.endsWith(`--url ${url} --resume ${token}`), command);
  // The command can be pasted as it is.
  const again = await mayuse([], { shell: `mayuse() { "$0" "$@"; }; ${command}; exit` });
  assert.deepEqual([again.status, again.stderr], [0, ""]);
  assert.equal(asked[2].headers["idempotency-key"], token);
});

test("the same as JSON", async (t) => {
  const { url } = await serve(t, ({ request, response, method }) => {
    if (method === "GET") return json(response, 404, { error: { code: "NOT_FOUND", message: "there is no import" } });
    afterSome(request, () => request.socket.destroy());
  });
  const { status, stdout, stderr } = await mayuse(["import", LARGE, "--url", url, "--resume", "t-1", "--json", "--key", KEY]);
  assert.equal(status, 1);
  const { error, ...rest } = JSON.parse(stdout);
  assert.equal(error.code, "CONNECTION_LOST");
  assert.deepEqual(rest, { resume_token: "t-1", done: false });
  assert.match(stderr, /Nothing of it is written\.\nTo go on, with the key as before:\n  mayuse import .* --resume t-1 --json\n$/);
  assert.ok(!stderr.includes(KEY), "the key is not printed");
});

const problems = [
  { code: "INVALID", path: "line 501: id", message: "expected an id" },
  { code: "OUT_OF_RANGE", path: "line 507: quantity", message: "too \u001b[2Jlarge" },
];
const refusal = { error: { ...problems[0], problems }, lines: 500, batches: 1, entities: {}, snapshot_version: 4, resume_token: "t", done: false };
for (const hangUp of [true, false]) {
  test(`a refusal half-way is heard, ${hangUp ? "and the server hangs up" : "and the rest is taken"}`, async (t) => {
    const { url } = await serve(t, ({ request, response, method }) => {
      assert.equal(method, "POST", "what was answered need not be asked for");
      afterSome(request, () => {
        json(response, 400, refusal);
        if (hangUp) response.on("finish", () => request.socket.destroy());
      });
    });
    const { status, stderr } = await mayuse(["import", LARGE, "--url", url]);
    assert.equal(status, 1);
    assert.match(stderr, /^error\[INVALID\] line 501: id: expected an id\nerror\[OUT_OF_RANGE\] line 507: quantity: too \\u\{1b\}\[2Jlarge\n/);
    assert.match(stderr, /import answered 400 Bad Request\.\nThe first 500 lines are written.*\nTo go on once that is put right:\n  mayuse import .* --resume imp_/);
  });
}

/** A certificate for this machine and the one that vouches for it; nothing where there is no openssl to make them. */
function certificates() {
  const path = (name) => join(folder, name);
  const openssl = (...args) => execFileSync("openssl", args, { stdio: "ignore" });
  const request = (name) => ["req", "-newkey", "rsa:2048", "-nodes", "-keyout", path(`${name}.key`)];
  try {
    openssl(...request("ca"), "-x509", "-out", path("ca.pem"), "-days", "2", "-subj", "/CN=mayuse test", "-addext", "basicConstraints=critical,CA:TRUE");
    openssl(...request("own"), "-out", path("own.csr"), "-subj", "/CN=localhost");
    const names = file("names", "subjectAltName=DNS:localhost\n");
    openssl("x509", "-req", "-in", path("own.csr"), "-CA", path("ca.pem"), "-CAkey", path("ca.key"), "-set_serial", "1", "-days", "2", "-extfile", names, "-out", path("own.pem"));
  } catch {
    return undefined;
  }
  return { ca: path("ca.pem"), tls: { key: readFileSync(path("own.key")), cert: readFileSync(path("own.pem")) } };
}
const trusted = certificates();

test("a refusal half-way is heard over TLS", { skip: !trusted }, async (t) => {
  const refuse = ({ request, response }) =>
    afterSome(request, () => json(response, 400, refusal).on("finish", () => request.socket.destroy()));
  const { url } = await serve(t, refuse, trusted.tls);
  const { status, stderr } = await mayuse(["import", LARGE, "--url", url], { env: { SSL_CERT_FILE: trusted.ca } });
  assert.equal(status, 1);
  assert.match(stderr, /^error\[INVALID\] line 501: id: expected an id\n/);
});

test("a certificate that nobody vouches for", { skip: !trusted }, async (t) => {
  const { url, asked } = await serve(t, takesAll, trusted.tls);
  const unknown = await mayuse(["import", SMALL, "--url", url], { env: { SSL_CERT_FILE: "" } });
  assert.equal(unknown.status, 1);
  assert.match(unknown.stderr, /error\[UNREACHABLE\] https:.*UnknownIssuer\n.*SSL_CERT_FILE/);
  assert.equal(asked.length, 0);
  for (const [name, said] of [["nowhere.pem", /error\[IO\] SSL_CERT_FILE .*nowhere\.pem/], [SMALL, /no certificate in it/]]) {
    const { status, stderr } = await mayuse(["import", SMALL, "--url", url], { env: { SSL_CERT_FILE: name } });
    assert.equal(status, 2);
    assert.match(stderr, said);
  }
  assert.equal((await mayuse(["import", SMALL, "--url", url], { env: { SSL_CERT_FILE: trusted.ca } })).status, 0);
});

/** What is said when a server answers so; whether the command that goes on is among it. */
const ANSWERS = [
  ["401", 401, '{"error": {"code": "UNAUTHORIZED", "message": "the key is not known"}}', {}, /UNAUTHORIZED\] the key is not known\n.*401 Unauthorized\.\nPass the key with --key/, false],
  ["a page", 500, "<html><head><title>Worker threw\n an exception</title></head><body>x</body></html>", {}, /HTTP_500\] POST .* answered 500 Internal Server Error: Worker threw an exception/, true],
  ["a page without a title", 502, "<p>bad <b>gateway</b></p>\u001b[31m", {}, /502 Bad Gateway: bad gateway \\u\{1b\}\[31m/, true],
  ["a text", 503, "error code: 1102", {}, /503 Service Unavailable: error code: 1102/, true],
  ["nothing", 404, "", {}, /404 Not Found: nothing more was said\nIs --url the place/, false],
  ["too many", 429, "{}", { "retry-after": "10" }, /429 Too Many Requests[^]*Try again after 10 seconds/, true],
  ["elsewhere", 301, "", { location: "https://example.com/v1" }, /301 Moved Permanently[^]*elsewhere: https:\/\/example\.com\/v1/, false],
  ["another shape", 400, '{"code": "BAD_REQUEST", "message": "no"}', {}, /error\[BAD_REQUEST\] no\n/, false],
  ["a third shape", 400, '{"status": "error", "success": false, "message": "no", "error": "no"}', {}, /error\[HTTP_400\] no\n/, false],
  ["a page that is well", 200, "<h1>Welcome</h1>", {}, /answered 200 OK: Welcome/, false],
];
for (const [name, code, body, headers, said, goesOn] of ANSWERS) {
  test(`an import is answered with ${name}`, async (t) => {
    const { url } = await serve(t, ({ request, response }) => {
      request.resume();
      response.writeHead(code, headers).end(body);
    });
    const { status, stderr } = await mayuse(["import", SMALL, "--url", url]);
    assert.equal(status, 1, stderr);
    assert.match(stderr, said);
    assert.equal(stderr.includes("--resume"), goesOn, stderr);
  });
}

test("an answer that breaks off is none", async (t) => {
  const { url } = await serve(t, async ({ request, response, method }) => {
    if (method === "GET") return json(response, 200, { lines: 3, done: true, snapshot_version: 7 });
    await read(request);
    response.writeHead(200, { "content-length": 1000 }).write('{"lines": 3');
    setTimeout(() => request.socket.destroy(), 50);
  });
  const { status, stderr } = await mayuse(["import", SMALL, "--url", url]);
  assert.equal(status, 1);
  assert.match(stderr, /CONNECTION_LOST[^]*The first 3 lines are written[^]*--resume/);
});

test("nobody is there", async () => {
  for (const command of [["import", SMALL], ["export"], ["export", "-o", join(folder, "nothing.json")]]) {
    const { status, stderr } = await mayuse([...command, "--url", "http://127.0.0.1:9"]);
    assert.equal(status, 1);
    assert.match(stderr, /error\[UNREACHABLE\] http:\/\/127\.0\.0\.1:9: .*refused/);
  }
  assert.equal(existsSync(join(folder, "nothing.json")), false);
});

test("a document replaces everything, and only if that is said", async (t) => {
  const { url, asked } = await serve(t, async ({ request, response }) => {
    assert.equal((await read(request)).toString(), readFileSync(DOCUMENT, "utf8"));
    json(response, 200, { entities: { customers: 0 }, snapshot_version: 9 });
  });
  const refused = await mayuse(["import", DOCUMENT, "--url", url]);
  assert.equal(refused.status, 2);
  assert.match(refused.stderr, /replaces everything that is there; say --replace/);
  assert.equal(asked.length, 0);
  const { status, stdout } = await mayuse(["import", DOCUMENT, "--url", url, "--replace"]);
  assert.equal(status, 0);
  assert.match(stdout, /replaced the catalog; snapshot version 9/);
  assert.equal(asked[0].method, "PUT");
  assert.equal(asked[0].url, "/v1/catalog");
  assert.equal(asked[0].headers["content-type"], "application/json");
});

const large = JSON.stringify({ customers: Array.from({ length: 20_000 }, (_, n) => ({ id: `c${n}`, kind: "x", name: "x".repeat(50) })), format: 1 });
for (const [name, text, isDocument] of [
  ["a format at the end of a large document", large, true],
  ["a document over many lines", JSON.stringify({ ladder: "STANDARD", customers: [{ id: "c", kind: "x" }], format: 1 }, null, 2), true],
  ["a kind at the end of a line", '{"id": "c", "tags": [{"format": 1}], "format": "x", "kind": "customer"}\n', false],
  ["blank lines before the first", '\n\n{"kind": "customer", "id": "c"}\n', false],
  ["no JSON", "hello\n", false],
  ["an array", "[1]\n", false],
  ["half a line", '{"id": "c"', false],
  ["neither a kind nor a format", '{"id": "c"}\n{"format": 1}\n', false],
]) {
  test(`${name}: ${isDocument ? "a document" : "lines"}`, async (t) => {
    const { url, asked } = await serve(t, takesAll);
    const { status } = await mayuse(["import", "-", "--url", url], { input: text });
    assert.deepEqual([status, asked.length], isDocument ? [2, 0] : [0, 1]);
  });
}

for (const [name, args, said] of [
  ["no scheme", ["import", SMALL, "--url", "localhost:8787"], /expected http\[s\]:\/\/host/],
  ["another scheme", ["export", "--url", "ftp://localhost"], /expected http\[s\]:\/\/host/],
  ["no host", ["export", "--url", "http://"], /--url http:\/\/: expected/],
  ["a query", ["export", "--url", "http://localhost/?a=1"], /no query/],
  ["a key in the URL", ["export", "--url", "http://me:key@localhost"], /a key goes into --key/],
  ["no URL", ["import", SMALL], /--url <URL>/],
  ["a key with a line break", ["export", "--url", "http://localhost:9", "--key", "a\nb"], /the key has characters/],
  ["an empty token", ["import", SMALL, "--url", "http://localhost:9", "--resume", ""], /--resume: expected 1 to 255/],
  ["a long token", ["import", SMALL, "--url", "http://localhost:9", "--resume", "x".repeat(256)], /--resume: expected 1 to 255/],
  ["no such file", ["import", "nowhere.ndjson", "--url", "http://localhost:9"], /error\[IO\] nowhere\.ndjson/],
  ["a folder", ["import", folder, "--url", "http://localhost:9"], /error\[IO\] .*directory/],
  ["an unwritable file", ["export", "--url", "URL", "-o", join(folder, "no/such/folder.json")], /error\[IO\] .*folder\.json\.part/],
]) {
  test(`a bad question: ${name}`, async (t) => {
    const { url } = await serve(t, ({ response }) => response.end());
    const { status, stderr } = await mayuse(args.map((arg) => (arg === "URL" ? url : arg)));
    assert.equal(status, 2, stderr);
    assert.match(stderr, said);
  });
}

const TEXT = `{"format": 1,\n"customers": [\n${Array.from({ length: 5_000 }, (_, n) => `{"id":"c${n}"}`).join(",\n")}]}\n`;
const VERSION = { "content-type": "application/json", "x-snapshot-version": "12" };
const whole = ({ response }) => response.writeHead(200, VERSION).end(TEXT);
const half = ({ request, response }) => {
  response.writeHead(200, VERSION).write(TEXT.slice(0, 40_000));
  setTimeout(() => request.socket.destroy(), 30);
};
/** Ends as if that were all. */
const short = ({ response }) => {
  response.useChunkedEncodingByDefault = false;
  response.writeHead(200, { ...VERSION, connection: "close" }).end(TEXT.slice(0, 40_000));
};

test("an export goes to standard output, its version to standard error", async (t) => {
  const { url, asked } = await serve(t, whole);
  assert.deepEqual(await mayuse(["export", "--url", `${url}/`]), { status: 0, stdout: TEXT, stderr: "snapshot version 12\n" });
  assert.equal(`${asked[0].method} ${asked[0].url} ${asked[0].headers.authorization}`, `GET /v1/catalog Bearer ${KEY}`);
});
for (const [name, answer] of [["broken off", half], ["cut short", short]]) {
  test(`an export that is ${name}`, async (t) => {
    const { url, asked } = await serve(t, answer);
    const { status, stdout, stderr } = await mayuse(["export", "--url", url]);
    assert.equal(status, 1);
    assert.equal(stdout, TEXT.slice(0, 40_000));
    assert.match(stderr, /error\[BROKEN_OFF\] .*broke off after 40\.0 kB: the catalog was written meanwhile, or/);
    assert.equal(asked.length, 1, "what is written to a pipe cannot be taken back");
  });
  test(`into a file, an export that is ${name} is begun again`, async (t) => {
    const path = join(folder, `${name}.json`);
    const { url, asked } = await serve(t, (exchange) => (exchange.nth < 4 ? answer(exchange) : whole(exchange)));
    const { status, stderr } = await mayuse(["export", "--url", url, "-o", path]);
    assert.deepEqual([status, asked.length], [0, 4]);
    assert.match(stderr, /Again \(3 of 3\)\.\n.*json: snapshot version 12\n$/);
    assert.equal(readFileSync(path, "utf8"), TEXT);
  });
}
test("an export that never is whole leaves what was there", async (t) => {
  const path = file("kept.json", "before");
  const { url, asked } = await serve(t, half);
  assert.equal((await mayuse(["export", "--url", url, "-o", path])).status, 1);
  assert.equal(asked.length, 4);
  assert.equal(readFileSync(path, "utf8"), "before");
  assert.deepEqual(readdirSync(folder).filter((name) => name.endsWith(".part")), []);
});
test("an export that is refused is not asked for again", async (t) => {
  const { url, asked } = await serve(t, ({ response }) => json(response, 403, { error: { code: "FORBIDDEN", message: "no scope" } }));
  const { status, stdout, stderr } = await mayuse(["export", "--url", url, "-o", join(folder, "refused.json")]);
  assert.deepEqual([status, stdout, asked.length], [1, "", 1]);
  assert.match(stderr, /error\[FORBIDDEN\] no scope\n.*403 Forbidden\./);
});
for (const [name, headers] of [["no version", {}], ["a version", VERSION]]) {
  test(`a page with ${name} is no export`, async (t) => {
    const { url } = await serve(t, ({ response }) => response.writeHead(200, headers).end("<h1>Welcome</h1>"));
    const { status, stderr } = await mayuse(["export", "--url", url, "-o", join(folder, "page.json")]);
    assert.equal(status, 1);
    assert.match(stderr, /Welcome|no catalog document/);
    assert.equal(existsSync(join(folder, "page.json")), false);
  });
}

test("a key and its row", async () => {
  const args = ["key", "--name", "it's me", "--scope", "check", "--scope", "catalog", "--scope", "check", "--class", "bulk"];
  const { status, stdout } = await mayuse([...args, "--json"]);
  assert.equal(status, 0);
  const { key, row } = JSON.parse(stdout);
  assert.match(key, /^mayuse_[0-9a-f]{64}$/);
  const sha256 = createHash("sha256").update(key).digest("hex");
  assert.deepEqual(row, { name: "it's me", sha256, scopes: ["check", "catalog"], class: "bulk" });
  const text = (await mayuse(args)).stdout;
  assert.match(text, /wrangler secret put API_KEYS/);
  assert.ok(!text.includes(key), "no key is made twice");
  assert.match((await mayuse(["key", "--name", "n", "--json"])).stdout, /"scopes": \[\n +"check"\n +\],\n +"class": "standard"/);
  // Some clients look at how a key begins.
  for (const prefix of ["ck_", "", "a-B_9".padEnd(32, "x")]) {
    const { key, row } = JSON.parse((await mayuse(["key", "--name", "n", "--prefix", prefix, "--json"])).stdout);
    assert.match(key, new RegExp(`^${prefix}[0-9a-f]{64}$`));
    assert.equal(createHash("sha256").update(key).digest("hex"), row.sha256);
  }
});
for (const args of [[], ["--name", " "], ["--name", "n", "--scope", "all"], ["--name", "n", "--class", "a b"], ["--name", "n", "--class", ""], ["--name", "n", "--prefix", "c:"], ["--name", "n", "--prefix", "x".repeat(33)]]) {
  test(`no key for ${JSON.stringify(args)}`, async () => assert.equal((await mayuse(["key", ...args])).status, 2));
}
