// The built Worker in the real runtime, asked over HTTP. Whatever it answers is held against openapi.json.
import assert from "node:assert/strict";
import { subscribe } from "node:diagnostics_channel";
import { readFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import addFormats from "ajv-formats";
import Ajv2020 from "ajv/dist/2020.js";
import { Miniflare, NoOpLog } from "miniflare";

const file = (path, encoding = "utf8") => readFileSync(new URL(`../../${path}`, import.meta.url), encoding);
/** Where they lie from the root: the first imports the others. */
export const modules = [
  { type: "ESModule", path: "src/worker/shim.mjs", contents: file("src/worker/shim.mjs") },
  { type: "ESModule", path: "src/worker/rpc.mjs", contents: file("src/worker/rpc.mjs") },
  { type: "ESModule", path: "build/index.js", contents: file("build/index.js") },
  { type: "Data", path: "fallback.snapshot", contents: "" },
  { type: "CompiledWasm", path: "build/index_bg.wasm", contents: file("build/index_bg.wasm", null) },
];
const compatibilityDate = file("wrangler.toml").match(/^compatibility_date = "(.+)"$/m)[1];

export const openapi = JSON.parse(file("openapi.json"));
export const demo = () => JSON.parse(file("demo/catalog.json"));
export const vectorFile = (name) => JSON.parse(file(`tests/vectors/${name}`));
export const JSON_TYPE = { "content-type": "application/json" };
/** An instant for which demo/README.md is true. */
export const AT = "2026-11-20T12:00:00Z";
/** How long publishing may take on a machine that is busy with other things. */
const PUBLISHED_WITHIN_MS = 60_000;

/** The deployment that all Workers are one of, unless they say otherwise. */
export const AUDIENCE = "tests";

/** The key of the local run. */
export const DEMO_KEY = "mayuse_demo_key";

/** Whose API a request is of, by its path and how its key is presented: the beginning of the names of its refusals in openapi.json. */
export function dialectOf(path, headers = {}) {
  const [first, second, third] = path.split("?")[0].slice(1).split("/");
  if (first === "api" && second === "v1") {
    const scheme = headers.authorization?.split(" ")[0].toLowerCase();
    const presented = { bearer: "Meteroid", basic: "Pabbly" }[scheme] ?? ("x-api-key" in headers ? "Commet" : undefined);
    if (presented) {
      return presented;
    }
  }
  if (first === "api") {
    return second === "v1" && third === "addon" ? "Pabbly" : "Meteroid";
  }
  return first === "addons" ? "Commet" : "";
}

/** A key in the form in which the API of a path takes it; no key, no headers. */
export function keyFor(path, key) {
  if (key === null) {
    return {};
  }
  const basic = () => `Basic ${Buffer.from(`${key}:secret`).toString("base64")}`;
  const of = { Pabbly: () => ({ authorization: basic() }), Commet: () => ({ "x-api-key": key }) };
  return of[dialectOf(path)]?.() ?? { authorization: `Bearer ${key}` };
}

/** The runtime's processes, those that were started last at the end. */
const processes = [];
subscribe("child_process", (started) => processes.push(started.process));

/**
 * Starts Workers as the local run does, each with a catalog of its own. Of each:
 * `catalog` is what it is told first (the demo by default, null for nothing) with `key`, `bindings` what else it has,
 * `limits` its rate limits, `services` its bindings of other Workers' entry points, `parts` other modules than those of the build, `snapshots` the name of a KV namespace to
 * publish to, which several may share, `writer` the number of the one whose catalog it asks in place of its own,
 * `persist` a folder that outlives all of them.
 */
export async function start(...options) {
  const workers = options.map(({ bindings, limits, services, snapshots, writer, parts = modules }, n) => ({
    config: {
      ...worker(`worker-${n}`, parts, writer),
      env: {
        ...entries({ LOCAL_RUN: "1", SNAPSHOT_AUDIENCE: AUDIENCE, ...bindings }, (value) => ({ type: "text", value })),
        ...entries({ SNAPSHOTS: snapshots }, (id) => ({ type: "kv", id })),
        ...entries(services ?? {}, (service) => ({ type: "worker", ...service })),
        ...catalogOf(`worker-${writer ?? n}`),
        // A limit may have the name of the object, which is out of reach then.
        ...entries(limits ?? {}, ({ simple }, namespace) => ({ type: "rate-limit", namespace, simple })),
        ASSETS: { type: "assets" },
      },
      assets: { directory: new URL("../../build/assets", import.meta.url).pathname, hasUserWorker: true, runWorkerFirst: true },
    },
    dev: { unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }] },
  }));
  const persist = options.find((one) => one.persist)?.persist;
  // What the runtime says of panics and hang-ups that are meant is not shown.
  const silent = { log: new NoOpLog(), handleStructuredLogs: () => {} };
  const miniflare = new Miniflare({ ...silent, workers, ...(persist && { resourcePersistencePath: persist }) });
  await miniflare.ready;
  const runtime = processes.findLast(({ spawnfile }) => spawnfile.endsWith("workerd"));
  // A connection is closed after a refusal, so that none is used again.
  const agent = new Agent({ keepAlive: false, maxSockets: 256 });
  const asked = async ({ catalog = demo(), key }, n) => {
    const url = await miniflare.unsafeGetDirectURL(`worker-${n}`);
    const worker = new Asked(url, agent);
    if (catalog !== null) {
      const sent = { body: JSON.stringify(catalog), headers: JSON_TYPE, key };
      const { status, body } = await worker.ask("PUT", "/v1/catalog", sent);
      assert.equal(status, 200, JSON.stringify(body));
    }
    return worker;
  };
  const workersAsked = await Promise.all(options.map(asked));
  const stop = async () => {
    agent.destroy();
    await miniflare.dispose();
  };
  return { workers: workersAsked, worker: workersAsked[0], runtime, stop };
}

