// The parameters of a question to a snapshot.
import { QuestionError, fault } from "./errors.js";

/** The parts of a question, in the flags of `src/wasm/ask.rs`: texts, suggestions and the trace. */
const HAS_TEXTS = 1;
export const SUGGESTS = 2;
const EXPLAINS = 4;

/** Those that the engine reads as texts, in this order. */
const TEXTS = ["subscriptionId", "requested", "consumed", "reserved", "at"];

/**
 * The parameters besides customer, feature and a `consumed` that is a safe integer: `parts`, `texts`, and the others by name.
 * Nothing if there are none. `isForAll` says that the question names no feature.
 */
export function parametersOf(question, isForAll = false) {
  if (typeof question !== "object" || question === null) throw wrongType("", "an object", question);
  let found;
  for (const name in question) {
    const value = question[name];
    if (name === "customer" || (name === "feature" && !isForAll)) continue;
    if (name === "consumed" && Number.isSafeInteger(value)) continue;
    const read = READ[name];
    if (!read) throw fault(QuestionError, "UNKNOWN_FIELD", name, `there is no such field; the fields are ${FIELDS}`);
    if (value !== undefined && value !== null) (found ??= {})[name] = read(value, name);
  }
  if (!found) return undefined;
  found.texts = TEXTS.map((name) => found[name]);
  found.parts = HAS_TEXTS | (found.suggest && SUGGESTS) | (found.explain && EXPLAINS);
  return found;
}

function wrongType(path, expected, found) {
  const shown = found === null || typeof found === "number" ? found : typeof found;
  return fault(QuestionError, "WRONG_TYPE", path, `expected ${expected}, found ${shown}`);
}

/** A text that may not be left out. */
export function required(value, name) {
  if (value === undefined || value === null) throw fault(QuestionError, "MISSING", name, "a required field is missing");
  return text(value, name);
}

function text(value, name) {
  if (typeof value !== "string") throw wrongType(name, "a string", value);
  return value;
}

// A whole number is exact as text.
function amount(value, name) {
  if (typeof value === "string" || Number.isSafeInteger(value)) return `${value}`;
  throw wrongType(name, "a safe integer, or a decimal as a string", value);
}

function whole(value, name) {
  if (!Number.isInteger(value)) throw wrongType(name, "a whole number", value);
  if (value < 0 || !Number.isSafeInteger(value)) throw fault(QuestionError, "OUT_OF_RANGE", name, "expected 0 to 2^53 - 1");
  return value;
}

function instant(value, name) {
  if (!(value instanceof Date)) return text(value, name);
  if (Number.isNaN(value.getTime())) throw wrongType(name, "a valid date", value);
  return value.toISOString();
}

function policy(value, name) {
  const at = ["ALLOW", "DENY"].indexOf(text(value, name));
  if (at < 0) throw fault(QuestionError, "UNKNOWN_VALUE", name, "expected ALLOW or DENY");
  return at + 1;
}

function flag(value, name) {
  if (typeof value !== "boolean") throw wrongType(name, "true or false", value);
  return value;
}

function leftOut(value, name) {
  if (value) throw fault(QuestionError, "INVALID", name, "mayuse/document answers with it, a snapshot does not");
}

const READ = {
  __proto__: null, subscriptionId: text, requested: amount, consumed: amount, reserved: amount, at: instant,
  onIndeterminate: policy, minVersion: whole, maxAgeMs: whole, usage: leftOut, explain: flag, suggest: flag,
};
const FIELDS = ["customer", "feature", ...Object.keys(READ)].join(", ");
