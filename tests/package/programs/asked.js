// What every row asks, of a catalog document and of a signed snapshot.
import { demo, file, publicKey } from "./input.js";

const AT = "2026-11-20T12:00:00Z";
const now = () => Date.parse(AT);

const opened = ({ MayUse }, options) =>
  MayUse.open(Uint8Array.from(atob(file), (letter) => letter.charCodeAt(0)), { publicKeys: publicKey, now, ...options });

/** Takes the imports `mayuse` and `mayuse/document`, or those of `slim`. */
export async function asked(reader, { Catalog }) {
  const snapshot = await opened(reader);
  return { document: answers(new Catalog(demo, { now })), snapshot: answers(snapshot) };
}

function answers(engine) {
  const { allowed, reason, remaining } = engine.check({ customer: "acme", feature: "api_calls", consumed: "199999" });
  return { allowed, reason, remaining, mayUse: engine.mayUse("acme", "sso") };
}

/** Whether engines are imported here before they are known to be needed, so that a snapshot does not explain. */
const isImported = "Deno" in globalThis || "EdgeRuntime" in globalThis || globalThis.navigator?.userAgent === "Cloudflare-Workers";

/** Compares the trace and the suggestions of a snapshot with those of its document. */
export async function explained(reader, { Catalog }) {
  const question = { customer: "hobby", feature: "exports", consumed: 3, explain: true, suggest: true };
  const snapshot = await opened(reader, { explains: true });
  if (isImported) return;
  const [ours, theirs] = [snapshot, new Catalog(demo, { now })].map((of) => {
    const { reason, trace, suggestions } = of.check(question);
    return JSON.stringify({ reason, trace, suggestions });
  });
  if (ours !== theirs || !ours.includes('"suggestions":[{')) throw new Error(`the snapshot says ${ours}, the document ${theirs}`);
}
