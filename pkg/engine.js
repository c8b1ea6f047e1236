// Loads the reader's engine, once. An entry says where it is; the first use loads it, so that importing does nothing.
import { compiled, named } from "./load.js";

let place;

/** The functions and the memory of the engine, under the names that wasm-bindgen gives them. */
export let engine;

/** Says where the engine is: what `init` takes, or a function that returns it. */
export function engineAt(source) {
  place = source;
}

/** Loads the engine from a module, bytes, a response or an address, or a promise of one of them. */
export async function init(source = place) {
  if (engine) return;
  const found = typeof source === "function" ? source() : source;
  if (!found) throw new Error("the engine of mayuse is not loaded: call init() or initSync() first");
  initSync(await compiled(found));
}

/** Loads the engine from a module or bytes; by default, from the module that the entry has imported. */
export function initSync(source = place) {
  if (engine) return;
  const found = named(source);
  const module = found instanceof WebAssembly.Module ? found : new WebAssembly.Module(found);
  const imports = {};
  for (const { module: from, name } of WebAssembly.Module.imports(module)) imports[from] = { [name]: stopped };
  engine = new WebAssembly.Instance(module, imports).exports;
}

// The only function that the engine imports. It is called where the engine may not go on.
function stopped() {
  throw new Error("the engine of mayuse was used while it answered, or after it was freed");
}
