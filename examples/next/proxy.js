import { requireFeature } from "mayuse/next";
import { customer, mayuse } from "./mayuse.js";

export const proxy = requireFeature({ mayuse, customer, feature: "report_builder" });
export const config = { matcher: "/reports" };
