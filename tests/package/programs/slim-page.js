import { answer } from "./slim.js";

globalThis.answered = answer("mayuse.wasm", fetch("document.wasm"));
