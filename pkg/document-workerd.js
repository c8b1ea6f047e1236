// Workers may not compile wasm from bytes, only import it.
import source engine from "./wasm/mayuse_bg.wasm";
import { initSync } from "./document-slim.js";

initSync(engine);
export * from "./document-slim.js";
