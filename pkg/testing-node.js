// Node reads both engines from beside this file.
import { readFileSync } from "node:fs";
import "./entry-node.js";
import { initSync } from "./wasm/testing.js";

initSync({ module: readFileSync(new URL("./wasm/testing_bg.wasm", import.meta.url)) });
export * from "./testing.js";
