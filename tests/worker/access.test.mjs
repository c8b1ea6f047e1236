// Who is let in: keys and their forms, scopes, limits, and the table that says all of it.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { DEMO_KEY, JSON_TYPE, dialectOf, keyFor, start } from "./support.mjs";

/** One request of each API. */
const PROBES = [
  ["GET", "/v1/check?customer=acme&feature=sso"],
  ["GET", "/api/v1/features"],
  ["POST", "/addons"],
  ["POST", "/api/v1/addon/prd_api"],
];
const PERIOD_MS = 10_000;
const LIMIT = 3;

const sha256 = (key) => createHash("sha256").update(key).digest("hex");
const entry = (name, scopes, more) => ({ name, sha256: sha256(`key-of-${name}`), scopes, ...more });
const ALL = ["check", "usage", "catalog"];
const TABLE = [
  entry("all", ALL, { class: "bulk" }),
  entry("checker", ["check"], { class: "bulk" }),
  entry("meter", ["usage"], { class: "bulk" }),
  entry("writer", ["catalog"], { class: "bulk" }),
  entry("nothing", [], { class: "bulk" }),
  // The class by default is `standard`.
  entry("first", ALL),
  entry("second", ALL, { class: "standard" }),
  ...["own", "meteroid", "commet", "pabbly"].map((name) => entry(`limited-${name}`, ALL)),
  ...["own", "meteroid", "commet", "pabbly"].map((name) => entry(`barred ${name}`, [])),
];
const keyOf = (name) => `key-of-${name}`;

const DEMO_ENTRY = { name: "backdoor", sha256: sha256(DEMO_KEY), scopes: ALL };
const BROKEN_TABLES = [
  JSON.stringify([entry("all", ALL), DEMO_ENTRY]),
  JSON.stringify([entry("all", ALL), { ...DEMO_ENTRY, sha256: DEMO_ENTRY.sha256.toUpperCase() }]),
  JSON.stringify([entry("all", ALL), { name: "x", scopes: ALL }]),
  JSON.stringify([entry("all", ALL), { ...entry("x", ALL), sha256: "abc" }]),
  JSON.stringify([entry("all", ALL), entry("x", ["everything"])]),
  JSON.stringify([entry("all", ALL), { name: "x", sha256: sha256("x") }]),
  JSON.stringify([entry("all", ALL), { ...entry("x", ALL), name: "all" }]),
  JSON.stringify([entry("all", ALL), entry("x", ALL, { class: "Bulk" })]),
  JSON.stringify([{ ...entry("all", ALL), name: "for\nall" }]),
  JSON.stringify([{ ...entry("all", ALL), name: "für alle" }]),
  JSON.stringify({ all: entry("all", ALL) }),
  "key-of-all",
  "",
];

let started;
let local;
let deployed;
let limited;
let broken;

before(async () => {
  const API_KEYS = JSON.stringify(TABLE);
  const simple = { simple: { limit: LIMIT, period: PERIOD_MS / 1_000 } };
  const limits = { RATE_LIMIT_STANDARD: simple, RATE_LIMIT_ANONYMOUS: simple };
  started = await start(
    {},
    { bindings: { API_KEYS, LOCAL_RUN: undefined }, key: keyOf("all") },
    { bindings: { API_KEYS }, limits, key: keyOf("all") },
    ...BROKEN_TABLES.map((table) => ({ bindings: { API_KEYS: table }, catalog: null })),
  );
  [local, deployed, limited, ...broken] = started.workers;
});
after(() => started.stop());

/** The refusals of each API: what they say in place of a status. */
const TOO_MANY = "TOO_MANY_REQUESTS";
const WORDS = {
  401: { "": "UNAUTHORIZED", Meteroid: "UNAUTHORIZED", Commet: "authentication_error unauthorized", Pabbly: "error" },
  403: { "": "FORBIDDEN", Meteroid: "FORBIDDEN", Commet: "authentication_error forbidden", Pabbly: "error" },
  429: { "": TOO_MANY, Meteroid: TOO_MANY, Commet: "rate_limit_error rate_limited", Pabbly: "error" },
  503: {
    "": "UNAVAILABLE",
    Meteroid: "INTERNAL_SERVER_ERROR",
    Commet: "internal_error internal_error",
    Pabbly: "error",
  },
};

