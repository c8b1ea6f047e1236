import { withFeature } from "mayuse/next";
import { customer, mayuse } from "../../../mayuse.js";

export const runtime = "edge";

/** How many exports were made in the period: ask whoever counts them. */
const question = async (request) => ({ consumed: Number(request.headers.get("x-consumed") ?? 0) });

export const GET = withFeature({ mayuse, customer, feature: "exports", question }, (request, context, { remaining }) =>
  Response.json({ remaining }));
