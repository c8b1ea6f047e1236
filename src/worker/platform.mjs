// What the platform does for the Worker, many at a time and not for ever: here, because a line of it is a hundred bytes of
// JavaScript and thousands of WebAssembly.

/** What a promise comes to, unless that takes longer than so many milliseconds. */
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

/** Waits; for no time at all, so that whatever else waits has its turn. */
export function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

// How many bytes of bodies there may be at a time, in the Worker and in the object each: of the 128 MB an isolate has.
const CEILING = 32 * 1024 * 1024;
// What of it is kept for bodies as small as a question, and how small those are.
const SPARE = 2 * 1024 * 1024;
const SMALL = 16 * 1024;
// How much of it one key may have with more than one body.
const SHARE = 16 * 1024 * 1024;
// How long a client may pause, and take in all.
const PAUSE_MS = 30_000;
const BODY_MS = 300_000;

/** The bodies there are. One whose request ended unseen is let go once it should long have been answered. */
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
 * Reads a body into memory of the platform, which takes it back whatever becomes of the request. What is resolved to
 * has its `bytes` and is to be let go with `freeBody`, or is a word that says why there is none.
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

/** Lets go of a body, once. */
export function freeBody(body) {
  body.room.free(body);
}

/** What keeps bytes from being an object of this hash: "hash", "text", or nothing. */
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

/** A value of a KV namespace as bytes, null where there is none. */
async function read(kv, key, cacheTtl, ms) {
  const found = await within(ms, kv.get(key, { type: "arrayBuffer", cacheTtl }));
  return found === null ? null : new Uint8Array(found);
}

// The least seconds the platform keeps a value near by.
const LEAST_TTL_S = 30;

/** Several at the same time. Of each that fails, what is said. */
export async function readAll(kv, keys, cacheTtl, ms) {
  // That nothing is there is kept near by for as long as what is there would be. What came meanwhile is seen by one that
  // asks for less.
  const again = (key) => (LEAST_TTL_S < cacheTtl ? read(kv, key, LEAST_TTL_S, ms) : null);
  const soon = async (key) => (await read(kv, key, cacheTtl, ms)) ?? again(key);
  const one = (key) => soon(key).catch((error) => String(error?.message ?? error));
  return Promise.all(keys.map(one));
}

/** Puts values under keys, or takes the keys away where there are no values; a few at the same time. */
export async function write(kv, keys, values, ms) {
  const one = (n) => within(ms, values === undefined ? kv.delete(keys[n]) : kv.put(keys[n], values[n]));
  await Promise.all(keys.map((_, n) => one(n)));
}

/** Whether the other half of an Ed25519 key signed a message. */
export async function verifies(key, message, signature) {
  const imported = await crypto.subtle.importKey("raw", key, "Ed25519", false, ["verify"]);
  return crypto.subtle.verify("Ed25519", imported, signature, message);
}

// What stands before the 32 bytes of a secret where it is written as the platform reads it (RFC 8410).
const PKCS8 = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];

/** The public half of an Ed25519 key, and a function that signs. */
export async function signer(seed) {
  const key = await crypto.subtle.importKey("pkcs8", new Uint8Array([...PKCS8, ...seed]), "Ed25519", true, ["sign"]);
  const { x } = await crypto.subtle.exportKey("jwk", key);
  const binary = atob(x.replaceAll("-", "+").replaceAll("_", "/"));
  const publicKey = Uint8Array.from(binary, (letter) => letter.charCodeAt(0));
  return { publicKey, sign: async (message) => new Uint8Array(await crypto.subtle.sign("Ed25519", key, message)) };
}

/** The bytes of a file that was deployed beside the Worker. */
export async function asset(env, path) {
  const response = await env.ASSETS.fetch(`http://assets${path}`);
  if (!response.ok) {
    throw new Error(`it answers ${response.status}`);
  }
  return new Uint8Array(await response.arrayBuffer());
}

// How long the object may take to say how it is.
const READY_WITHIN_MS = 3_000;

/** What an object says of itself, as text. */
export async function readiness({ CATALOG }, name) {
  const signal = AbortSignal.timeout(READY_WITHIN_MS);
  const response = await CATALOG.get(CATALOG.idFromName(name)).fetch("http://catalog/readyz", { signal });
  if (!response.ok) {
    throw new Error(`it answers ${response.status}`);
  }
  return response.text();
}

/** What reads the body of a request in pieces. */
export function reader({ body }) {
  return body?.getReader();
}

/** The next piece, null at the end. */
export async function chunk(reader) {
  const { value = null } = (await reader?.read()) ?? {};
  return value;
}

/**
 * Hands a request to the object of this name, together with who asks, in the header `asker`, and gives its answer the
 * request's id. No `body` is that of a request without one; 0 `ms` is as long as it takes.
 */
export async function forward({ CATALOG }, name, request, asker, by, id, body, ms) {
  const headers = new Headers(request.headers);
  headers.set(asker, by);
  const init = { headers };
  if (body !== undefined) {
    // They tell of the body as it was sent.
    headers.delete("content-length");
    headers.delete("transfer-encoding");
    init.body = body;
  }
  if (ms !== 0) {
    init.signal = AbortSignal.timeout(ms);
  }
  // Made from the URL it would lose the dots in it.
  const answer = await CATALOG.get(CATALOG.idFromName(name)).fetch(new Request(request, init));
  // An answer of another Worker is read-only; its body is passed on as it is.
  const response = new Response(answer.body, answer);
  response.headers.set("x-request-id", id);
  return response;
}
