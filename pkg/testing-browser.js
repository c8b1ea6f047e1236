// Browsers and bundlers fetch both engines from beside this file.
import { MayUse } from "./entry-browser.js";
import { compiled } from "./load.js";
import { opensWith } from "./opener.js";
import { initSync } from "./wasm/testing.js";

opensWith(MayUse);
initSync({ module: await compiled(new URL("./wasm/testing_bg.wasm", import.meta.url)) });
export * from "./testing.js";
