// The reader without an engine of its own: `init` or `initSync` loads it.
export * from "./mayuse.js";
export { init, initSync } from "./engine.js";
