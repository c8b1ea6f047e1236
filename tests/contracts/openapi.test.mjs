// openapi.json itself: that it is a document that tools can read, and says of every route what it must.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { compiler, readOpenapi } from "./contract.mjs";
import { resolve } from "./shapes.mjs";

const openapi = readOpenapi();
const { at } = compiler(openapi);
const OPEN = ["/healthz", "/readyz", "/v1/version", "/openapi.json"];
const METHODS = ["get", "put", "post", "patch", "delete"];
const of = (schema) => at(`#/components/schemas/${schema}`);
const json = (path) => JSON.parse(readFileSync(new URL(`../../${path}`, import.meta.url), "utf8"));

/** Every operation: `[name, operation, path item]`. */
const operations = Object.entries(openapi.paths).flatMap(([path, item]) =>
  Object.entries(item)
    .filter(([method]) => METHODS.includes(method))
    .map(([method, operation]) => [`${method.toUpperCase()} ${path}`, operation, item, path]),
);

/** Calls back for every object in the document, with its path. */
function visit(node, see, path = "#") {
  if (node !== null && typeof node === "object") {
    see(node, path);
    Object.entries(node).forEach(([name, value]) => visit(value, see, `${path}/${name.replaceAll("/", "~1")}`));
  }
}

test("every reference points somewhere, and every component is used", () => {
  const used = new Set();
  visit(openapi, (node, path) => {
    if (typeof node.$ref === "string") {
      resolve(node, openapi);
      used.add(node.$ref.split("/").slice(0, 4).join("/"));
      assert.ok(Object.keys(node).every((name) => ["$ref", "description"].includes(name)), path);
    }
  });
  // What any path of a foreign API answers to a method it does not take.
  const general = /^(Meteroid|Commet|Pabbly)?(MethodNotAllowed|NotFound|NotImplemented)$/;
  for (const [section, components] of Object.entries(openapi.components)) {
    for (const name of Object.keys(components).filter((name) => section !== "securitySchemes" && !general.test(name))) {
      assert.ok(used.has(`#/components/${section}/${name}`), `${section} ${name} is not used`);
    }
  }
});

test("every schema compiles, strictly", () => {
  let n_schemas = 0;
  visit(openapi, (node, path) => {
    if (/^#\/components\/schemas\/[^/]+$|\/(content|parameters|headers)\/[^/]+\/schema$/.test(path)) {
      const pointer = path.split("/").map((step) => encodeURIComponent(step).replace("%23", "#")).join("/");
      assert.ok(at(pointer), path);
      n_schemas += 1;
    }
  });
  assert.ok(100 < n_schemas, `only ${n_schemas} schemas`);
});

test("examples are what their schemas describe", () => {
  for (const [name, { examples }] of Object.entries(openapi.components.schemas)) {
    for (const example of examples ?? []) {
      assert.ok(of(name)(example), `${name}: ${example}`);
    }
  }
});

test("literal paths stand before those with parameters", () => {
  const segments = (path) => path.slice(1).split("/");
  const fits = (template, path) =>
    template.length === path.length && template.every((part, n) => part.startsWith("{") || part === path[n]);
  const paths = Object.keys(openapi.paths);
  for (const [n, path] of paths.entries()) {
    const first = paths.findIndex((template) => fits(segments(template), segments(path)));
    assert.equal(first, n, `${path} is taken for ${paths[first]}`);
  }
});

test("operations are named once, tagged, and have the parameters of their path", () => {
  const names = operations.map(([, { operationId }]) => operationId);
  assert.equal(new Set(names).size, names.length, "an operationId is used twice");
  const tags = openapi.tags.map(({ name }) => name);
  for (const [name, { tags: used, parameters = [], responses, summary }, item, path] of operations) {
    assert.ok(used.length === 1 && tags.includes(used[0]) && summary, name);
    const all = [...(item.parameters ?? []), ...parameters].map((parameter) => resolve(parameter, openapi));
    const inPath = all.filter((parameter) => parameter.in === "path" && parameter.required);
    const inTemplate = [...path.matchAll(/\{(.+?)\}/g)].map(([, found]) => found);
    assert.deepEqual(inPath.map(({ name: found }) => found), inTemplate, name);
    for (const response of Object.values(responses)) {
      const { description, headers } = resolve(response, openapi);
      assert.ok(description && headers["x-request-id"], name);
    }
  }
});

