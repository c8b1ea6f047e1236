import { answer } from "../../../full.js";

export const config = { runtime: "edge" };

export default async () => Response.json(await answer());
