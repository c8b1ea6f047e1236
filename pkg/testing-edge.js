// Vite and Next give the engine as a module if the import says so. `import source` is not for them yet.
import engine from "./wasm/testing_bg.wasm?module";
import { MayUse } from "./entry-edge.js";
import { named } from "./load.js";
import { opensWith } from "./opener.js";
import { initSync } from "./wasm/testing.js";

opensWith(MayUse);
initSync({ module: named(engine) });
export * from "./testing.js";
