// Workers may not compile wasm from bytes, only import it.
import source engine from "./wasm/testing_bg.wasm";
import { MayUse } from "./entry-workerd.js";
import { opensWith } from "./opener.js";
import { initSync } from "./wasm/testing.js";

opensWith(MayUse);
initSync({ module: engine });
export * from "./testing.js";
