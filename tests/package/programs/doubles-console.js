import { answer } from "./doubles.js";

console.log(JSON.stringify(await answer()));
