// The parameters of a question to a snapshot, as texts.
import { QuestionError, fault } from "./errors.js";
import { OF_QUESTION, unknown, wireName } from "./questions.js";

/**
 * The parameters of a question besides customer, feature and a `consumed` that is a safe integer: pairs of the wire's
 * name and a text. Nothing if there are none. `isForAll` says that the question names no feature.
 */
export function otherParameters(question, isForAll = false) {
  let others;
  for (const name in question) {
    const value = question[name];
    if (name === "customer" || (name === "feature" && !isForAll)) continue;
    if (name === "consumed" && Number.isSafeInteger(value) && !isForAll) continue;
    const kind = OTHERS.get(name);
    if (!kind) throw unknown(name, isForAll ? OF_QUESTION.filter((name) => name !== "feature") : OF_QUESTION, "");
    if (value !== undefined && value !== null) (others ??= []).push([wireName(name), kind(value, name)]);
  }
  if (typeof question !== "object" || question === null) throw wrongType("", "an object", question);
  return others;
}

const wrongType = (path, expected, found) =>
  fault(QuestionError, "WRONG_TYPE", path, `expected ${expected}, found ${shown(found)}`);
const shown = (value) => (typeof value === "number" ? String(value) : value === null ? "null" : `a ${typeof value}`);

const plain = (value, name) => {
  if (typeof value !== "string") throw wrongType(name, "a string", value);
  return value;
};
const amount = (value, name) => {
  if (Number.isSafeInteger(value)) return String(value);
  if (typeof value !== "string") throw wrongType(name, 'a decimal as a string, such as "10.50"', value);
  return plain(value, name);
};
const flag = (value, name) => {
  if (typeof value !== "boolean") throw wrongType(name, "true or false", value);
  return String(value);
};
const whole = (value, name) => {
  if (!Number.isInteger(value)) throw wrongType(name, "a whole number", value);
  return String(value);
};
const instant = (value, name) => {
  if (!(value instanceof Date)) return plain(value, name);
  if (Number.isNaN(value.getTime())) throw fault(QuestionError, "WRONG_TYPE", name, "expected JSON, found an invalid date");
  return value.toISOString();
};
// The engine says that it leaves usage by allowance out.
const left = () => "";

const OTHERS = new Map(Object.entries({
  subscriptionId: plain, requested: amount, consumed: amount, reserved: amount, usage: left, at: instant,
  explain: flag, suggest: flag, onIndeterminate: plain, minVersion: whole, maxAgeMs: whole,
}));
