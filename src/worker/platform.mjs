// What the platform does for the Worker, many at a time and not for ever: here, because a line of it is a hundred bytes of
// JavaScript and thousands of WebAssembly.

/** What a promise comes to, unless that takes longer than so many milliseconds. */
async function within(ms, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms);
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

/** A value of a KV namespace as bytes, null where there is none. */
export async function read(kv, key, cacheTtl, ms) {
  const found = await within(ms, kv.get(key, { type: "arrayBuffer", cacheTtl }));
  return found === null ? null : new Uint8Array(found);
}

// The least seconds the platform keeps a value near by.
const LEAST_TTL_S = 30;

/** Several at the same time. Of each that fails, what is said. */
export async function readAll(kv, keys, cacheTtl, ms) {
  // That nothing is there is kept near by for as long as what is there would be. What came meanwhile is seen by one that
  // asks for less.
  const soon = async (key) => (await read(kv, key, cacheTtl, ms)) ?? read(kv, key, LEAST_TTL_S, ms);
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
