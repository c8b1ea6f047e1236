// The snapshot in the memory of the isolate that asks.
import * as platform from "cloudflare:workers";
import { initSync } from "./engine.js";
import { Replica } from "./replica.js";

export { ClosedError, DocumentError, MayUseError, QuestionError, SnapshotError } from "./errors.js";

/** The replicas of this isolate, by their KV namespaces, and then by their options. */
const replicas = new WeakMap();

/** The replica of this isolate for these options. Every request gets the same one. */
export function createReplica(options) {
  let ofStore = replicas.get(options.kv);
  if (!ofStore) replicas.set(options.kv, (ofStore = new Map()));
  // Bindings and functions belong to the isolate, like the namespace, and are those of the first call.
  const name = JSON.stringify(options, (name, value) => (name === "" || isPlain(value) ? value : undefined));
  let replica = ofStore.get(name);
  if (!replica) {
    initSync();
    replica = new Replica({ waitUntil: platform.waitUntil, ...options });
    ofStore.set(name, replica);
  }
  return replica;
}

const isPlain = (value) => ["string", "number"].includes(typeof value) || Array.isArray(value);
