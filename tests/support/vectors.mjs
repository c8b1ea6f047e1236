// The vectors, asked through the npm package, wherever it runs.
import { questionOf } from "./names.mjs";

/** The answers to the cases of a file, as `[id, answer]`. The package decides from a document, which has no version or age. */
export function answersOf(mayuse, { catalog, cases }) {
  let shared;
  const answer = (each) => {
    const question = questionOf(each);
    if (each.kind === "window") return mayuse.window(question);
    if (each.kind === "billing_period") return mayuse.billingPeriod(question);
    if (each.kind === "resolve") return mayuse.resolve(question);
    if (each.catalog === undefined) return (shared ??= new mayuse.Catalog(catalog)).check(question);
    const own = new mayuse.Catalog(each.catalog);
    try {
      return own.check(question);
    } finally {
      own.close();
    }
  };
  const answers = cases.filter(({ kind }) => kind !== "snapshot_check").map((each) => [each.id, answered(mayuse, () => answer(each))]);
  shared?.close();
  return answers;
}

// A refusal is an answer to a vector; any other throw is a fault.
function answered({ MayUseError }, ask) {
  try {
    return ask();
  } catch (error) {
    if (!(error instanceof MayUseError)) throw error;
    return { error: true, code: error.code, path: error.path };
  }
}
