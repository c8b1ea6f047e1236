// The package for people, around the generated glue: objects in, objects out, errors with a path.
import * as engine from "./wasm/mayuse.js";

/** A document or question that cannot be read. `problems` lists everything that is wrong with it. */
export class MayUseError extends Error {
  constructor(problems) {
    const [first] = problems;
    super(first.path ? `${first.path}: ${first.message}` : first.message);
    this.name = "MayUseError";
    this.code = first.code;
    this.path = first.path;
    this.problems = problems;
  }
}

/** A catalog, ready to be asked. */
export class MayUse {
  #engine;

  constructor(catalog) {
    this.#engine = answered(() => new engine.Engine(text(catalog)));
  }

  /** Whether a customer may use a feature now. */
  mayUse(customer, feature) {
    return this.check({ customer, feature }).allowed;
  }

  /** The decision on one question. */
  check(question) {
    return JSON.parse(answered(() => this.#engine.check(text(question), Date.now())));
  }

  /** The decisions on all features for one customer. */
  entitlements(question) {
    return JSON.parse(answered(() => this.#engine.entitlements(text(question), Date.now())));
  }

  /** Gives the memory of the catalog back at once, instead of when the object is collected. */
  free() {
    this.#engine.free();
  }
}

/** The window of a reset period that holds an instant. */
export const window = (question) => JSON.parse(answered(() => engine.window(text(question))));

/** The billing period that holds an instant. */
export const billingPeriod = (question) => JSON.parse(answered(() => engine.billingPeriod(text(question))));

/** What entitlement rows come to. */
export const resolve = (question) => JSON.parse(answered(() => engine.resolve(text(question))));

// `undefined` is no JSON; it is refused like any other document that is none.
function text(value) {
  const json = typeof value === "string" ? value : (JSON.stringify(value) ?? "");
  // Memory has an end.
  if (json.length > 2 ** 26) throw new MayUseError([{ code: "TOO_LARGE", path: "", message: "more than 2^26 characters" }]);
  return json;
}

function answered(ask) {
  try {
    return ask();
  } catch (thrown) {
    // The engine throws its problems as text; anything else is not a problem of the input.
    if (typeof thrown === "string") throw new MayUseError(JSON.parse(thrown));
    throw thrown;
  }
}
