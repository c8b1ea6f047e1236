// The entry point: answers a check from memory synchronously, and passes every other request to the Rust handler.
//
// The Rust handler is asynchronous: each request costs a promise, a class instance and several calls between
// JavaScript and wasm. A check from memory takes a microsecond or two, so this would be most of its time.
import { Catalog as Stored, __worker_init_state, checkNow, fetch } from "../../build/index.js";
// The fallback. It is empty unless a snapshot was put there before the deployment.
import fallback from "../../fallback.snapshot";

export { Rpc } from "./rpc.mjs";

globalThis.MAYUSE_FALLBACK_SNAPSHOT = fallback;

/**
  * The Durable Object. A panic ends the WebAssembly instance of the Rust object, so the next call creates a Rust object
  * in the new instance.
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
    // After a panic, calling an exported function starts a new instance; calling a method does not.
    const { instanceId } = __worker_init_state();
    if (this.#instanceId !== instanceId) {
      this.#object = new Stored(...this.#made);
      this.#instanceId = instanceId;
    }
    return this.#object;
  }
}

// Created once: the runtime copies the headers of a response faster than those of an object or of `Headers`.
const ANSWER = new Response(null, { headers: { "cache-control": "no-store", "content-type": "application/json" } });

/** The body of a 200 response, or undefined. */
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
    // The panic is already logged. The next call starts a new instance.
    return undefined;
  }
}

export default {
  fetch(request, env, context) {
    const body = fromMemory(request);
    return body === undefined ? fetch(request, env, context) : new Response(body, ANSWER);
  },
};
