// Changes of openapi.json that would break a client of a foreign API, each of which the contract must notice.
import { structuralProblems } from "./contract.mjs";

/** All of them, for one operation: `{what, apply}`, where `apply()` changes and gives what undoes it. */
export function mutations(foreign, name, openapi) {
  const [method, path] = name.split(" ");
  const operation = openapi.paths[path][method.toLowerCase()];
  const found = [without(openapi.paths[path], method.toLowerCase(), "the operation")];
  const { responses, request, errors } = foreign.operations[name];
  for (const status of Object.keys(responses)) {
    if (operation.responses[status]) {
      found.push(without(operation.responses, status, `status ${status}`));
    }
  }
  if (errors) {
    const kept = Object.fromEntries(Object.entries(operation.responses).filter(([status]) => status < "405"));
    found.push(instead(operation, "responses", kept, "most of the refusals gone"));
  }
  if (request) {
    found.push(without(operation, "requestBody", "the body"));
  }
  found.push(instead(operation, "security", [], "no key"));
  const done = { answer: new Set(), request: new Set() };
  structuralProblems(foreign, name, openapi, ({ direction, path: where, ours, theirs }) => {
    const mine = direction === "answer" ? ofAnswer(ours, theirs) : ofRequest(ours, theirs);
    if (!done[direction].has(ours.raw)) {
      found.push(...mine.map(({ what, apply }) => ({ what: `${direction} ${where}: ${what}`, apply })));
    }
    done[direction].add(ours.raw);
  });
  return found;
}

/** What would make an answer something that a client does not understand. */
function ofAnswer(ours, theirs) {
  const { raw } = ours;
  const found = [...ofBoth(ours, theirs)];
  for (const name of raw.required?.filter((name) => theirs.required?.includes(name)) ?? []) {
    const left = raw.required.filter((other) => other !== name);
    found.push(instead(raw, "required", left, `${name} is not always there`));
  }
  if (raw.enum && theirs.values) {
    found.push(instead(raw, "enum", [...raw.enum, "UNHEARD_OF"], "a new value"));
  }
  if ("const" in raw && theirs.values) {
    found.push(instead(raw, "const", "UNHEARD_OF", "another value"));
  }
  if (ours.variants) {
    const unheard = { type: "object", required: ["type"], properties: { type: { const: "UNHEARD_OF" } } };
    found.push(instead(raw, "oneOf", [...raw.oneOf, unheard], "a new member"));
  }
  if (typeof raw.type === "string" && !theirs.nullable && !theirs.any) {
    found.push(instead(raw, "type", [raw.type, "null"], "it may be null"));
  }
  if (raw.format && theirs.format) {
    found.push(without(raw, "format", "the format"));
  }
  if (theirs.minimum !== undefined && ours.minimum !== undefined) {
    found.push(instead(raw, "minimum", theirs.minimum - 1, "it may be less"));
  }
  return found;
}

/** What would refuse a request that the foreign API takes. */
function ofRequest(ours, theirs) {
  const { raw } = ours;
  const found = [...ofBoth(ours, theirs)];
  if (raw.properties) {
    found.push(instead(raw, "required", [...(raw.required ?? []), "unheard_of"], "a field nobody sends is required"));
    for (const name of Object.keys(theirs.properties ?? {}).filter((name) => !theirs.required.includes(name))) {
      found.push(instead(raw, "required", [...(raw.required ?? []), name], `${name} is required`));
    }
  }
  for (const value of raw.enum?.filter((value) => theirs.values?.includes(value)) ?? []) {
    found.push(instead(raw, "enum", raw.enum.filter((other) => other !== value), `not ${value}`));
  }
  for (const member of ours.variants ? raw.oneOf : []) {
    const left = raw.oneOf.filter((other) => other !== member);
    found.push(instead(raw, "oneOf", left, `no ${member.properties.type.const}`));
  }
  if (theirs.nullable && Array.isArray(raw.type)) {
    found.push(instead(raw, "type", raw.type.filter((type) => type !== "null"), "not null"));
  }
  if (theirs.types.has("integer")) {
    found.push(instead(raw, "minimum", (theirs.minimum ?? -10) + 1, "the least is too little"));
    found.push(instead(raw, "maximum", (theirs.maximum ?? 10) - 1, "the most is too much"));
  }
  return found;
}

function ofBoth({ raw }, theirs) {
  const found = [];
  for (const name of Object.keys(raw.properties ?? {}).filter((name) => theirs.properties?.[name])) {
    found.push(without(raw.properties, name, `${name} is not listed`));
    if (Object.keys(theirs.properties[name]).length === 0) {
      // It may be anything.
      continue;
    }
    const other = theirs.properties[name].type === "array" ? { type: "string" } : { type: "array", items: {} };
    found.push(instead(raw.properties, name, other, `${name} is something else`));
  }
  if (raw.items && theirs.items) {
    found.push(without(raw, "items", "items of any kind"));
  }
  return found;
}

function without(node, name, what) {
  return { what: `without ${what}`, apply: () => changed(node, () => delete node[name]) };
}

function instead(node, name, value, what) {
  return { what, apply: () => changed(node, () => (node[name] = value)) };
}

/** Changes an object; what is given puts it back as it was, in its order. */
function changed(node, change) {
  const before = { ...node };
  change();
  return () => {
    Object.keys(node).forEach((name) => delete node[name]);
    Object.assign(node, before);
  };
}
