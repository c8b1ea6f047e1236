// The built Worker in the real runtime, asked over HTTP. Whatever it answers is held against openapi.json.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { Agent, request } from "node:http";
import addFormats from "ajv-formats";
import Ajv2020 from "ajv/dist/2020.js";
import { Miniflare, NoOpLog } from "miniflare";

const file = (path, encoding = "utf8") => readFileSync(new URL(`../../${path}`, import.meta.url), encoding);
const modules = [
  { type: "ESModule", path: "index.js", contents: file("build/index.js") },
  { type: "CompiledWasm", path: "index_bg.wasm", contents: file("build/index_bg.wasm", null) },
];
const compatibilityDate = file("wrangler.toml").match(/^compatibility_date = "(.+)"$/m)[1];

export const openapi = JSON.parse(file("openapi.json"));
export const demo = () => JSON.parse(file("demo/catalog.json"));
export const vectorFile = (name) => JSON.parse(file(`tests/vectors/${name}`));
export const JSON_TYPE = { "content-type": "application/json" };
/** An instant for which demo/README.md is true. */
export const AT = "2026-11-20T12:00:00Z";

/** Starts one Worker for each set of bindings, each under a host name of its own. */
export async function start(...bindingsOfEach) {
  const host = (n) => `worker-${n}.test`;
  const workers = bindingsOfEach.map((bindings, n) => ({
    name: `worker-${n}`,
    routes: [`${host(n)}/*`],
    modules,
    compatibilityDate,
    bindings,
  }));
  // What the runtime says of panics and hang-ups that are meant is not shown.
  const handleRuntimeStdio = (...streams) => streams.forEach((stream) => stream.resume());
  const miniflare = new Miniflare({ workers, log: new NoOpLog(), handleRuntimeStdio });
  const { hostname, port } = await miniflare.ready;
  // A connection is closed after a refusal, so that none is used again.
  const agent = new Agent({ keepAlive: false, maxSockets: 32 });
  const workersAsked = bindingsOfEach.map((_, n) => new Asked({ hostname, port, agent }, host(n)));
  const stop = async () => {
    agent.destroy();
    await miniflare.dispose();
  };
  return { workers: workersAsked, worker: workersAsked[0], stop };
}

/** A Worker to ask. */
class Asked {
  constructor(target, host) {
    Object.assign(this, { target, host });
  }

  /**
   * Sends exactly this: the path is not normalised, and a body given as a list goes in chunks, its length unsaid.
   * Of one that is `unfinished`, the end is held back until the answer is there; with a `pause`, all but the first
   * chunk until that is over.
   */
  send(method, path, { body = "", headers = {}, unfinished = false, pause } = {}) {
    return new Promise((resolve, reject) => {
      const length = Array.isArray(body) ? {} : { "content-length": Buffer.byteLength(body) };
      const options = { ...this.target, method, path, headers: { host: this.host, ...length, ...headers } };
      const sent = request(options, (answer) => {
        const chunks = [];
        answer.on("data", (chunk) => chunks.push(chunk));
        answer.on("error", reject);
        answer.on("end", () => {
          const text = Buffer.concat(chunks).toString();
          resolve({ status: answer.statusCode, headers: answer.headers, text });
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
    const where = `${method} ${path.slice(0, 200)}: ${status} ${text.slice(0, 500)}`;
    assert.equal(headers["content-type"], "application/json", where);
    assert.equal(headers["cache-control"], "no-store", where);
    assert.equal(headers.allow !== undefined, status === 405, where);
    if (method === "HEAD") {
      assert.equal(text, "", where);
      validate(path, "GET", status, undefined);
      return { status, headers };
    }
    const body = JSON.parse(text);
    validate(path, method, status, body);
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

  check(question) {
    return this.post("/v1/check", question);
  }
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
export function validate(path, method, status, body) {
  const segments = path.split("?")[0].replace(/^\/+/, "").split("/");
  const isOf = (template) => {
    const parts = template.slice(1).split("/");
    return parts.length === segments.length && parts.every((part, n) => part.startsWith("{") || part === segments[n]);
  };
  const template = Object.keys(openapi.paths).find(isOf);
  const operation = openapi.paths[template]?.[method.toLowerCase()];
  let pointer = `#/paths/${escape(template ?? "")}/${method.toLowerCase()}/responses/${status}`;
  let response = operation?.responses[status];
  if (!template) {
    [pointer, response] = general(404, "NotFound", status);
  } else if (!operation) {
    [pointer, response] = general(405, "MethodNotAllowed", status);
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

/** What is answered to any request that no operation describes. */
function general(expected, name, status) {
  // What has a body and is not described is refused for its length first.
  const found = status === 413 ? "PayloadTooLarge" : status === expected ? name : undefined;
  return [`#/components/responses/${found}`, openapi.components.responses[found]];
}

function escape(name) {
  return encodeURIComponent(name.replaceAll("~", "~0").replaceAll("/", "~1"));
}
