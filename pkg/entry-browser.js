// Browsers and bundlers fetch the engine from beside this file.
import init from "./wasm/mayuse.js";

await init({ module_or_path: new URL("./wasm/mayuse_bg.wasm", import.meta.url) });
export * from "./mayuse.js";
