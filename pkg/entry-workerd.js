// Workers may not compile wasm from bytes, only import it.
import { initSync } from "./wasm/mayuse.js";
import module from "./wasm/mayuse_bg.wasm";

initSync({ module });
export * from "./mayuse.js";