/** Holds a refusal against its status and the words of the API of its path, and of the headers it was sent with; openapi.json has its shape. */
function assertRefused(path, { status, body, headers }, expected, sent = {}) {
  const where = `${path} ${JSON.stringify(body)}`;
  assert.equal(status, expected, where);
  const words = {
    "": () => body.error.code,
    Meteroid: () => body.code,
    Commet: () => `${body.error.type} ${body.error.code}`,
    Pabbly: () => body.status,
  };
  const dialect = dialectOf(path, sent);
  assert.equal(words[dialect](), WORDS[expected][dialect], where);
  const how = dialect === "Pabbly" ? /^Basic realm=/ : /^Bearer realm=/;
  assert.match(headers["www-authenticate"] ?? "", expected === 401 ? how : /^$/, where);
  assert.equal(headers["retry-after"], expected === 429 ? `${PERIOD_MS / 1_000}` : undefined, where);
}

/** A request that only a key stands in front of. */
const probe = (worker, [method, path], sent = {}) =>
  worker.ask(method, path, { ...(method === "POST" && { body: "{}", headers: JSON_TYPE }), ...sent });

test("every API takes its own form of a key", async () => {
  for (const sent of PROBES) {
    const { status } = await probe(local, sent);
    assert.ok([200, 400].includes(status), `${sent[1]}: ${status}`);
    assert.equal((await probe(deployed, sent, { key: keyOf("all") })).status, status, sent[1]);
  }
  const [own] = PROBES;
  for (const headers of [
    { "x-api-key": DEMO_KEY },
    { authorization: `bearer ${DEMO_KEY}` },
    { authorization: `BEARER   ${DEMO_KEY} ` },
  ]) {
    assert.equal((await probe(local, own, { key: null, headers })).status, 200, JSON.stringify(headers));
  }
});

test("no key, an unknown key, a key in another form", async () => {
  const basic = (text) => ({ authorization: `Basic ${Buffer.from(text).toString("base64")}` });
  const bearer = (key) => ({ authorization: `Bearer ${key}` });
  const anywhere = [
    {},
    bearer("unknown"),
    bearer(""),
    bearer(sha256(DEMO_KEY)),
    bearer(`${DEMO_KEY}x`),
    bearer(DEMO_KEY.toUpperCase()),
    bearer("x".repeat(10_000)),
    { authorization: DEMO_KEY },
    { authorization: "Bearer" },
    { authorization: `Token ${DEMO_KEY}` },
    { authorization: "Basic" },
    { authorization: "Basic %%%" },
    { authorization: `Basic ${DEMO_KEY}` },
    basic(DEMO_KEY),
    basic(`:${DEMO_KEY}`),
    basic(`x:${DEMO_KEY}`),
    { authorization: `Basic ${Buffer.from([0xff, 0x3a]).toString("base64")}` },
    { "x-api-key": "unknown" },
    { "x-api-key": "" },
    { "x-api-key": `Bearer ${DEMO_KEY}` },
    { cookie: `key=${DEMO_KEY}` },
  ];
  for (const sent of PROBES) {
    for (const headers of anywhere) {
      const answer = await probe(local, sent, { key: null, headers: { ...JSON_TYPE, ...headers } });
      assertRefused(sent[1], answer, 401, headers);
    }
  }
  const otherForms = {
    "/v1/check?customer=acme&feature=sso": [basic(`${DEMO_KEY}:x`)],
    "/api/v1/features": [],
    "/addons": [basic(`${DEMO_KEY}:x`), bearer(DEMO_KEY)],
    "/api/v1/addon/prd_api": [],
  };
  // Below /api/v1 the form of the key says whose client it is, and what that API does not have is not found in its words.
  const ofAnother = {
    "/api/v1/features": [basic(`${DEMO_KEY}:x`), { "x-api-key": DEMO_KEY }],
    "/api/v1/addon/prd_api": [bearer(DEMO_KEY), { "x-api-key": DEMO_KEY }],
  };
  for (const sent of PROBES) {
    for (const headers of otherForms[sent[1]]) {
      assertRefused(sent[1], await probe(local, sent, { key: null, headers: { ...JSON_TYPE, ...headers } }), 401);
    }
    for (const headers of ofAnother[sent[1]] ?? []) {
      const answer = await probe(local, sent, { key: null, headers: { ...JSON_TYPE, ...headers } });
      assert.equal(answer.status, 404, `${sent[1]} ${JSON.stringify(headers)}`);
    }
  }
  const inQuery = ["GET", `/v1/check?customer=acme&feature=sso&key=${DEMO_KEY}&api_key=${DEMO_KEY}`];
  assertRefused(inQuery[1], await probe(local, inQuery, { key: null }), 401);
});

