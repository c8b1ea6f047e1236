// The way in: a check that can be answered from memory is answered here and now, all else by the Worker in Rust.
//
// The Rust handler is asynchronous, and each request through it costs a promise, a class instance and a handful of
// crossings of the border to wasm. A check from memory takes a microsecond or two, so that would be most of its time.
import Entry from "../../build/index.js";
// A snapshot to fall back on where nothing else can be had; empty, unless one was put there before the deployment.
import fallback from "../../fallback.snapshot";

// The Durable Object's class among them.
export * from "../../build/index.js";

globalThis.MAYUSE_FALLBACK_SNAPSHOT = fallback;

// worker-build makes each function that is exported from Rust a method of the class of the Worker.
const { checkNow } = Entry.prototype;

// Made once: the runtime copies them for each answer.
const ANSWER = { headers: new Headers({ "cache-control": "no-store", "content-type": "application/json" }) };

/** The bytes of an answer with status 200, or nothing. */
function fromMemory(request) {
  const { url } = request;
  // The scheme, its slashes and one character of a host are at least eight characters.
  if (request.method !== "GET" || !url.startsWith("/v1/check?", url.indexOf("/", 8))) {
    return undefined;
  }
  try {
    const { headers } = request;
    return checkNow(url, headers.get("authorization"), headers.get("x-api-key"), headers);
  } catch {
    // It has already been logged. The next call finds the instance dead and starts a new one.
    return undefined;
  }
}

export default {
  fetch(request, env, context) {
    const body = fromMemory(request);
    return body === undefined ? new Entry(context, env).fetch(request) : new Response(body, ANSWER);
  },
};
