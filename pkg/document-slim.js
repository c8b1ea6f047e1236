// The document's build without an engine of its own: `init` or `initSync` loads it.
export * from "./document.js";