test("everything but four paths needs a key", async () => {
  for (const path of ["/healthz", "/readyz", "/v1/version", "/openapi.json"]) {
    for (const worker of [local, deployed]) {
      assert.equal((await worker.ask("GET", path, { key: null })).status, 200, path);
      assert.equal((await worker.ask("HEAD", path, { key: null })).status, 200, path);
      for (const method of ["POST", "SEARCH", "PROPFIND"]) {
        assertRefused(path, await worker.ask(method, path, { key: null }), 401);
      }
    }
  }
  const others = ["/", "/nowhere", "/v1/catalog", "/v1/catalog/customers", "/v1/customers/acme/entitlements", "/panic"];
  for (const path of [...others, "/healthz/", "//healthz", "/%68ealthz", "/HEALTHZ", "/readyz%2f"]) {
    for (const method of ["GET", "PUT", "DELETE", "OPTIONS", "PATCH"]) {
      assertRefused(path, await deployed.ask(method, path, { key: null }), 401);
    }
  }
});

test("a key does what its scopes say", async () => {
  const customer = { body: '{"name":"Scoped"}', headers: JSON_TYPE };
  const check = [
    ["GET", "/v1/check?customer=acme&feature=sso"],
    ["POST", "/v1/check", { body: '{"customer":"acme","feature":"sso"}', headers: JSON_TYPE }],
    ["POST", "/v1/check/batch", { body: '{"questions":[]}', headers: JSON_TYPE }],
    ["GET", "/v1/customers/acme/entitlements"],
  ];
  // Who writes what is granted may read it back in the same dialect.
  const granted = [
    ["GET", "/api/v1/customers/acme/entitlements"],
    ["GET", "/api/v1/addons/add_sso/entitlements"],
  ];
  const catalog = [
    ["GET", "/v1/catalog"],
    ["GET", "/v1/catalog/customers"],
    ["GET", "/v1/catalog/customers/cus_acme"],
    ["PUT", "/v1/catalog/customers/cus_scoped", customer],
    ["DELETE", "/v1/catalog/customers/cus_scoped"],
    ["POST", "/v1/catalog/import", { body: "", headers: { "content-type": "application/x-ndjson" } }],
    ["GET", "/api/v1/features"],
    ["GET", "/api/v1/addons/add_sso"],
    ["POST", "/addons", { body: "{}", headers: JSON_TYPE }],
    ["POST", "/api/v1/addons", { body: "{}", headers: JSON_TYPE }],
    ["POST", "/api/v1/subscriptions", { body: "{}", headers: JSON_TYPE }],
    ["POST", "/api/v1/addon/prd_api", { body: "{}", headers: JSON_TYPE }],
  ];
  const may = { all: [check, catalog, granted], checker: [check, granted], writer: [catalog, granted], meter: [], nothing: [] };
  for (const [name, groups] of Object.entries(may)) {
    for (const group of [check, catalog, granted]) {
      for (const [method, path, sent] of group) {
        const answer = await deployed.ask(method, path, { ...sent, key: keyOf(name) });
        if (groups.includes(group)) {
          assert.ok([200, 201, 400].includes(answer.status), `${name}: ${method} ${path}: ${answer.status}`);
        } else {
          assertRefused(path, answer, 403);
        }
      }
    }
  }
});

