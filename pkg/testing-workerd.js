// Workers may not compile wasm from bytes, only import it.
import source engine from "./wasm/testing_bg.wasm";
import "./entry-workerd.js";
import { initSync } from "./wasm/testing.js";

initSync({ module: engine });
export * from "./testing.js";
