// Loads the reader's engine, once. An entry says where it is; the first use loads it, so that importing does nothing.
import { initSync as load } from "./wasm/reader.js";
import { compiled, named } from "./load.js";

let place;
let exports;

/** Says where the engine is: what `init` takes, or a function that returns it. */
export function engineAt(source) {
  place = source;
}

/** Loads the engine from a module, bytes, a response or an address, or a promise of one of them. */
export async function init(source = place) {
  if (exports) return;
  const found = typeof source === "function" ? source() : source;
  if (!found) throw new Error("the engine of mayuse is not loaded: call init() or initSync() first");
  initSync(await compiled(found));
}

/** Loads the engine from a module or bytes; by default, from the module that the entry has imported. */
export function initSync(source = place) {
  exports ??= load({ module: named(source) });
}

/** The memory of the engine. */
export const memory = () => exports.memory;
