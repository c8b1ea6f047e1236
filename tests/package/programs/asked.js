// What every row asks, of a catalog document and of the reader of snapshots.
import { demo } from "./input.js";

const AT = "2026-11-20T12:00:00Z";

/** Takes the imports `mayuse` and `mayuse/document`, or those of `slim`. */
export async function asked(reader, documents) {
  await reader.init();
  const catalog = new documents.Catalog(demo);
  const question = { customer: "acme", feature: "api_calls", consumed: "199999", at: AT };
  const { allowed, reason, remaining } = catalog.check(question);
  return { allowed, reason, remaining, mayUse: catalog.mayUse("acme", "sso"), error: new reader.ClosedError([{}]).name };
}
