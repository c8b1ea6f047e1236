// Browsers and bundlers fetch the engine from beside this file. A constructor cannot wait, so the import does.
import { init } from "./document-slim.js";

await init(new URL("./wasm/mayuse_bg.wasm", import.meta.url));
export * from "./document-slim.js";
