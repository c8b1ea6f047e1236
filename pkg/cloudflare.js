// The snapshot in the memory of the isolate that asks.
import * as platform from "cloudflare:workers";
import { initSync } from "./engine.js";
import { Replica } from "./replica.js";

export { ClosedError, DocumentError, MayUseError, QuestionError, SnapshotError } from "./errors.js";

/** The replicas of this isolate, by their KV namespaces. Most have one. */
const replicas = new WeakMap();

/** The options that tell replicas apart. Bindings and functions belong to the isolate, like the namespace. */
const NAMES = [
  "publicKeys", "prefix", "audience", "minVersion", "maxAgeMs", "staleAfterMs", "onIndeterminate", "refreshMs", "heartbeatMs",
  "maxBytes",
];

/** The replica of this isolate for these options. Every request gets the same one. */
export function createReplica(options) {
  const { kv } = options;
  let list = replicas.get(kv);
  if (!list) replicas.set(kv, (list = []));
  for (const [known, replica] of list) if (isSame(known, options)) return replica;
  initSync();
  const replica = new Replica({ waitUntil: platform.waitUntil, ...options });
  list.push([options, replica]);
  return replica;
}

function isSame(one, other) {
  for (const name of NAMES) {
    if (one[name] !== other[name] && String(one[name]) !== String(other[name])) return false;
  }
  return true;
}