test("the demo key is for this machine and for a local run", async () => {
  const host = (name) => ({ headers: { ...JSON_TYPE, host: name } });
  const others = ["mayuse.example.com", "127.0.0.1.example.com", "localhost.example.com", "127.0.0.2", "10.0.0.1"];
  for (const sent of PROBES) {
    for (const name of others) {
      assertRefused(sent[1], await probe(local, sent, host(name)), 401);
    }
    // A page of another name, or something that hides under which name it was asked.
    for (const more of [{ origin: "http://evil.example.com" }, { origin: "null" }, { "mf-original-url": "http://localhost/" }]) {
      assertRefused(sent[1], await probe(local, sent, { headers: { ...JSON_TYPE, ...more } }), 401);
    }
    const ownPage = { headers: { ...JSON_TYPE, origin: "http://localhost:3000" } };
    assert.notEqual((await probe(local, sent, ownPage)).status, 401);
    for (const name of ["localhost:1", "127.0.0.1", "[::1]", "[::1]:8787"]) {
      assert.notEqual((await probe(local, sent, host(name))).status, 401, name);
    }
    assertRefused(sent[1], await probe(deployed, sent), 401);
    assertRefused(sent[1], await probe(deployed, sent, host("localhost")), 401);
  }
});

test("a table that cannot be used lets nobody in", async () => {
  for (const [n, worker] of broken.entries()) {
    for (const sent of PROBES) {
      for (const key of [DEMO_KEY, keyOf("all"), "unknown", null]) {
        const answer = await probe(worker, sent, { key });
        assertRefused(sent[1], answer, 503);
        assert.ok(!JSON.stringify(answer.body).includes("key-of-all"), `${BROKEN_TABLES[n]} is not told`);
      }
    }
    assert.equal((await worker.ask("GET", "/healthz", { key: null })).status, 200);
  }
});

/** Runs within one period of the limits; anew in the next one if it went over. */
async function inOnePeriod(run) {
  const period = () => Math.floor(Date.now() / PERIOD_MS);
  for (;;) {
    const began = period();
    try {
      return await run();
    } catch (error) {
      if (period() === began) {
        throw error;
      }
      await sleep(PERIOD_MS - (Date.now() % PERIOD_MS));
    }
  }
}

test("a key may ask so often, and says when to try again", async () => {
  const names = ["limited-own", "limited-meteroid", "limited-commet", "limited-pabbly"];
  for (const [n, sent] of PROBES.entries()) {
    await inOnePeriod(async () => {
      for (let asked = 0; asked < LIMIT; asked += 1) {
        assert.notEqual((await probe(limited, sent, { key: keyOf(names[n]) })).status, 429, sent[1]);
      }
      assertRefused(sent[1], await probe(limited, sent, { key: keyOf(names[n]) }), 429);
      const other = n === 0 ? PROBES[1] : PROBES[0];
      assertRefused(other[1], await probe(limited, other, { key: keyOf(names[n]) }), 429);
    });
  }
});

test("keys do not share a limit, and a class without one has none", async () => {
  const [own] = PROBES;
  await inOnePeriod(async () => {
    const statuses = async (name, n) => {
      const asked = Array.from({ length: n }, () => probe(limited, own, { key: keyOf(name) }));
      return (await Promise.all(asked)).map(({ status }) => status).sort();
    };
    assert.deepEqual(await statuses("first", LIMIT + 2), [...Array(LIMIT).fill(200), 429, 429]);
    assert.deepEqual(await statuses("second", LIMIT), Array(LIMIT).fill(200));
    assert.deepEqual(await statuses("checker", 10 * LIMIT), Array(10 * LIMIT).fill(200));
  });
  assert.equal((await limited.ask("GET", "/healthz", { key: null })).status, 200);
});

