// Node reads the engine from beside this file.
import { readFileSync } from "node:fs";
import { initSync } from "./wasm/mayuse.js";

initSync({ module: readFileSync(new URL("./wasm/mayuse_bg.wasm", import.meta.url)) });
export * from "./mayuse.js";
