// Vite and Next give the engine as a module if the import says so. `import source` is not for them yet.
import engine from "./wasm/server_bg.wasm?module";
import { engineAt } from "./engine.js";

engineAt(engine);
export * from "./slim.js";
