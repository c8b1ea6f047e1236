// What the proxy and the route handlers ask: the customer is in a header, the feature and the usage in the query.
import { Catalog } from "mayuse/document";
import { demo } from "../input.js";

const AT = "2026-11-20T12:00:00Z";
let catalog;
const query = ({ url }) => new URL(url).searchParams;

export const options = {
  mayuse: () => (catalog ??= new Catalog(demo)),
  customer: (request) => request.headers.get("x-customer"),
  feature: (request) => query(request).get("feature"),
  question: (request) => ({ at: AT, consumed: query(request).get("consumed") ?? undefined }),
  now: () => Date.parse(AT),
};
