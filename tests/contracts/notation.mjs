// The published schemas of the foreign APIs are restated in a short notation, read here as JSON Schema.
// A type is an object of fields, a list of the values of an enumeration, or a union told apart by the field `type`.
// A field is `name` or `name|null` or `name[]`, with `!` at its end where it is required.
import { readFileSync } from "node:fs";

const PRIMITIVES = {
  string: { type: "string", examples: ["x", "", "zwei Wörter"] },
  any: {},
  boolean: { type: "boolean" },
  integer: { type: "integer" },
  int32: { type: "integer", minimum: -2147483648, maximum: 2147483647 },
  uint32: { type: "integer", minimum: 0, maximum: 2147483647 },
  uint64: { type: "integer", minimum: 0 },
  decimal: { type: "string", pattern: "^-?[0-9]+(\\.[0-9]+)?$", examples: ["10.50", "0", "-3", "0.00002"] },
  date: { type: "string", format: "date", examples: ["2024-02-29"] },
  instant: { type: "string", format: "date-time", examples: ["2024-02-29T23:59:59.999Z"] },
  id: {
    type: "string",
    pattern: "^[!-~]{1,128}$",
    examples: ["add_7n42DGM5Tflk9n8mt7Fhc7", "sub_add_7n42DGM5Tflk9n8mt7Fhc7"],
  },
};

/** A restatement: its operations, and its types as an OpenAPI document has them. */
export function restated(name) {
  const { key, operations, types } = JSON.parse(readFileSync(new URL(`${name}.json`, import.meta.url), "utf8"));
  const schemas = Object.fromEntries(Object.entries(types).map(([type, stated]) => [type, schemaOf(stated, types)]));
  return { name, key, operations, document: { components: { schemas } } };
}

function schemaOf(stated, types) {
  if (typeof stated === "string") {
    return field(stated, types);
  }
  if (Array.isArray(stated)) {
    return { type: "string", enum: stated };
  }
  const members = stated["by type"];
  if (!members) {
    return object(stated, types);
  }
  const member = ([tag, fields]) => {
    const { required, properties } = object(typeof fields === "string" ? types[fields] : fields, types);
    const tagged = { type: { const: tag }, ...properties };
    return { type: "object", required: ["type", ...required], properties: tagged };
  };
  return { oneOf: Object.entries(members).map(member) };
}

function object(fields, types) {
  const entries = Object.entries(fields);
  const required = entries.filter(([, type]) => type.endsWith("!")).map(([name]) => name);
  const properties = entries.map(([name, type]) => [name, field(type.replace(/!$/, ""), types)]);
  return { type: "object", required, properties: Object.fromEntries(properties) };
}

function field(text, types) {
  if (text.endsWith("|null")) {
    return { anyOf: [field(text.slice(0, -"|null".length), types), { type: "null" }] };
  }
  if (text.endsWith("[]")) {
    return { type: "array", items: field(text.slice(0, -"[]".length), types) };
  }
  if (text.startsWith("=")) {
    return { const: { true: true, false: false }[text.slice(1)] ?? text.slice(1) };
  }
  const range = text.match(/^(\d+)\.\.(\d*)$/);
  if (range) {
    const maximum = range[2] === "" ? {} : { maximum: Number(range[2]) };
    return { type: "integer", minimum: Number(range[1]), ...maximum };
  }
  if (PRIMITIVES[text]) {
    return PRIMITIVES[text];
  }
  if (!types[text]) {
    throw new Error(`there is no type ${text}`);
  }
  return { $ref: `#/components/schemas/${text}` };
}
