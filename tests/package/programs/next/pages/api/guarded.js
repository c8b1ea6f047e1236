import { withFeature } from "mayuse/next";
import { options } from "../../options.js";

export const config = { runtime: "edge" };

export default withFeature(options, (request, context, decision) => Response.json({ decision }, { status: 201 }));
