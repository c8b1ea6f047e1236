// A KV namespace as a replica reads it: within a time, and without throwing away what went wrong.
import { SnapshotError, fault } from "./errors.js";
import { hasHash } from "./verify.js";

/** How many objects are read at the same time: a Worker may have six connections. */
export const AT_ONCE = 6;

// How long the platform may answer from a cache of its own: for a manifest as short as it allows. Objects never change,
// but an absence is cached, too.
const MANIFEST_TTL_S = 30;
const OBJECT_TTL_S = 600;

export class Store {
  #kv;
  #prefix;
  /** How many reads there were. */
  nReads = 0;

  constructor(kv, prefix) {
    this.#kv = kv;
    this.#prefix = prefix;
  }

  /** The newest manifest; null if nothing is published. */
  manifest(ms) {
    return this.#read("manifest", MANIFEST_TTL_S, ms);
  }

  /** An object whose hash was compared. */
  async object(hash, ms) {
    const bytes = await this.#read(`o/${hash}`, OBJECT_TTL_S, ms);
    if (!bytes) throw fault(SnapshotError, "SNAPSHOT_MISSING", "", `the object ${hash} is not there`);
    await hasHash(bytes, hash);
    return bytes;
  }

  async #read(key, cacheTtl, ms) {
    this.nReads += 1;
    let found;
    try {
      found = await within(ms, this.#kv.get(this.#prefix + key, { type: "arrayBuffer", cacheTtl }));
    } catch (error) {
      throw new Outage(`the store: ${key}: ${error?.message ?? error}`, { cause: error });
    }
    return found && new Uint8Array(found);
  }
}

/** A store that fails, or does not answer in time. */
export class Outage extends Error {}

/** Waits for a promise, but not longer than so many milliseconds. */
export async function within(ms, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${Math.round(ms)} ms`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
