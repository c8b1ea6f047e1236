// What clients of Meteroid, Commet and Pabbly send is understood here, and what is answered is understood there.
// Their published schemas are restated in meteroid.json, commet.json and pabbly.json; openapi.json is held against them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { problemsOfValues, readOpenapi, structuralProblems } from "./contract.mjs";
import { mutations } from "./mutations.mjs";
import { restated } from "./notation.mjs";

const APIS = ["meteroid", "commet", "pabbly"].map(restated);
const OPERATIONS = APIS.flatMap((foreign) => Object.keys(foreign.operations).map((name) => [foreign, name]));

test("the operations that are spoken of are there", () => {
  const names = OPERATIONS.map(([, name]) => name);
  for (const name of [
    "POST /api/v1/addons",
    "GET /api/v1/addons/{addon_id}/entitlements",
    "POST /api/v1/subscriptions",
    "POST /addons",
    "POST /api/v1/addon/{product_id}",
  ]) {
    assert.ok(names.includes(name), name);
  }
});

test("every operation of openapi.json with a foreign tag is restated", () => {
  const tags = ["Meteroid", "Commet", "Pabbly"];
  for (const [path, item] of Object.entries(readOpenapi().paths)) {
    for (const [method, { tags: [tag] = [] }] of Object.entries(item)) {
      const foreign = APIS[tags.indexOf(tag)];
      assert.ok(!foreign || foreign.operations[`${method.toUpperCase()} ${path}`], `${method} ${path}`);
    }
  }
});

for (const [foreign, name] of OPERATIONS) {
  test(`${foreign.name}: ${name}: the schemas go together`, () => {
    assert.deepEqual(structuralProblems(foreign, name, readOpenapi()), []);
  });

  test(`${foreign.name}: ${name}: so do values of them`, () => {
    let n_values = 0;
    const problems = problemsOfValues(foreign, name, readOpenapi(), (n) => (n_values += n));
    assert.deepEqual(problems, []);
    assert.ok(3 < n_values, `only ${n_values} values`);
  });
}

test("whatever is changed in openapi.json is noticed", () => {
  const openapi = readOpenapi();
  const survivors = [];
  let n_mutants = 0;
  for (const [foreign, name] of OPERATIONS) {
    for (const { what, apply } of mutations(foreign, name, openapi)) {
      const undo = apply();
      n_mutants += 1;
      if (structuralProblems(foreign, name, openapi).length === 0) {
        survivors.push(`${name}: ${what}`);
      }
      undo();
    }
  }
  assert.deepEqual(survivors, []);
  assert.ok(1_000 < n_mutants, `only ${n_mutants} changes`);
  assert.deepEqual(openapi, readOpenapi(), "all changes are undone");
});

test("so are changes that values show", () => {
  const [meteroid, commet, pabbly] = APIS;
  const ADD_ON = "POST /api/v1/addons";
  const SUBSCRIPTION = "POST /api/v1/subscriptions";
  const RESOLVED = "GET /api/v1/addons/{addon_id}/entitlements";
  const COMMET = "POST /addons";
  const PABBLY = "POST /api/v1/addon/{product_id}";
  const cases = [
    [meteroid, ADD_ON, (s) => s.MeteroidAddOn.required.pop(), /created_at/],
    [meteroid, ADD_ON, (s) => (s.MeteroidAddOnCreate.properties.name.minLength = 1), /fewer than 1/],
    [meteroid, ADD_ON, (s) => (s.MeteroidId.pattern = "^add_"), /pattern/],
    [meteroid, SUBSCRIPTION, (s) => s.MeteroidSubscription.required.splice(0, 1), /'id'/],
    [meteroid, SUBSCRIPTION, (s) => s.MeteroidFee.oneOf.push({ const: "FREE" }), /exactly one/],
    [meteroid, SUBSCRIPTION, (s) => s.MeteroidCurrency.enum.push("XXX"), /allowed values/],
    [meteroid, SUBSCRIPTION, (s) => s.MeteroidPricing.oneOf.pop(), /customization: must match a schema in anyOf/],
    [meteroid, SUBSCRIPTION, (s) => s.MeteroidSubscriptionCreate.required.push("version"), /'version'/],
    [meteroid, RESOLVED, (s) => delete s.MeteroidResetPeriod.oneOf[2].properties.interval.minimum, /exactly one/],
    [meteroid, RESOLVED, (s) => s.MeteroidError.properties.code.enum.push("GONE"), /allowed values/],
    [commet, COMMET, (s) => s.CommetAddOn.required.shift(), /'id'/],
    [commet, COMMET, (s) => (s.CommetAddOn.properties.basePrice = { type: "string" }), /integer/],
    [commet, COMMET, (s) => s.CommetAddOnCreate.properties.consumptionModel.enum.pop(), /allowed values/],
    [commet, COMMET, (s) => (s.CommetError.properties.success = { const: true }), /constant/],
    [pabbly, PABBLY, (s) => (s.PabblyAddOnCreate.properties.status = { type: "boolean" }), /boolean/],
    [pabbly, PABBLY, (s) => (s.PabblyAddOn.properties.price = { type: "string" }), /integer/],
    [pabbly, PABBLY, (s, { paths }) => delete paths["/api/v1/addon/{product_id}"].post.responses[401], /has no 401/],
  ];
  for (const [foreign, name, change, expected] of cases) {
    const openapi = readOpenapi();
    change(openapi.components.schemas, openapi);
    assert.match(problemsOfValues(foreign, name, openapi).join("\n"), expected, `${name}: ${change}`);
  }
});
