// Workers may not compile wasm from bytes, only import it.
import source engine from "./wasm/server_bg.wasm";
import { engineAt } from "./engine.js";

engineAt(engine);
export * from "./slim.js";