test("every route but four needs a key", () => {
  for (const [name, { security = openapi.security, responses }, , path] of operations) {
    const schemes = security.flatMap((one) => Object.keys(one));
    assert.ok(schemes.every((scheme) => openapi.components.securitySchemes[scheme]), name);
    assert.equal(schemes.length === 0, OPEN.includes(path), name);
    if (!OPEN.includes(path)) {
      assert.ok(responses[401] && responses[403], name);
      assert.ok(resolve(responses[429], openapi).headers["retry-after"], name);
    }
  }
});

test("what takes a body says so, and what writes says which version it made", () => {
  for (const [name, { requestBody, responses }] of operations) {
    if (requestBody) {
      // Bytes are bytes, whatever they are said to be; but encoded ones are refused.
      assert.ok(requestBody.required && responses[400] && responses[413] && responses[415], name);
      // An import takes as long as it takes.
      assert.equal(responses[408] === undefined, name === "POST /v1/catalog/import", name);
    }
    // An object is part of no version before a manifest names it.
    if (["GET", "POST /v1/check", "PUT /v1/snapshot/objects"].some((start) => name.startsWith(start))) {
      continue;
    }
    const done = Object.entries(responses).filter(([status]) => status < "300");
    assert.ok(done.length > 0 && done.every(([, { headers }]) => headers["x-snapshot-version"]), name);
  }
});

test("what is entirely ours is described to the last field", () => {
  const imports = ["Imported", "ImportProgress", "ImportRefusal"];
  const snapshots = ["Published", "ReplicaStatus"];
  for (const name of ["Stored", "StoredPage", "Put", "Deleted", "Replaced", ...imports, ...snapshots, "Readiness", "Error"]) {
    assert.equal(openapi.components.schemas[name].additionalProperties, false, name);
  }
});

test("catalogs that are taken are documents", () => {
  const takes = of("Document");
  const documents = [["the demo", json("demo/catalog.json")]];
  const files = readdirSync(new URL("../vectors/", import.meta.url)).filter((file) => !/index|errors|not-known/.test(file));
  for (const file of files) {
    const { catalog, cases } = json(`tests/vectors/${file}`);
    const taken = cases.filter(({ expect }) => !expect.error);
    const all = [[file, catalog], ...taken.map(({ id, catalog: own }) => [`${file} ${id}`, own])];
    documents.push(...all.filter(([, document]) => document));
  }
  assert.ok(10 < documents.length, `only ${documents.length} documents`);
  for (const [where, document] of documents) {
    assert.ok(takes(document), `${where}: ${JSON.stringify(takes.errors?.at(-1))}`);
  }
});

test("what is no document is refused", () => {
  const good = json("demo/catalog.json");
  const takes = of("Document");
  const cases = [
    (d) => delete d.format,
    (d) => (d.format = 2),
    (d) => (d.features[0].code = "A B"),
    (d) => (d.features[0].status = "MAYBE"),
    (d) => delete d.features[0].feature_type,
    (d) => (d.customers[0].id = 7),
    (d) => (d.subscriptions[0].billing_day_anchor = 0),
    (d) => (d.subscriptions[0].start_date = "yesterday"),
    (d) => (d.plans[1].entitlements[0].value.limit = 5000),
    (d) => (d.plans[1].entitlements[0].value.type = "CASH"),
    (d) => (d.ladder = "HIGH"),
    (d) => (d.add_ons = {}),
  ];
  for (const change of cases) {
    const document = structuredClone(good);
    change(document);
    assert.ok(!takes(document), `${change}`);
  }
  assert.ok(takes(good));
});
