// The document's build without an engine of its own: `init` or `initSync` loads it.
import { initSync as load } from "./wasm/mayuse.js";
import { compiled, named } from "./load.js";

/** Loads the engine from a module, bytes, a response or an address, or a promise of one of them. */
export const init = async (source) => initSync(await compiled(source));
/** Loads the engine from a module or bytes. */
export const initSync = (source) => void load({ module: named(source) });
export * from "./document.js";
