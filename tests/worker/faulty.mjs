// The Worker with bindings that fail on purpose. Every call of a binding is noted, and meets the faults a test set.
//
// A test sets faults by POST /__faults, which begins the notes anew; GET /__calls gives the notes. Below /__kv/ is the
// store as it is, past all faults, and POST /__sql runs a statement on the database of the object. The object lives in the same isolate, so its bindings meet the same faults.
import shim, { Catalog as Real } from "../../src/worker/shim.mjs";

export * from "../../src/worker/shim.mjs";

const UNENDING_MS = 60_000;
let faults = [];
let calls = [];
let clockOff = 0;

const realNow = Date.now;
Date.now = () => realNow() + clockOff;

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const bytesOf = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

/** The first fault that is meant for a call; each may let some pass first, and be over after some. */
function faultOf(call, key) {
  for (const fault of faults) {
    if (fault.call === call && key.startsWith(fault.key ?? "")) {
      fault.seen = (fault.seen ?? 0) + 1;
      const nth = fault.seen - (fault.skip ?? 0);
      if (nth > 0 && nth <= (fault.times ?? Infinity)) {
        return fault;
      }
    }
  }
  return undefined;
}

/** What a value of the store has become. */
const SPOILT = {
  absent: () => null,
  flipped: (bytes) => bytes.with(bytes.length >> 1, bytes[bytes.length >> 1] ^ 1),
  short: (bytes) => bytes.slice(0, bytes.length >> 1),
  wild: (bytes) => bytes.with(bytes.length >> 1, 0xff),
  empty: () => new Uint8Array(),
};

/** Makes a call, or what a fault makes of it. */
async function meet(call, key, real, kv) {
  calls.push(`${call} ${key}`);
  const fault = faultOf(call, key);
  switch (fault?.kind) {
    case undefined:
      return real();
    case "down":
      throw new Error(`${call} ${key}: ${fault.says ?? "the binding is down"}`);
    case "lost":
      await real();
      throw new Error(`${call} ${key}: the answer is lost`);
    case "hangs":
      return sleep(UNENDING_MS);
    case "value":
      return fault.value === null ? null : bytesOf(fault.value).buffer;
    case "first":
      // Something else happens just before.
      for (const [name, value] of Object.entries(fault.puts ?? {})) {
        await kv.put(name, bytesOf(value));
      }
      await Promise.all((fault.deletes ?? []).map((name) => kv.delete(name)));
      return real();
    default: {
      const found = await real();
      return found === null ? null : (SPOILT[fault.kind](new Uint8Array(found))?.buffer ?? null);
    }
  }
}

/** An object with some methods in place of its own. The others, called on it, are called on the object. */
function over(target, methods) {
  const get = (_, name) => {
    const own = target[name];
    if (Object.hasOwn(methods, name)) {
      return methods[name];
    }
    return typeof own === "function" && name !== "constructor" ? own.bind(target) : own;
  };
  return new Proxy(target, { get });
}

function binding(name, bound) {
  if (name === "SNAPSHOTS" && bound) {
    return over(bound, {
      get: (key, options) => meet("get", key, () => bound.get(key, options), bound),
      put: (key, value) => meet("put", key, () => bound.put(key, value), bound),
      delete: (key) => meet("delete", key, () => bound.delete(key), bound),
    });
  }
  if (name === "CATALOG" && bound) {
    const stub = (real) => over(real, { fetch: (...sent) => meet("fetch", "catalog", () => real.fetch(...sent)) });
    return over(bound, { get: (id) => stub(bound.get(id)) });
  }
  if (String(name).startsWith("RATE_LIMIT_") && bound) {
    return over(bound, { limit: (what) => meet("limit", name, () => bound.limit(what)) });
  }
  return bound;
}

const faulty = (env) => new Proxy(env, { get: (_, name) => binding(name, env[name]) });

export class Catalog extends Real {
  constructor(state, env) {
    super(state, faulty(env));
    this.sql = state.storage.sql;
  }

  async fetch(request) {
    if (new URL(request.url).pathname === "/__sql") {
      const { statement, bindings = [] } = await request.json();
      return Response.json([...this.sql.exec(statement, ...bindings)]);
    }
    return super.fetch(request);
  }
}

async function control(request, env, path) {
  if (path === "/__faults") {
    ({ faults, clockOff = 0 } = await request.json());
    calls = [];
    return Response.json({});
  }
  if (path === "/__calls") {
    return Response.json(calls);
  }
  if (path === "/__sql") {
    return env.CATALOG.get(env.CATALOG.idFromName("catalog")).fetch(request);
  }
  const key = path.slice("/__kv/".length);
  if (key === "") {
    const names = [];
    for (let page = { list_complete: false }; !page.list_complete; ) {
      page = await env.SNAPSHOTS.list({ cursor: page.cursor });
      names.push(...page.keys.map(({ name }) => name));
    }
    return Response.json(names);
  }
  if (request.method === "PUT") {
    await env.SNAPSHOTS.put(key, await request.arrayBuffer());
  } else if (request.method === "DELETE") {
    await env.SNAPSHOTS.delete(key);
  }
  const found = await env.SNAPSHOTS.get(key, "arrayBuffer");
  return new Response(found, { status: found === null ? 404 : 200 });
}

export default {
  fetch(request, env, context) {
    const { pathname } = new URL(request.url);
    return pathname.startsWith("/__") ? control(request, env, pathname) : shim.fetch(request, faulty(env), context);
  },
};
