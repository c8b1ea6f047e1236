// What every row asks, of a catalog document and of a signed snapshot.
import { demo, file, publicKey } from "./input.js";

const AT = "2026-11-20T12:00:00Z";

/** Takes the imports `mayuse` and `mayuse/document`, or those of `slim`. */
export async function asked({ MayUse }, { Catalog }) {
  const now = () => Date.parse(AT);
  const bytes = Uint8Array.from(atob(file), (letter) => letter.charCodeAt(0));
  const snapshot = await MayUse.open(bytes, { publicKeys: publicKey, now });
  return { document: answers(new Catalog(demo, { now })), snapshot: answers(snapshot) };
}

function answers(engine) {
  const { allowed, reason, remaining } = engine.check({ customer: "acme", feature: "api_calls", consumed: "199999" });
  return { allowed, reason, remaining, mayUse: engine.mayUse("acme", "sso") };
}
