// Node reads the engine from beside this file.
import { readFileSync } from "node:fs";
import { initSync } from "./document-slim.js";

initSync(readFileSync(new URL("./wasm/mayuse_bg.wasm", import.meta.url)));
export * from "./document-slim.js";
