// A Worker of a user that has a replica of its own. It calls what a test tells it to. The store meets the faults that a
// test set; every read is noted.
import { createReplica } from "mayuse/cloudflare";

const UNENDING_MS = 60_000;
let faults = [];
let reads = [];
let clockOff = 0;

const realNow = Date.now;
Date.now = () => realNow() + clockOff;
const bytesOf = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function meet(store, key, options) {
  reads.push(key);
  const fault = faults.find((one) => key.startsWith(one.key ?? "") && (one.times === undefined || one.times-- > 0));
  const real = async () => store.get(key, options);
  switch (fault?.kind) {
    case undefined:
      return real();
    case "down":
      throw new Error("the store is down");
    case "hangs":
      return sleep(UNENDING_MS);
    case "slow":
      await sleep(fault.ms);
      return real();
    case "absent":
      return null;
    case "value":
      return bytesOf(fault.value).buffer;
    case "flipped": {
      const bytes = new Uint8Array(await real());
      return bytes.with(bytes.length >> 1, bytes[bytes.length >> 1] ^ 1).buffer;
    }
  }
}

/** A call of the engine that traps, once. */
let traps = false;
const trapping = (real) => (...args) => {
  if (traps) {
    traps = false;
    throw new WebAssembly.RuntimeError("unreachable");
  }
  return real(...args);
};
const { Instance } = WebAssembly;
WebAssembly.Instance = function (module, imports) {
  const { exports } = new Instance(module, imports);
  const [held_check, held_mayUse] = [exports.held_check, exports.held_mayUse].map(trapping);
  return { exports: { ...exports, held_check, held_mayUse } };
};

/** Stores that stay the same, as a binding does. */
const stores = new WeakMap();
function storeOf(env, isPlain) {
  if (isPlain) return env.SNAPSHOTS;
  if (!stores.has(env.SNAPSHOTS)) stores.set(env.SNAPSHOTS, { get: (key, options) => meet(env.SNAPSHOTS, key, options) });
  return stores.get(env.SNAPSHOTS);
}

let background = 0;

export default {
  async fetch(request, env) {
    const sent = await request.json();
    if (sent.faults) {
      ({ faults, clockOff = clockOff } = sent);
      traps = sent.traps ?? false;
      reads = [];
      return Response.json({});
    }
    if (sent.put) {
      await env.SNAPSHOTS.put(sent.put, bytesOf(sent.value));
      return Response.json({});
    }
    const errors = [];
    const { binding, fallback, isPlain, ...options } = sent.options;
    const before = reads.length;
    try {
      const replica = createReplica({
        ...options, kv: storeOf(env, isPlain),
        ...(binding && { origin: env[binding] }),
        ...(fallback && { fallback: bytesOf(fallback) }),
        onError: (error) => errors.push(String(error?.message ?? error)),
      });
      let answer = replica[sent.call](...(sent.args ?? []));
      const isPromise = answer instanceof Promise;
      answer = await answer;
      if (sent.call === "ready") {
        const [customer, features] = [answer, sent.features];
        for (const id of sent.untilLostTo ?? []) {
          await replica.ready(id);
          if (customer.check({ feature: features[0] }).retryable) break;
        }
        answer = {
          mayUse: features.map((feature) => customer.mayUse(feature)),
          check: features.map((feature) => customer.check({ feature })),
          entitlements: customer.entitlements(),
        };
      }
      return Response.json({ answer, isPromise, reads: reads.slice(before), status: replica.status(), errors });
    } catch (error) {
      const { name, message, code, path } = error;
      return Response.json({ thrown: { name, message, code, path }, errors });
    }
  },
};
