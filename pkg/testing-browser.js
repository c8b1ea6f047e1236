// Browsers and bundlers fetch both engines from beside this file.
import "./entry-browser.js";
import { compiled } from "./load.js";
import { initSync } from "./wasm/testing.js";

initSync({ module: await compiled(new URL("./wasm/testing_bg.wasm", import.meta.url)) });
export * from "./testing.js";
