// The test names this file `proxy.js`, which Node runs, or `middleware.js`, which runs at the edge.
import { requireFeature } from "mayuse/next";
import { options } from "./options.js";

export default requireFeature(options);
export const config = { matcher: "/guarded/:path*" };
