// The way in: a check that can be answered from memory is answered here and now, all else by the Worker in Rust.
//
// The Rust handler is asynchronous, and each request through it costs a promise, a class instance and a handful of
// crossings of the border to wasm. A check from memory takes a microsecond or two, so that would be most of its time.
import { Catalog as Stored, __worker_init_state, checkNow, fetch } from "../../build/index.js";
// A snapshot to fall back on where nothing else can be had; empty, unless one was put there before the deployment.
import fallback from "../../fallback.snapshot";

globalThis.MAYUSE_FALLBACK_SNAPSHOT = fallback;

/**
 * The Durable Object. A panic ends the instance of WebAssembly that the Rust object lives in, so the next call makes a
 * Rust object in the new instance.
 */
export class Catalog {
  #made;
  #instanceId;
  #object;

  constructor(state, env) {
    this.#made = [state, env];
    this.#living();
  }

  fetch(request) {
    return this.#living().fetch(request);
  }

  alarm() {
    return this.#living().alarm();
  }

  #living() {
    // A call of any exported function starts a new instance after a panic; a method's call does not.
    const { instanceId } = __worker_init_state();
    if (this.#instanceId !== instanceId) {
      this.#object = new Stored(...this.#made);
      this.#instanceId = instanceId;
    }
    return this.#object;
  }
}

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
    // It has already been logged. The next call starts a new instance.
    return undefined;
  }
}

export default {
  fetch(request, env, context) {
    const body = fromMemory(request);
    return body === undefined ? fetch(request, env, context) : new Response(body, ANSWER);
  },
};
