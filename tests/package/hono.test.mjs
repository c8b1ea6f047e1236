// The middleware in the real Hono: in Node, and in workerd, where it asks the deployed Worker through its binding.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { Hono } from "hono";
import { Catalog } from "../../pkg/document-node.js";
import { requireFeature } from "../../pkg/hono.js";
import { AT, start } from "../worker/support.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const demo = new Catalog(readFileSync(`${root}demo/catalog.json`, "utf8"));
const NOW = Date.parse(AT);

/** A Worker of a user. Its paths name the customer, the feature and the usage. */
const APP = `
import { Hono } from "hono";
import { requireFeature } from "mayuse/hono";

const app = new Hono();
app.onError((error, c) => c.text("thrown: " + error, 500));
const options = {
  mayuse: (c) => c.env.MAYUSE,
  customer: (c) => c.req.param("customer"),
  feature: (c) => c.req.param("feature"),
  question: (c) => ({ at: "${AT}", consumed: c.req.query("consumed") }),
  now: () => ${NOW},
};
app.get("/:customer/:feature", requireFeature(options), (c) => c.json(c.get("entitlement")));
app.get("/lost/:customer/:feature", requireFeature({ ...options, mayuse: (c) => c.env.NOBODY }), (c) => c.text("passed"));
app.get("/lenient/:customer/:feature", requireFeature({ ...options, mayuse: (c) => c.env.NOBODY, onIndeterminate: "ALLOW" }), (c) => c.text("passed"));
export default app;`;

let running;
before(async () => {
  const bundled = await build({
    stdin: { contents: APP, resolveDir: fileURLToPath(new URL(".", import.meta.url)) },
    alias: { "mayuse/hono": `${root}pkg/hono.js` }, bundle: true, format: "esm", write: false,
  });
  running = await start(
    { bindings: { MIN_VERSION: "0" } },
    {
      parts: [{ type: "ESModule", path: "app.mjs", contents: bundled.outputFiles[0].text }],
      catalog: null,
      writer: 0,
      // The default entry point has no methods to call.
      services: { MAYUSE: { worker: "worker-0", exportName: "Rpc" }, NOBODY: { worker: "worker-0" } },
    },
  );
});
after(() => running?.stop());

const get = (path) => running.workers[1].send("GET", path, { key: null });

test("in workerd, the binding decides", async () => {
  const allowed = await get("/acme/sso");
  assert.equal(allowed.status, 200, allowed.text);
  const { freshness, ...decision } = JSON.parse(allowed.text);
  assert.equal(freshness.source, "ORIGIN");
  assert.deepEqual([decision.decision, decision.reason, decision.feature.code], ["ALLOW", "ENABLED", "sso"]);
  const metered = await get("/acme/api_calls?consumed=199990");
  assert.equal(metered.status, 200, metered.text);
  assert.match(metered.headers["ratelimit-policy"], /^"api_calls";q=200000;w=\d+$/);
  assert.match(metered.headers.ratelimit, /^"api_calls";r=10;t=\d+$/);
  const cases = [
    ["/acme/custom_domains", 402, "NOT_ENTITLED"], ["/archived/audit_log", 403, "CUSTOMER_ARCHIVED"],
    ["/acme/api_calls?consumed=205000", 429, "LIMIT_REACHED"], ["/acme/api_calls", 503, "USAGE_UNAVAILABLE"],
    ["/acme/api_calls?consumed=many", 503, "SNAPSHOT_MISSING"], ["/two%20words/sso", 403, "CUSTOMER_NOT_FOUND"],
  ];
  for (const [path, status, reason] of cases) {
    const { headers, ...answer } = await get(path);
    assert.deepEqual([answer.status, JSON.parse(answer.text).reason], [status, reason], path);
    assert.equal(headers["content-type"], "application/problem+json");
    assert.equal(headers["retry-after"] !== undefined, status === 429, path);
  }
});

test("in workerd, a binding that does not answer is the policy's", async () => {
  assert.equal((await get("/lost/acme/sso")).status, 503);
  assert.deepEqual(await get("/lenient/acme/sso").then(({ status, text }) => [status, text]), [200, "passed"]);
});

const of = (feature, more) => requireFeature({
  mayuse: demo, customer: () => "acme", feature, now: () => NOW, question: () => ({ at: AT, consumed: "10" }), ...more,
});

test("the headers join those of the handler and of another middleware, whatever its response is", async () => {
  const app = new Hono();
  app.use("*", of("api_calls"), of("exports"));
  app.get("/text", (c) => c.text("text", 201, { ratelimit: '"own";r=1' }));
  app.get("/frozen", async () => {
    const response = await fetch("data:text/plain,frozen");
    assert.throws(() => response.headers.set("x", "y"), TypeError);
    return response;
  });
  for (const path of ["/text", "/frozen", "/missing"]) {
    const { headers, status } = await app.request(path);
    assert.equal(status, { "/text": 201, "/frozen": 200, "/missing": 404 }[path]);
    const names = headers.get("ratelimit").match(/"\w+"/g).toSorted();
    assert.deepEqual(names, ['"api_calls"', '"exports"', ...(path === "/text" ? ['"own"'] : [])].toSorted(), path);
    assert.match(headers.get("ratelimit-policy"), /"api_calls";q=200000;w=\d+/);
  }
});

test("a refusal ends the chain, or is the answer of `onDeny`", async () => {
  const app = new Hono();
  const reached = [];
  app.get("/sold", of("custom_domains", { question: () => ({ at: AT, suggest: true }) }), () => reached.push("handler"));
  app.get("/page", of("custom_domains", { onDeny: ({ reason }, c) => c.html(`<p>${reason}</p>`, 402) }), () => reached.push("handler"));
  app.get("/default", of("custom_domains", { onDeny: () => undefined }), () => reached.push("handler"));
  const sold = await app.request("/sold");
  assert.equal(sold.status, 402);
  assert.ok(0 < (await sold.json()).suggestions.length);
  assert.equal(await (await app.request("/page")).text(), "<p>NOT_ENTITLED</p>");
  assert.equal((await (await app.request("/default")).json()).reason, "NOT_ENTITLED");
  assert.deepEqual(reached, []);
});

test("errors of a handler stay Hono's", async () => {
  const app = new Hono();
  app.onError((error, c) => c.text(`caught ${error.message}`, 500));
  app.get("/", of("api_calls"), () => {
    throw new Error("mine");
  });
  const response = await app.request("/");
  assert.deepEqual([response.status, await response.text()], [500, "caught mine"]);
});
