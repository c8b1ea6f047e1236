import { withFeature } from "mayuse/next";
import { options } from "../../../options.js";

export const GET = withFeature(options, (request, context, decision) => Response.json({ decision }, { status: 201 }));
