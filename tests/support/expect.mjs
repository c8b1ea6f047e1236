// How a vector's `expect` is compared: as a subset, decimals by value, instants as instants, lists as sets.

/** What differs, as readable lines; empty where the answer is as expected. */
export function mismatches(expect, actual, path = "") {
  if (isObject(expect) && isObject(actual)) {
    if (expect.error !== true && actual.error === true) return [`${path}: refused, ${JSON.stringify(actual)}`];
    return Object.entries(expect).flatMap(([name, value]) =>
      mismatches(value, actual[name] ?? null, path === "" ? name : `${path}.${name}`));
  }
  const same = Array.isArray(expect) && Array.isArray(actual) ? sameSet(expect, actual) : sameValue(expect, actual);
  return same ? [] : [`${path}: expected ${JSON.stringify(expect)}, found ${JSON.stringify(actual)}`];
}

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

function sameSet(expect, actual) {
  const left = [...actual];
  // Those that say most first, so that a vaguer one does not take what only they fit.
  const saying = [...expect].sort((a, b) => JSON.stringify(b).length - JSON.stringify(a).length);
  const found = saying.every((item) => {
    const at = left.findIndex((other) => mismatches(item, other).length === 0);
    if (at >= 0) left.splice(at, 1);
    return at >= 0;
  });
  return found && left.length === 0;
}

function sameValue(expect, actual) {
  if (typeof expect !== "string" || typeof actual !== "string") return expect === actual;
  return canonical(expect) === canonical(actual);
}

const DECIMAL = /^(-?)0*(\d+?)(?:\.(\d*?)0*)?$/;

function canonical(text) {
  const decimal = DECIMAL.exec(text);
  if (decimal !== null) {
    const [, sign, whole, fraction] = decimal;
    const digits = fraction ? `${whole}.${fraction}` : whole;
    return digits === "0" ? "0" : sign + digits;
  }
  return /^\d{4}-\d\d-\d\dT/.test(text) ? new Date(/Z|[+-]\d\d:\d\d$/.test(text) ? text : `${text}Z`).getTime() : text;
}
