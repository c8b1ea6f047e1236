// Platform calls of the Worker, concurrent and with timeouts. They are in JavaScript because the same code is far
// larger as WebAssembly.

/** Awaits a promise for at most `ms` milliseconds. */
async function within(ms, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(Object.assign(new Error(`no answer within ${ms} ms`), { isLate: true })), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Waits. With 0 milliseconds, it only yields to other requests. */
export function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

// The memory budget for request bodies, for the Worker and for the Durable Object each, of the 128 MB of an isolate.
const CEILING = 32 * 1024 * 1024;
// The part of the budget that is reserved for small bodies such as questions, and the maximum size of those.
const SPARE = 2 * 1024 * 1024;
const SMALL = 16 * 1024;
// The maximum share of one key with more than one body.
const SHARE = 16 * 1024 * 1024;
// The longest pause of a client, and the longest time for a whole body.
const PAUSE_MS = 30_000;
const BODY_MS = 300_000;

/** The bodies in memory. A body that was never freed expires, because its request may have ended unnoticed. */
class Room {
  bodies = new Set();
  bytes = 0;
  of = new Map();

  add(body, n) {
    const own = (this.of.get(body.who) ?? 0) + n;
    own === 0 ? this.of.delete(body.who) : this.of.set(body.who, own);
    this.bytes += n;
    body.held += n;
    body.until = Date.now() + 2 * PAUSE_MS;
  }

  free(body) {
    if (this.bodies.delete(body)) {
      this.add(body, -body.held);
    }
  }

  fits(body, n) {
    if (body.held + n <= SMALL) {
      return this.bytes + n <= CEILING;
    }
    const own = this.of.get(body.who) ?? 0;
    return this.bytes + n <= CEILING - SPARE && (own === body.held || own + n <= SHARE);
  }

  takes(body, n) {
    if (!this.fits(body, n)) {
      [...this.bodies].filter(({ until }) => until < Date.now()).forEach((one) => this.free(one));
    }
    const fits = this.bodies.has(body) && this.fits(body, n);
    if (fits) {
      this.add(body, n);
    }
    return fits;
  }
}

const rooms = { worker: new Room(), object: new Room() };

/**
  * Reads a body into JavaScript memory, which is freed whatever happens to the request. Resolves to an object with
  * `bytes`, which the caller frees with `freeBody`, or to a word with the reason of the failure.
 */
export async function readBody(request, limit, where, who) {
  const room = rooms[where];
  const body = { who, held: 0, until: 0, bytes: undefined, room };
  const length = request.headers.get("content-length");
  const announced = Number(length ?? 0);
  if (limit < announced) {
    return "large";
  }
  room.bodies.add(body);
  const problem = room.takes(body, announced) ? await readInto(body, request, limit, length, announced) : "busy";
  if (problem) {
    room.free(body);
    return problem;
  }
  return body;
}

async function readInto(body, request, limit, length, announced) {
  if (!request.body) {
    body.bytes = new Uint8Array(0);
    return undefined;
  }
  const reader = request.body.getReader();
  const end = (problem) => {
    reader.cancel().catch(() => {});
    return problem;
  };
  const [chunks, until] = [[], Date.now() + BODY_MS];
  let n = 0;
  for (;;) {
    let part;
    try {
      part = await within(PAUSE_MS, reader.read());
    } catch (error) {
      return end(error.isLate ? "late" : "interrupted");
    }
    if (part.done) {
      break;
    }
    chunks.push(part.value);
    n += part.value.byteLength;
    if (limit < n) {
      return end("large");
    }
    if (until < Date.now()) {
      return end("late");
    }
    if (!body.room.takes(body, Math.max(0, n - body.held))) {
      return end("busy");
    }
  }
  if (length !== null && n < announced) {
    return "interrupted";
  }
  if (chunks.length === 1) {
    [body.bytes] = chunks;
    return undefined;
  }
  body.bytes = new Uint8Array(n);
  let at = 0;
  for (const chunk of chunks) {
    body.bytes.set(chunk, at);
    at += chunk.byteLength;
  }
  return undefined;
}

/** Frees a body. A second call has no effect. */
export function freeBody(body) {
  body.room.free(body);
}

/** Why bytes are not the object with this hash: "hash", "text", or undefined if they are. */
export async function notObject(bytes, hash) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  if (hash !== Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("")) {
    return "hash";
  }
  const decoder = new TextDecoder("utf-8", { fatal: true });
  try {
    for (let at = 0; at < bytes.length; at += 65536) {
      decoder.decode(bytes.subarray(at, at + 65536), { stream: true });
    }
    decoder.decode();
  } catch {
    return "text";
  }
  return undefined;
}

