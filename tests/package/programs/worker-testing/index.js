import { answer } from "../doubles.js";

export default { fetch: async () => Response.json(await answer()) };
