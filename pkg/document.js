// Catalogs from documents: objects in, objects out. The engine reads and writes JSON in the names of the wire.
import { ClosedError, DocumentError, MayUseError, QuestionError, SnapshotError, fault } from "./errors.js";
import { compiled, named } from "./load.js";
import { asked, fieldName, fieldsDeep, message, wireDeep, wireFields } from "./questions.js";
import * as engine from "./wasm/mayuse.js";

export { ClosedError, DocumentError, MayUseError, QuestionError, SnapshotError };

let isLoaded = false;

/** Loads the engine from a module, bytes, a response or an address, or a promise of one of them. */
export const init = async (source) => initSync(await compiled(source));

/** Loads the engine from a module or bytes. */
export function initSync(source) {
  engine.initSync({ module: named(source) });
  isLoaded = true;
}

/** A catalog of a document, ready to be asked. */
export class Catalog {
  #engine;
  #now;

  constructor(document, { now = Date.now } = {}) {
    const opened = new engine.Engine(text(document, DocumentError));
    const problems = JSON.parse(opened.problems())?.problems;
    if (problems) {
      opened.free();
      throw new DocumentError(problems);
    }
    this.#engine = opened;
    this.#now = now;
  }

  /** Whether a customer may use a feature now. */
  mayUse(customer, feature, consumed) {
    return this.check({ customer, feature, consumed }).allowed;
  }

  /** The decision on one question. */
  check(question) {
    return answered(this.#open().check(text(asked(question)), this.#now()));
  }

  /** The decisions on several questions. */
  checkMany(questions) {
    return Array.from(questions, (question) => this.check(question));
  }

  /** The decisions on all features for one customer. */
  entitlements(question) {
    return answered(this.#open().entitlements(text(asked(question, "feature")), this.#now()));
  }

  /** Gives the memory of the catalog back at once, instead of when the object is collected. */
  close() {
    this.#engine?.free();
    this.#engine = undefined;
  }

  #open() {
    if (!this.#engine) throw fault(ClosedError, "CLOSED", "", "the catalog was closed");
    return this.#engine;
  }
}

if (Symbol.dispose) Catalog.prototype[Symbol.dispose] = Catalog.prototype.close;

/** Everything that is wrong with a document; nothing if it can be used. */
export function validate(document) {
  try {
    new Catalog(document).close();
    return [];
  } catch (error) {
    if (error instanceof DocumentError) return error.problems;
    throw error;
  }
}

/** The window of a reset period that holds an instant. */
export function window(question) {
  const wire = wireFields(question, ["rule", "at", "activatedAt", "billing"]);
  if ("rule" in wire) wire.rule = wireDeep(wire.rule);
  if (wire.billing) wire.billing = wireFields(wire.billing, BILLING, "billing");
  return answered(engine.window(text(wire)));
}

const BILLING = [
  "period", "billingDayAnchor", "currentPeriodStart", "currentPeriodEnd", "startDate", "billingStartDate",
];

/** The billing period that holds an instant. */
export function billingPeriod(question) {
  const wire = wireFields(question, ["period", "billingDayAnchor", "startDate", "at"]);
  return answered(engine.billingPeriod(text(wire)));
}

/** What entitlement rows come to. Ladder and rows are as in a document. */
export const resolve = (question) => answered(engine.resolve(text(wireFields(question, ["ladder", "grants"]))));

// What an engine is given, which must be loaded. `undefined` is no JSON; it is refused like any other document that is
// none.
function text(value, Kind = QuestionError) {
  if (!isLoaded) throw new Error("the engine of mayuse/document is not loaded: call init() or initSync() first");
  const json = typeof value === "string" ? value : (written(value, Kind) ?? "");
  // Memory has an end.
  if (json.length > 2 ** 26) throw fault(Kind, "TOO_LARGE", "", "more than 2^26 characters");
  return json;
}

// JSON has no NaN, invalid dates and BigInts. `JSON.stringify` writes null for the first two, which means that the
// usage is unknown and the time is now. The places of objects are noted only to name that of a refused value.
function written(value, Kind, places) {
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
        const path = pathOf(this, key);
        throw fault(Kind, "WRONG_TYPE", Kind === QuestionError ? fieldName(path) : path, `expected JSON, found ${found}`);
      }
      if (typeof value === "object") places?.set(value, [this, key]);
      return value;
    });
  } catch (thrown) {
    if (!places) return written(value, Kind, new Map());
    // Else a circle, for example.
    throw thrown instanceof MayUseError ? thrown : fault(Kind, "INVALID_JSON", "", String(thrown?.message ?? thrown));
  }
}

// The engine answers in JSON, with its problems if the question has any.
function answered(json) {
  const answer = JSON.parse(json);
  if (answer?.problems) throw new QuestionError(answer.problems.map(renamed));
  return fieldsDeep(answer);
}

const renamed = ({ code, path, message: text }) => ({ code, path: fieldName(path), message: message(text) });
