// Declarations of a catalog's features, for TypeScript. For Node.
import { readFileSync } from "node:fs";
import { DocumentError, SnapshotError, fault } from "./errors.js";
import * as engine from "./wasm/testing.js";

/** The features of a document or of a snapshot: `[{ code, feature_type }]`, as a document has them. */
export function featuresOf(bytes) {
  if (new TextDecoder().decode(bytes.subarray(0, 3)) === "myf") return ofSnapshot(bytes);
  let document;
  try {
    document = JSON.parse(new TextDecoder().decode(bytes));
  } catch (error) {
    throw fault(DocumentError, "INVALID_JSON", "", `neither a snapshot in one file nor JSON: ${error.message}`);
  }
  if (!Array.isArray(document?.features)) throw fault(DocumentError, "WRONG_TYPE", "features", "expected the list of features");
  document.features.forEach((feature, n) => {
    if (typeof feature?.code !== "string") throw fault(DocumentError, "WRONG_TYPE", `features[${n}].code`, "expected a text");
  });
  return document.features;
}

function ofSnapshot(bytes) {
  engine.initSync({ module: readFileSync(new URL("./wasm/testing_bg.wasm", import.meta.url)) });
  const { features, problems } = JSON.parse(engine.featuresOf(bytes));
  if (problems) throw new SnapshotError(problems);
  return features;
}

/** The declarations, the same for the same features in any order. */
export function declared(features) {
  const sorted = [...features].sort((a, b) => (a.code < b.code ? -1 : 1));
  const codes = sorted.map(({ code }) => `\n      | ${JSON.stringify(code)}`);
  const configs = sorted.filter(({ feature_type }) => feature_type?.type === "CONFIG");
  const values = configs.map(({ code, feature_type }) => `\n      ${JSON.stringify(code)}: ${valueOf(feature_type)};`);
  return `// Written by \`npx mayuse types\`. Changes are lost.
import "mayuse/types";

declare module "mayuse/types" {
  interface Register {
    features:${codes.length > 0 ? codes.join("") : " never"};
    configs: {${values.join("")}${values.length > 0 ? "\n    " : ""}};
  }
}
`;
}

/** The type of a CONFIG feature's value, as `ConfigValue` has it. */
function valueOf({ value_type, options = [] }) {
  switch (value_type) {
    case "NUMBER": return '{ kind: "NUMBER"; value: string }';
    case "BOOLEAN": return '{ kind: "BOOLEAN"; value: boolean }';
    case "TEXT": return '{ kind: "TEXT"; value: string }';
    case "SELECT": return `{ kind: "TEXT"; value: ${options.map((option) => JSON.stringify(option)).join(" | ") || "never"} }`;
    case "MAP": return '{ kind: "JSON"; value: Record<string, unknown> }';
    // A value type of a newer catalog may be any of them.
    default: return value_type === "JSON" ? '{ kind: "JSON"; value: unknown }' : 'import("mayuse/types").ConfigValue';
  }
}
