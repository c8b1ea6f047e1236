// Where snapshots are read from.
import { SnapshotError, fault } from "./errors.js";

/** How many objects are read at the same time. */
const AT_ONCE = 8;

/**
 * A source in one form: `file` reads a snapshot of one file; or `manifest` reads a manifest, and `object` an object by
 * its hash. `isOnce` says that there is nothing newer to be read.
 */
export function readerOf(source) {
  if (source instanceof ArrayBuffer || ArrayBuffer.isView(source)) return once(async () => source);
  // A blob or a response.
  if (typeof source?.arrayBuffer === "function") return once(() => ("ok" in source ? bodyOf(source, source.url) : source.arrayBuffer()));
  const { url, kv, prefix = "", file, folder } = source ?? {};
  if (kv) return folderOf((key) => prefix + key, (key) => kv.get(key, "arrayBuffer"));
  if (file) return { file: async () => unless("EISDIR", files().readFile(file), `${file} is a folder: open it as { folder }`) };
  if (folder) return folderOf((key) => below(folder, key), async (path) => unless("ENOENT", files().readFile(path)));
  if (!url) throw new TypeError("expected bytes, a response, a blob, { url }, { kv }, { file } or { folder }");
  const get = async (place, signal) => bodyOf(await (source.fetch ?? fetch)(place, { signal }), place);
  const place = new URL(url, globalThis.location?.href);
  if (place.pathname.endsWith(".snapshot")) return { file: (signal) => get(place, signal) };
  // A Worker of mayuse serves objects at another path than a folder of files.
  const isWorker = /\/v1\/snapshot\/?$/.test(place.pathname);
  const addressOf = (key) => below(place, isWorker ? key.replace(/^o\//, "objects/") : key);
  return folderOf(addressOf, get);
}

const once = (file) => ({ file, isOnce: true });

function folderOf(placeOf, get) {
  const read = async (key, signal) => {
    const place = placeOf(key);
    const bytes = await get(place, signal);
    if (!bytes) throw fault(SnapshotError, "SNAPSHOT_MISSING", "", `${place} is not there`);
    return bytesOf(bytes);
  };
  return { manifest: (signal) => read("manifest", signal), object: (hash, signal) => read(`o/${hash}`, signal) };
}

/** The bytes of a buffer or a view, without a copy. */
export const bytesOf = (found) =>
  ArrayBuffer.isView(found) ? new Uint8Array(found.buffer, found.byteOffset, found.byteLength) : new Uint8Array(found);

async function bodyOf(response, place) {
  if (response.ok) return response.arrayBuffer();
  // A signed address has its secret in the query.
  throw fault(SnapshotError, "SNAPSHOT_MISSING", "", `${`${place}`.split("?")[0]} answered ${response.status}`);
}

// A place below a folder, which may be an address, or a path of files.
function below(folder, key) {
  if (!(folder instanceof URL)) return `${folder}/${key}`;
  const place = new URL(folder);
  place.pathname = `${place.pathname.replace(/\/$/, "")}/${key}`;
  return place;
}

// What is read, or nothing if it fails with this code; with a message, that is thrown instead.
const unless = (code, read, message) =>
  read.catch((error) => {
    if (error.code !== code) throw error;
    if (message) throw new TypeError(message);
  });

// Not imported: bundlers for browsers would look for it.
function files() {
  const found = globalThis.process?.getBuiltinModule?.("node:fs/promises");
  if (!found) throw new TypeError("{ file } and { folder } are for Node 20.16 and later, Deno and Bun");
  return found;
}

/**
 * Calls `read` with every item, a few of them at the same time, and `take` with what that found. After a failure it calls
 * neither: what is read still may arrive when something else is being taken.
 */
export async function eachAtOnce(items, read, take) {
  let next = 0;
  const worker = async () => {
    while (next < items.length) {
      const item = items[next++];
      const found = await read(item);
      if (next !== Infinity) take(item, found);
    }
  };
  try {
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
  } finally {
    next = Infinity;
  }
}

/** Waits for a promise, but no longer than until the signal. */
export function unlessAborted(promise, signal) {
  if (!signal) return promise;
  let stop;
  const aborted = new Promise((_, reject) => {
    stop = () => reject(signal.reason);
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop);
  });
  return Promise.race([promise, aborted]).finally(() => signal.removeEventListener("abort", stop));
}