/** The fields that are there, each made into something else: what is `undefined` is taken away, also from defaults. */
const entries = (fields, made) =>
  Object.fromEntries(Object.entries(fields).flatMap(([key, value]) => (value === undefined ? [] : [[key, made(value, key)]])));

const MODULE_TYPES = { ESModule: "esm", Data: "data", CompiledWasm: "wasm" };

/** A Worker of these modules, the first of which imports the others; it has the object, or asks that of another one. */
export function worker(name, parts, writer) {
  const listed = parts.map(({ path, type, contents }) => [path, { type: MODULE_TYPES[type], contents }]);
  return {
    name,
    compatibilityDate,
    manifest: { mainModule: parts[0].path, modulesRoot: "/", modules: Object.fromEntries(listed) },
    exports: writer === undefined ? { Catalog: { type: "durable-object", storage: "sqlite" } } : {},
  };
}

/** The binding of the object that a Worker has. */
export const catalogOf = (name) => ({ CATALOG: { type: "durable-object", worker: name, exportName: "Catalog" } });

/** A Worker to ask. */
class Asked {
  constructor(url, agent) {
    this.url = url.origin;
    this.target = { hostname: url.hostname, port: url.port, agent };
  }

  /**
   * Sends exactly this, by default with the demo key: the path is not normalised, and a body given as a list goes in
   * chunks, its length unsaid. Of one that is `unfinished`, the end is held back until the answer is there; with a
   * `pause`, all but the first chunk until that is over.
   */
  send(method, path, { body = "", headers = {}, key = DEMO_KEY, unfinished = false, pause } = {}) {
    return new Promise((resolve, reject) => {
      const length = Array.isArray(body) ? {} : { "content-length": Buffer.byteLength(body) };
      const options = { ...this.target, method, path, headers: { ...keyFor(path, key), ...length, ...headers } };
      const sent = request(options, (answer) => {
        const chunks = [];
        answer.on("data", (chunk) => chunks.push(chunk));
        answer.on("error", reject);
        answer.on("end", () => {
          const bytes = Buffer.concat(chunks);
          resolve({ status: answer.statusCode, headers: answer.headers, bytes, text: bytes.toString() });
          if (unfinished) {
            sent.destroy();
          }
        });
      });
      sent.on("error", reject);
      // Once the answer is there, it does not matter how the rest of the body fares.
      sent.on("socket", (socket) => socket.on("error", () => {}));
      const [first, ...rest] = Array.isArray(body) ? body : [body];
      const finish = () => {
        rest.forEach((chunk) => sent.write(chunk));
        if (!unfinished) {
          sent.end();
        }
      };
      sent.write(first);
      if (pause) {
        pause.then(finish);
      } else {
        finish();
      }
    });
  }

  /** Sends, holds the answer against openapi.json, and gives it with its body read. */
  async ask(method, path, sent = {}) {
    const { status, headers, text } = await this.send(method, path, sent);
    const dialect = dialectOf(path, { ...keyFor(path, sent.key === undefined ? DEMO_KEY : sent.key), ...sent.headers });
    const isFromMemory = status === 200 && method === "GET" && path.startsWith("/v1/check?") && !("x-request-id" in headers);
    if (isFromMemory) {
      // Nothing but a replica answers without an id.
      assert.equal(JSON.parse(text).freshness.source, "SNAPSHOT", text);
    } else {
      assert.match(headers["x-request-id"] ?? "", /^\S+$/, "every other answer has a request id");
    }
    if (status === 204) {
      assert.equal(text, "");
      validate(path, method, status, undefined, dialect);
      return { status, headers };
    }
    const where = `${method} ${path.slice(0, 200)}: ${status} ${text.slice(0, 500)}`;
    assert.equal(headers["content-type"], "application/json", where);
    assert.equal(headers["cache-control"], "no-store", where);
    assert.equal(headers.allow !== undefined, status === 405, where);
    if (method === "HEAD") {
      assert.equal(text, "", where);
      validate(path, "GET", status, undefined, dialect);
      return { status, headers };
    }
    const body = JSON.parse(text);
    validate(path, method, status, body, dialect);
    return { status, headers, body };
  }