/** Reads a KV value as bytes, or null if it is absent. */
async function read(kv, key, cacheTtl, ms) {
  const found = await within(ms, kv.get(key, { type: "arrayBuffer", cacheTtl }));
  return found === null ? null : new Uint8Array(found);
}

// The shortest cache time that the platform allows.
const LEAST_TTL_S = 30;

/** Reads several values concurrently. A failed read becomes its error message. */
export async function readAll(kv, keys, cacheTtl, ms) {
  // The platform caches that a value is absent as long as a value. A second read with a shorter cache time finds a
  // value that was stored meanwhile.
  const again = (key) => (LEAST_TTL_S < cacheTtl ? read(kv, key, LEAST_TTL_S, ms) : null);
  const soon = async (key) => (await read(kv, key, cacheTtl, ms)) ?? again(key);
  const one = (key) => soon(key).catch((error) => String(error?.message ?? error));
  return Promise.all(keys.map(one));
}

/** Stores values under keys, or deletes the keys if `values` is undefined, concurrently. */
export async function write(kv, keys, values, ms) {
  const one = (n) => within(ms, values === undefined ? kv.delete(keys[n]) : kv.put(keys[n], values[n]));
  await Promise.all(keys.map((_, n) => one(n)));
}

/** Verifies an Ed25519 signature. */
export async function verifies(key, message, signature) {
  const imported = await crypto.subtle.importKey("raw", key, "Ed25519", false, ["verify"]);
  return crypto.subtle.verify("Ed25519", imported, signature, message);
}

// The PKCS #8 prefix of a 32-byte Ed25519 secret (RFC 8410).
const PKCS8 = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];

/** The public key of an Ed25519 secret, and a function that signs with it. */
export async function signer(seed) {
  const key = await crypto.subtle.importKey("pkcs8", new Uint8Array([...PKCS8, ...seed]), "Ed25519", true, ["sign"]);
  const { x } = await crypto.subtle.exportKey("jwk", key);
  const binary = atob(x.replaceAll("-", "+").replaceAll("_", "/"));
  const publicKey = Uint8Array.from(binary, (letter) => letter.charCodeAt(0));
  return { publicKey, sign: async (message) => new Uint8Array(await crypto.subtle.sign("Ed25519", key, message)) };
}

/** Reads a static asset of the deployment. */
export async function asset(env, path) {
  const response = await env.ASSETS.fetch(`http://assets${path}`);
  if (!response.ok) {
    throw new Error(`it answers ${response.status}`);
  }
  return new Uint8Array(await response.arrayBuffer());
}

// The timeout of a readiness report.
const READY_WITHIN_MS = 3_000;

/** The readiness report of a Durable Object, as text. */
export async function readiness({ CATALOG }, name) {
  const signal = AbortSignal.timeout(READY_WITHIN_MS);
  const response = await CATALOG.get(CATALOG.idFromName(name)).fetch("http://catalog/readyz", { signal });
  if (!response.ok) {
    throw new Error(`it answers ${response.status}`);
  }
  return response.text();
}

/** A reader of a request's body. */
export function reader({ body }) {
  return body?.getReader();
}

/** The next chunk, or null at the end. */
export async function chunk(reader) {
  const { value = null } = (await reader?.read()) ?? {};
  return value;
}

/**
  * Forwards a request to the named Durable Object, with the key's name in the header `asker`, and adds the request's id
  * to the response. An undefined `body` leaves the request's own; 0 `ms` means no timeout.
 */
export async function forward({ CATALOG }, name, request, asker, by, id, body, ms) {
  const headers = new Headers(request.headers);
  headers.set(asker, by);
  const init = { headers };
  if (body !== undefined) {
    // These headers describe the body as the client sent it.
    headers.delete("content-length");
    headers.delete("transfer-encoding");
    init.body = body;
  }
  if (ms !== 0) {
    init.signal = AbortSignal.timeout(ms);
  }
  // A request made from the URL would lose the dots in its path.
  const answer = await CATALOG.get(CATALOG.idFromName(name)).fetch(new Request(request, init));
  // The response of a Durable Object is read-only, so it is copied; its body is passed through.
  const response = new Response(answer.body, answer);
  response.headers.set("x-request-id", id);
  return response;
}
