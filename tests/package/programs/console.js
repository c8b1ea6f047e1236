import { answer } from "./full.js";

console.log(JSON.stringify(await answer()));
