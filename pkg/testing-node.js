// Node reads both engines from beside this file.
import { readFileSync } from "node:fs";
import { MayUse } from "./wasm/node.js";
import { opensWith } from "./opener.js";
import { initSync } from "./wasm/testing.js";

opensWith(MayUse);
initSync({ module: readFileSync(new URL("./wasm/testing_bg.wasm", import.meta.url)) });
export * from "./testing.js";
