import { answer } from "./doubles.js";

globalThis.answered = answer();