test("guessing is limited by address, and keys that are known are not", async () => {
  for (const [n, sent] of PROBES.entries()) {
    await inOnePeriod(async () => {
      const from = (end) => ({ headers: { ...JSON_TYPE, "cf-connecting-ip": `192.0.2.${10 * n + end}` } });
      for (let guess = 0; guess < LIMIT; guess += 1) {
        assertRefused(sent[1], await probe(limited, sent, { ...from(1), key: `guess-${guess}` }), 401);
      }
      assertRefused(sent[1], await probe(limited, sent, { ...from(1), key: "guess" }), 429);
      assertRefused(sent[1], await probe(limited, sent, { ...from(2), key: "guess" }), 401);
      assert.ok([200, 400].includes((await probe(limited, sent, { ...from(1), key: keyOf("all") })).status));
    });
  }
});

test("what a key has no scope for counts as well", async () => {
  const names = ["barred own", "barred meteroid", "barred commet", "barred pabbly"];
  for (const [n, sent] of PROBES.entries()) {
    await inOnePeriod(async () => {
      const ask = () => probe(limited, sent, { key: keyOf(names[n]) });
      for (let asked = 0; asked < LIMIT; asked += 1) {
        assertRefused(sent[1], await ask(), 403);
      }
      assertRefused(sent[1], await ask(), 429);
    });
  }
});

test("without a key the catalog is asked for its version so often, by address", async () => {
  await inOnePeriod(async () => {
    const ask = (method, path, end) => {
      const headers = { "cf-connecting-ip": `192.0.2.${end}` };
      return limited.ask(method, path, { key: null, headers });
    };
    for (let asked = 0; asked < LIMIT; asked += 1) {
      assert.equal((await ask("GET", "/readyz", 201)).status, 200);
    }
    assertRefused("/readyz", await ask("GET", "/readyz", 201), 429);
    assert.equal((await ask("HEAD", "/readyz", 201)).status, 429);
    assertRefused("/openapi.json", await ask("GET", "/openapi.json", 201), 429);
    assert.equal((await ask("GET", "/readyz", 202)).status, 200);
    assert.equal((await ask("GET", "/healthz", 201)).status, 200);
  });
});

test("every answer has an id of its own", async () => {
  const open = ["/healthz", "/readyz", "/openapi.json"];
  const paths = [...open, "/nowhere", "/v1/catalog", "/api/v1/features", "/api/v1/addon/x"];
  const asked = Array.from({ length: 8 }, () => paths.map((path) => local.ask("GET", path))).flat();
  const answers = await Promise.all([...asked, ...paths.map((path) => deployed.ask("GET", path, { key: "unknown" }))]);
  const ids = answers.map(({ headers }) => headers["x-request-id"]);
  assert.equal(new Set(ids).size, answers.length);
  assert.ok(ids.every((id) => /^req_[0-9A-Za-z]{15,22}$/.test(id)), ids[0]);
  // What does not fit into a header is not Cloudflare's.
  for (const ray of ["", "a b", "ä", "x".repeat(65)]) {
    const { headers } = await local.ask("GET", "/readyz", { headers: { "cf-ray": ray } });
    assert.match(headers["x-request-id"], /^req_[0-9A-Za-z]{15,22}$/, ray);
  }
  // Cloudflare's own id is kept.
  const ray = { "cf-ray": "8c0ffee-FRA" };
  for (const sent of [["GET", "/healthz"], ["GET", "/v1/catalog"], ["GET", "/nowhere"]]) {
    assert.equal((await local.ask(...sent, { headers: ray })).headers["x-request-id"], ray["cf-ray"]);
  }
});

test("nobody writes under another name", async () => {
  for (const headers of [{ "x-mayuse-key": "somebody else" }, { "X-Mayuse-Key": "" }, {}]) {
    const sent = { body: '{"name":"Written"}', headers: { ...JSON_TYPE, ...headers }, key: keyOf("writer") };
    assert.ok((await deployed.ask("PUT", "/v1/catalog/customers/cus_written", sent)).status < 300);
    const { body } = await deployed.ask("GET", "/v1/catalog/customers/cus_written", { key: keyOf("all"), headers });
    assert.equal(body.updated_by, "writer");
  }
  const without = { body: "{}", headers: { ...JSON_TYPE, "x-mayuse-key": "all" }, key: null };
  assertRefused("/v1/catalog", await deployed.ask("PUT", "/v1/catalog/customers/cus_written", without), 401);
  assert.deepEqual(keyFor("/v1/check", null), {});
});
