// Makes values that a schema describes: the fullest and the smallest, every value of an enumeration, every member of a
// union, null, and the ends of ranges. The same schema always gives the same values.
import { resolve } from "./shapes.mjs";

const TEXTS = ["x", "10.50", "2026-11-20T12:00:00Z", "2026-11-20"];

/** Values of a schema, the fullest first. */
export function instances(schema, document) {
  const raw = resolve(schema, document);
  if (raw.oneOf ?? raw.anyOf) {
    return (raw.oneOf ?? raw.anyOf).flatMap((member) => instances(member, document));
  }
  if ("const" in raw) {
    return [raw.const];
  }
  if (raw.enum) {
    return raw.enum;
  }
  if (raw.type === undefined) {
    return ["x", true, { x: [1] }];
  }
  return [raw.type].flat().flatMap((type) => ofType(type, raw, document));
}

function ofType(type, raw, document) {
  switch (type) {
    case "null":
      return [null];
    case "boolean":
      return [true, false];
    case "integer":
      return integers(raw);
    case "string":
      return texts(raw);
    case "array": {
      const items = instances(raw.items, document).map((item) => [item]);
      const none = raw.minItems > 0 ? [] : [[]];
      return [items[0], ...none, [...items[0], ...items[0]], ...items.slice(1)];
    }
    case "object":
      return objects(raw, document);
    default:
      throw new Error(`no values of ${JSON.stringify(raw)}`);
  }
}

function integers({ minimum, maximum, format }) {
  const [least, most] = format === "int32" ? [-2147483648, 2147483647] : [-9007199254740991, 9007199254740991];
  return [...new Set([minimum ?? 1, minimum ?? least, maximum ?? most])];
}

function texts({ examples, format, pattern, minLength = 0 }) {
  if (examples) {
    return examples;
  }
  if (format === "date-time") {
    return ["2026-11-20T12:00:00Z", "2026-11-20T12:00:00.125Z"];
  }
  if (format === "date") {
    return ["2026-11-20"];
  }
  if (pattern) {
    return TEXTS.filter((text) => new RegExp(pattern, "u").test(text));
  }
  return minLength > 0 ? ["x"] : ["x", ""];
}

function objects({ required = [], properties = {} }, document) {
  const values = Object.entries(properties).map(([name, schema]) => {
    const found = instances(schema, document);
    if (found.length === 0) {
      throw new Error(`no values of ${name}`);
    }
    return [name, found];
  });
  const firsts = values.map(([name, [first]]) => [name, first]);
  const most = Object.fromEntries(firsts);
  const least = Object.fromEntries(firsts.filter(([name]) => required.includes(name)));
  const others = values.flatMap(([name, [, ...rest]]) => rest.map((value) => ({ ...most, [name]: value })));
  return [most, least, ...others];
}
