// Node reads the engine from beside this file, when a snapshot is opened.
import { readFile } from "node:fs/promises";
import { engineAt } from "./engine.js";

engineAt(() => readFile(new URL("./wasm/server_bg.wasm", import.meta.url)));
export * from "./slim.js";
