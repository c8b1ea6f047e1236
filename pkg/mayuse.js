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
    this.#engine = new engine.Engine(text(catalog));
    answered(this.#engine.problems());
  }

  /** Whether a customer may use a feature now. */
  mayUse(customer, feature) {
    return this.check({ customer, feature }).allowed;
  }

  /** The decision on one question. */
  check(question) {
    return answered(this.#engine.check(text(question), Date.now()));
  }

  /** The decisions on all features for one customer. */
  entitlements(question) {
    return answered(this.#engine.entitlements(text(question), Date.now()));
  }

  /** Gives the memory of the catalog back at once, instead of when the object is collected. */
  free() {
    this.#engine.free();
  }
}

/** The window of a reset period that holds an instant. */
export const window = (question) => answered(engine.window(text(question)));

/** The billing period that holds an instant. */
export const billingPeriod = (question) => answered(engine.billingPeriod(text(question)));

/** What entitlement rows come to. */
export const resolve = (question) => answered(engine.resolve(text(question)));

// `undefined` is no JSON; it is refused like any other document that is none.
function text(value) {
  const json = typeof value === "string" ? value : (written(value) ?? "");
  // Memory has an end.
  if (json.length > 2 ** 26) throw refusal("TOO_LARGE", "", "more than 2^26 characters");
  return json;
}

const refusal = (code, path, message) => new MayUseError([{ code, path, message }]);

// JSON has no NaN, invalid dates and BigInts. `JSON.stringify` writes null for the first two, which means that the
// usage is unknown and the time is now. The places of objects are noted only to name that of a refused value.
function written(value, places) {
  const pathOf = (holder, key) => {
    const [outer, name] = places?.get(holder) ?? [];
    if (outer === undefined) return key;
    const path = pathOf(outer, name);
    return Array.isArray(holder) ? `${path}[${key}]` : path ? `${path}.${key}` : key;
  };
  try {
    return JSON.stringify(value, function (key, value) {
      const isDate = value === null && this[key] instanceof Date;
      if (isDate || typeof value === "bigint" || (typeof value === "number" && !Number.isFinite(value))) {
        const found = isDate ? "an invalid date" : typeof value === "bigint" ? "a BigInt" : value;
        throw refusal("WRONG_TYPE", pathOf(this, key), `expected JSON, found ${found}`);
      }
      if (typeof value === "object") places?.set(value, [this, key]);
      return value;
    });
  } catch (thrown) {
    if (!places) return written(value, new Map());
    // Else a circle, for example.
    throw thrown instanceof MayUseError ? thrown : refusal("INVALID_JSON", "", String(thrown?.message ?? thrown));
  }
}

// The engine answers in JSON, with its problems if the input has any.
function answered(json) {
  const answer = JSON.parse(json);
  if (answer?.problems) throw new MayUseError(answer.problems);
  return answer;
}
