// Questions and answers have fields in camelCase, which the wire writes with underscores. Amounts are text.
import { QuestionError, fault } from "./errors.js";

const AMOUNTS = ["requested", "consumed", "reserved"];
// Without a spread, for which bundlers would keep both lists in readers of snapshots.
const OF_QUESTION = [
  "customer", "feature", "subscriptionId", "requested", "consumed", "reserved", "usage", "at", "explain", "suggest",
  "onIndeterminate", "minVersion", "maxAgeMs",
];
const OF_USAGE = ["origin", "subscriptionId", "startsAt", "period", "consumed", "reserved"];

/** A question as the wire has it. `without` names a field that this one may not have. */
export function asked(question, without) {
  const wire = wireFields(question, without ? OF_QUESTION.filter((name) => name !== without) : OF_QUESTION);
  if (Array.isArray(wire.usage)) wire.usage = wire.usage.map(usageEntry);
  return wire;
}

function usageEntry(entry, n) {
  const wire = wireFields(entry, OF_USAGE, `usage[${n}]`);
  if ("period" in wire) wire.period = wireDeep(wire.period);
  return wire;
}

/** A copy of an object with the names of the wire, without fields that are undefined. Fields but these are errors. */
export function wireFields(object, fields, path = "") {
  if (typeof object !== "object" || object === null || Array.isArray(object)) {
    throw fault(QuestionError, "WRONG_TYPE", path, "expected an object");
  }
  const wire = {};
  for (const name of Object.keys(object)) {
    if (!fields.includes(name)) throw unknown(name, fields, path);
    const value = object[name];
    const isCount = AMOUNTS.includes(name) && Number.isFinite(value);
    if (isCount && !Number.isSafeInteger(value)) {
      throw fault(QuestionError, "WRONG_TYPE", below(path, name), `expected a safe integer, or a decimal as a string, found ${value}`);
    }
    // A whole number is exact as text.
    if (value !== undefined) wire[wireName(name)] = isCount ? String(value) : value;
  }
  return wire;
}

const below = (path, name) => (path ? `${path}.${name}` : name);

/** A message with the names of JavaScript. It names fields in backticks. */
export const message = (text) => text.replace(/`[a-z_]+`/g, fieldName);

function unknown(name, fields, path) {
  const near = nearest(name, fields);
  const hint = near ? `did you mean \`${near}\`?` : `the fields are ${fields.join(", ")}`;
  return fault(QuestionError, "UNKNOWN_FIELD", below(path, name), `there is no such field; ${hint}`);
}

/** The name that needs the fewest edits to become this one, if they are few. */
export function nearest(name, names) {
  const letters = (text) => text.slice(0, 64).toLowerCase().replaceAll("_", "");
  let best;
  let fewest = Infinity;
  for (const other of names) {
    const n = edits(letters(name), letters(other));
    if (n < fewest && n <= Math.max(2, other.length / 2)) [best, fewest] = [other, n];
  }
  return best;
}

/** How many letters are to be added, left out or changed to turn one word into another. */
function edits(from, to) {
  let row = Array.from({ length: to.length + 1 }, (_, n) => n);
  for (const letter of from) {
    const above = row;
    row = [above[0] + 1];
    for (let n = 1; n <= to.length; n++) {
      row.push(Math.min(above[n] + 1, row[n - 1] + 1, above[n - 1] + (letter === to[n - 1] ? 0 : 1)));
    }
  }
  return row.at(-1);
}

/** The name of the wire: `min_version` for `minVersion`. */
const wireName = (name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** The name in JavaScript: `minVersion` for `min_version`. */
export const fieldName = (name) => name.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase());

/** A reset period with the names of the wire, in which a document has it. */
export const wireDeep = (value) => renamed(value, wireName);

const known = new Map();

/** An answer of the wire with the names of JavaScript. */
export const fieldsDeep = (answer) =>
  renamed(answer, (name) => {
    let field = known.get(name);
    if (field === undefined) known.set(name, (field = fieldName(name)));
    return field;
  });

function renamed(value, rename) {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => renamed(item, rename));
  // The names within a configured JSON are its own.
  if (value.kind === "JSON") return value;
  const copy = {};
  for (const name of Object.keys(value)) copy[rename(name)] = renamed(value[name], rename);
  return copy;
}
