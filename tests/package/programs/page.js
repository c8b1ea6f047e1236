import { answer, vectors } from "./full.js";

globalThis.answered = answer();
globalThis.vectors = vectors;
