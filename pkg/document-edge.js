// Vite and Next give the engine as a module if the import says so. `import source` is not for them yet.
import engine from "./wasm/mayuse_bg.wasm?module";
import { initSync } from "./document-slim.js";

initSync(engine);
export * from "./document-slim.js";
