// Loads the reader's engine. An entry says where it is; the first use loads it, so that importing does nothing.
import { compiled } from "./load.js";
import { Engine } from "./memory.js";

let place;
let largerPlace;

/** The engine that the next snapshot gets. A larger one takes the place of a smaller one, never the other way round. */
export let engine;

/**
 * Says where the engine is: what `init` takes, or a function that returns it. `larger` is the same for the engine that
 * explains.
 */
export function engineAt(source, larger) {
  place = source;
  largerPlace = larger;
}

/** Loads the engine from a module, bytes, a response or an address, or a promise of one of them. */
export async function init(source = place) {
  if (!engine) initSync(await compiled(given(source)));
}

/** Loads the engine from a module or bytes; by default, from the module that the entry has imported. */
export function initSync(source = place) {
  engine ??= new Engine(given(source));
}

/** Loads the engine that explains, if the entry knows where it is. */
export async function initLarger() {
  if (!largerPlace) return init();
  if (engine?.explains) return;
  const module = await compiled(given(largerPlace));
  if (!engine?.explains) engine = new Engine(module);
}

function given(source) {
  const found = typeof source === "function" ? source() : source;
  if (!found) throw new Error("the engine of mayuse is not loaded: call init() or initSync() first");
  return found;
}
