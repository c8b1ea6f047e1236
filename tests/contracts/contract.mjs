// Holds openapi.json against the restatement of a foreign API, operation by operation.
import addFormats from "ajv-formats";
import Ajv2020 from "ajv/dist/2020.js";
import { readFileSync } from "node:fs";
import { instances } from "./instances.mjs";
import { differences, resolve } from "./shapes.mjs";

export const readOpenapi = () => JSON.parse(readFileSync(new URL("../../openapi.json", import.meta.url), "utf8"));

/** Compiles schemas of a document by their pointers; `strict` as the Worker's own tests are. */
export function compiler(document) {
  const ajv = new Ajv2020({ strict: true, strictTypes: false, strictRequired: false });
  addFormats(ajv);
  ajv.addVocabulary(Object.keys(document));
  ajv.addSchema(document, "document", undefined, false);
  return { at: (pointer) => ajv.getSchema(`document${pointer}`), of: (schema) => ajv.compile(rebased(schema)) };
}

/** The same schema with its references into the document. */
function rebased(schema) {
  return JSON.parse(JSON.stringify(schema), (name, value) => (name === "$ref" ? `document${value}` : value));
}

function jsonOf(message) {
  return message?.content?.["application/json"]?.schema;
}

/** The statuses of ours that a stated status stands for: itself, or all of a class. */
function statusesFor(stated, responses) {
  return Object.keys(responses).filter((status) => status === stated || `${status[0]}XX` === stated);
}

/**
 * What has to be compared for an operation: `{direction, where, ours, theirs}` for its request and each answer. What
 * is missing altogether goes to `problems`.
 */
export function pairs(foreign, name, openapi, problems) {
  const { request, responses, errors } = foreign.operations[name];
  const [method, path] = name.split(" ");
  const operation = openapi.paths[path]?.[method.toLowerCase()];
  if (!operation) {
    problems.push(`${name} is not in openapi.json`);
    return [];
  }
  const theirs = (type) => ({ document: foreign.document, schema: { $ref: `#/components/schemas/${type}` } });
  const ours = (schema) => ({ document: openapi, schema });
  const found = [];
  if (request) {
    const schema = jsonOf(operation.requestBody);
    if (schema) {
      found.push({ direction: "request", where: `${name} request`, ours: ours(schema), theirs: theirs(request) });
    } else {
      problems.push(`${name} takes no JSON`);
    }
  }
  const answer = (status, type) => {
    const schema = jsonOf(resolve(operation.responses[status], openapi));
    const where = `${name} ${status}`;
    if (!schema !== (type === null)) {
      problems.push(`${where}: only one of them has a body`);
    } else if (schema) {
      found.push({ direction: "answer", where, ours: ours(schema), theirs: theirs(type) });
    }
  };
  for (const [stated, type] of Object.entries(responses)) {
    const statuses = statusesFor(stated, operation.responses);
    statuses.forEach((status) => answer(status, type));
    if (statuses.length === 0) {
      problems.push(`${name} has no ${stated}`);
    }
  }
  if (errors) {
    const statuses = Object.keys(operation.responses).filter((status) => status >= "400");
    statuses.forEach((status) => answer(status, errors.type));
    if (statuses.length < errors.at_least) {
      problems.push(`${name} has only ${statuses.length} refusals`);
    }
  }
  const scheme = openapi.components.securitySchemes[Object.keys((operation.security ?? openapi.security)[0] ?? {})[0]];
  if ((scheme?.scheme ?? scheme?.name) !== foreign.key) {
    problems.push(`${name} takes its key otherwise`);
  }
  return found;
}

/** What is wrong with an operation, read off the schemas. `seen` is told of each pair of them. */
export function structuralProblems(foreign, name, openapi, seen) {
  const problems = [];
  for (const { direction, where, ours, theirs } of pairs(foreign, name, openapi, problems)) {
    problems.push(...differences(direction, ours, theirs, seen).map((what) => `${where}${what}`));
  }
  return problems;
}

/** What is wrong with an operation, by values: ours of answers must be theirs, theirs of requests ours. */
export function problemsOfValues(foreign, name, openapi, count = () => {}) {
  const problems = [];
  const compile = { ours: compiler(openapi), theirs: compiler(foreign.document) };
  for (const { direction, where, ours, theirs } of pairs(foreign, name, openapi, problems)) {
    const [mine, yours] = [compile.ours.of(ours.schema), compile.theirs.of(theirs.schema)];
    const [made, holdsItself, held] = direction === "answer" ? [ours, mine, yours] : [theirs, yours, mine];
    const values = instances(made.schema, made.document);
    count(values.length);
    for (const value of values) {
      if (!holdsItself(value)) {
        problems.push(`${where}: made a value that its own schema refuses: ${JSON.stringify(holdsItself.errors[0])}`);
        break;
      }
      if (!held(value)) {
        const { instancePath, message } = held.errors.at(-1);
        problems.push(`${where}${instancePath}: ${message}`);
        break;
      }
    }
  }
  return problems;
}