  get(path) {
    return this.ask("GET", path);
  }

  /** Posts a value as JSON; a text, bytes or a list of chunks as they are. */
  async post(path, value, headers = JSON_TYPE) {
    const raw = typeof value === "string" || Buffer.isBuffer(value) || Array.isArray(value);
    const answer = await this.ask("POST", path, { body: raw ? value : JSON.stringify(value), headers });
    if (!raw && path === "/v1/check" && answer.status === 200) {
      assertValid("#/components/schemas/Question", value, "what is answered is a question as documented");
    }
    return answer;
  }

  put(path, value) {
    const body = typeof value === "string" ? value : JSON.stringify(value);
    return this.ask("PUT", path, { body, headers: JSON_TYPE });
  }

  delete(path) {
    return this.ask("DELETE", path);
  }

  check(question) {
    return this.post("/v1/check", question);
  }
}

/** Waits until a Worker says that a version is published. */
export async function published(worker, version) {
  const end = Date.now() + PUBLISHED_WITHIN_MS;
  let body;
  do {
    ({ body } = await worker.get("/readyz"));
    if (body.published_version === version) {
      return;
    }
    await sleep(50);
  } while (Date.now() < end);
  assert.fail(`version ${version} is not published: ${JSON.stringify(body)}`);
}

/** A decision without the instant at which the catalog was read for it. */
export function timeless({ freshness, ...decision }) {
  assert.ok(Math.abs(Date.parse(freshness.generated_at) - Date.now()) < 60_000, JSON.stringify(freshness));
  // A greatest age counts from then.
  const hasMaxAge = Math.abs(Date.parse(decision.valid_until) - Date.parse(freshness.generated_at)) < 120_000;
  const until = hasMaxAge ? null : decision.valid_until;
  return { ...decision, valid_until: until, freshness: { ...freshness, generated_at: null } };
}

const ajv = new Ajv2020({ allErrors: true, strict: true, strictTypes: false, strictRequired: false });
addFormats(ajv);
ajv.addVocabulary(Object.keys(openapi));
ajv.addSchema(openapi, "openapi", undefined, false);

function assertValid(pointer, value, where) {
  const holds = ajv.getSchema(`openapi${pointer}`);
  assert.ok(holds, `openapi.json has no ${pointer}`);
  if (!holds(value)) {
    const why = ajv.errorsText(holds.errors, { separator: "\n" });
    assert.fail(`${where}\n${why}\n${JSON.stringify(value)?.slice(0, 2_000)}`);
  }
}

/** Holds an answer against openapi.json. Without a body, only the status is. */
export function validate(path, method, status, body, dialect = dialectOf(path)) {
  // Commet's clients send the same below this prefix, where Meteroid's is described.
  const described = dialect === "Commet" ? path.replace(/^\/api\/v1\//, "/") : path;
  const segments = described.split("?")[0].replace("/", "").split("/");
  const isOf = (template) => {
    const parts = template.slice(1).split("/");
    return parts.length === segments.length && parts.every((part, n) => part.startsWith("{") || part === segments[n]);
  };
  // A path of another dialect than asked is nobody's.
  const isAsked = (template) => dialectOf(template) === dialect || dialect === "";
  const template = Object.keys(openapi.paths).find((one) => isOf(one) && isAsked(one));
  const operation = openapi.paths[template]?.[method.toLowerCase()];
  let pointer = `#/paths/${escape(template ?? "")}/${method.toLowerCase()}/responses/${status}`;
  let response = operation?.responses[status];
  if (!operation) {
    const name = general(dialect, template, status);
    [pointer, response] = [`#/components/responses/${name}`, openapi.components.responses[name]];
  }
  const where = `${method} ${path.slice(0, 200)} ${status}`;
  assert.ok(response, `${where} is not in openapi.json: ${JSON.stringify(body)?.slice(0, 500)}`);
  if (response.$ref) {
    pointer = response.$ref;
  }
  if (body !== undefined) {
    assertValid(`${pointer}/content/${escape("application/json")}/schema`, body, where);
  }
}

/** What a request that no operation describes is refused with. */
function general(dialect, template, status) {
  // What has no key, or a body that is too long, is refused for that first.
  const own = { 400: "BadRequest", 401: "Unauthorized", 403: "Forbidden", 413: "PayloadTooLarge" };
  const expected = template
    ? { ...own, 405: "MethodNotAllowed", 429: "TooManyRequests", 503: "Unavailable" }
    : { ...own, 404: "NotFound", 429: "TooManyRequests", 503: "Unavailable" };
  const name = dialect === "Meteroid" && status === 501 ? "NotImplemented" : expected[status];
  const isOnItsOwn = ["MethodNotAllowed", "TooManyRequests", "NotImplemented"].includes(name);
  return name && dialect ? dialect + (isOnItsOwn ? name : "Error") : name;
}

function escape(name) {
  return encodeURIComponent(name.replaceAll("~", "~0").replaceAll("/", "~1"));
}
