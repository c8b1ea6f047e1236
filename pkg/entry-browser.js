// Browsers and bundlers fetch the engine from beside this file, when a snapshot is opened.
import { engineAt } from "./engine.js";

engineAt(
  () => new URL("./wasm/reader_bg.wasm", import.meta.url),
  () => new URL("./wasm/explain_bg.wasm", import.meta.url),
);
export * from "./slim.js";
