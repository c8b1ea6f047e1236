// The released clients of the APIs that the Worker stands in for, against the Worker in its real runtime.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { mayuse } from "../cli/support.mjs";
import { PABBLY_PRODUCT, shop } from "../worker/shop.mjs";
import { DEMO_KEY, JSON_TYPE, demo, start } from "../worker/support.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const PYTHON = `${root}tests/clients/.venv/bin/python`;
// A proxy is for the registries, not for this machine.
const env = { ...process.env, NO_PROXY: "127.0.0.1", no_proxy: "127.0.0.1", NODE_ENV: "test" };

/** Runs a program to its end; what it says of a failure is the failure. */
async function run(file, ...args) {
  try {
    return (await promisify(execFile)(file, args, { cwd: `${root}tests/clients`, env })).stdout;
  } catch (error) {
    assert.fail(`${args[0] ?? file}\n${error.stdout ?? ""}${error.stderr ?? error}`);
  }
}

const feature = (code, type, more) => ({ id: `feat_${code}`, code, name: code, status: "ACTIVE", feature_type: { type }, ...more });

/** The demo, and a metered feature that nobody gave a metric, as the walk through README.md makes one. */
function catalog() {
  const value = { type: "METERED", limit: "5", reset_period: { type: "NEVER" } };
  const ofCommet = ["python", "node"].flatMap((language) => [
    ...["boolean", "again"].map((model) => feature(`${language}_${model}`, "BOOLEAN")),
    ...["metered", "credits", "balance"].map((model) => feature(`${language}_${model}`, "METERED")),
  ]);
  const document = demo();
  document.features.push(feature("without_metric", "METERED", { entitlement: { value } }), ...ofCommet);
  return document;
}

let started;
let worker;
/** The one whose key begins as Commet's clients want it. */
let deployed;
let commetKey;

before(async () => {
  await run(`${root}scripts/clients.sh`);
  const made = await mayuse(["key", "--name", "commet", "--scope", "catalog", "--prefix", "ck_", "--json"]);
  assert.equal(made.status, 0, made.stderr);
  const { key, row } = JSON.parse(made.stdout);
  commetKey = key;
  assert.match(key, /^ck_[0-9a-f]{64}$/);
  const bindings = { LOCAL_RUN: undefined, API_KEYS: JSON.stringify([row]) };
  started = await start({ catalog: catalog() }, { catalog: catalog(), bindings, key }, { catalog: shop() });
  [worker, deployed] = started.workers;
});
after(() => started?.stop());

test("Meteroid's client for Python: every method that has a route here", async () => {
  const n = async () => (await worker.get("/v1/catalog/subscriptions?limit=1000")).body.data.length;
  const before = await n();
  const made = JSON.parse(await run(PYTHON, "meteroid_client.py", worker.url, DEMO_KEY)).subscriptions;
  // Two, although one was asked for twice.
  assert.equal(await n(), before + 2);
  const { body } = await worker.get(`/v1/catalog/subscriptions/${made[1]}`);
  assert.deepEqual(body.entity.custom_properties, { crm: "42", seats: 7, ratio: 1.5, deep: [{ none: null, yes: true }] });
  assert.equal(body.entity.backdate_invoices, true);
});

for (const [language, file, program] of [
  ["Python", PYTHON, "commet_client.py"],
  ["Node", process.execPath, "commet_client.mjs"],
]) {
  test(`Commet's client for ${language}: the creation of add-ons`, async () => {
    await run(file, program, deployed.url, commetKey);
    const { body } = await deployed.ask("GET", "/v1/catalog/add_ons?limit=1000", { key: commetKey });
    const sold = body.data.map(({ entity }) => entity).filter(({ commet }) => commet);
    const codes = sold.map(({ name }) => name).filter((name) => name.includes(`${language.toLowerCase()}_`));
    assert.equal(codes.length, 4, JSON.stringify(codes));
  });
}

test("Pabbly's clients send forms, as their languages make them", async () => {
  const ours = started.workers[2];
  const fields = (code) => [
    ["name", `Extra "${code}" & ü`],
    ["code", code],
    ["price", "10"],
    ["billing_cycle", "lifetime"],
    ["billing_period", "m"],
    ["billing_period_num", "1"],
    ["status", "true"],
    ["associate_plans", "selected_plans"],
    ["plans_array[]", "plan_pro"],
  ];
  const authorization = `Basic ${Buffer.from(`${DEMO_KEY}:secret`).toString("base64")}`;
  const url = `${ours.url}/api/v1/addon/${PABBLY_PRODUCT}`;
  for (const [code, make] of [
    ["multipart", (all) => all.reduce((form, [name, value]) => (form.append(name, value), form), new FormData())],
    ["urlencoded", (all) => new URLSearchParams(all)],
  ]) {
    const answer = await fetch(url, { method: "POST", headers: { authorization }, body: make(fields(code)) });
    const { status, data } = await answer.json();
    assert.deepEqual([answer.status, status, data?.code, data?.name], [200, "success", code, `Extra "${code}" & ü`]);
    assert.deepEqual(data.plans_array, ["plan_pro"]);
  }
  const python = `
import httpx, sys
url, key = sys.argv[1:]
fields = dict(name="Extra", price="10", billing_cycle="lifetime", billing_period="m", billing_period_num="1",
              status="true", associate_plans="selected_plans", **{"plans_array[]": ["plan_pro"]})
for code, sent in [("httpx_form", {}), ("httpx_parts", {"files": {"description": (None, "text")}})]:
    answer = httpx.post(url, auth=(key, "secret"), data=dict(fields, code=code), **sent)
    assert answer.status_code == 200 and answer.json()["data"]["plans_array"] == ["plan_pro"], answer.text
assert httpx.post(url, auth=("unknown", "secret"), data=fields).json()["status"] == "error"
`;
  await run(PYTHON, "-c", python, url, DEMO_KEY);
  // As JSON, and refused in the same words.
  const headers = { ...JSON_TYPE, authorization };
  const { status, body } = await ours.ask("POST", "/api/v1/nothing", { key: null, body: "{}", headers });
  assert.deepEqual([status, body.status], [404, "error"]);
});
