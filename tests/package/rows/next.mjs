// Next, built by each of its bundlers and started.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import assert from "node:assert/strict";
import { onPage } from "../browser.mjs";
import { RIGHT, run, tool, work } from "../project.mjs";

const folder = join(work, "next");
const servers = [];

/** Builds with a bundler, starts the server, and returns its address. The guard has the name of a proxy or middleware. */
async function started(bundler, guard) {
  const env = { DIST: `.next-${bundler}`, NEXT_TELEMETRY_DISABLED: "1" };
  renameSync(join(folder, "guard.js"), join(folder, guard));
  await run(tool("next"), ["build", `--${bundler}`], { cwd: folder, ...env });
  renameSync(join(folder, guard), join(folder, "guard.js"));
  const server = spawn(tool("next"), ["start", "--port", "0", "--hostname", "localhost"], { cwd: folder, env: { ...process.env, ...env } });
  servers.push(server);
  let said = "";
  return new Promise((resolve, reject) => {
    for (const stream of [server.stdout, server.stderr]) {
      stream.on("data", (text) => {
        said += text;
        const [, found] = /Local:\s+(http:\S+)[^]*Ready/.exec(said) ?? [];
        if (found) resolve(found);
      });
    }
    server.on("exit", () => reject(new Error(said)));
  });
}

/** Stops the servers. */
export async function stop() {
  for (const server of servers.filter(({ exitCode }) => exitCode === null)) {
    server.kill();
    await once(server, "exit");
  }
}

const inPre = (page) => page.evaluate("JSON.parse(document.querySelector('pre').textContent)");

const textInPre = (html) => JSON.parse(/<pre>(.*?)<\/pre>/.exec(html)[1].replaceAll("&quot;", '"').replaceAll("&amp;", "&"));

/** What `mayuse/next` guards: who may use the feature gets to the page or the handler, others get their status. */
async function guarded(place, status, read) {
  const ask = (query, customer = "acme") =>
    fetch(new URL(`?${query}`, place), { headers: { "x-mayuse-decision": "%7B%7D", ...(customer && { "x-customer": customer }) } });
  const passed = await ask("feature=api_calls&consumed=199999");
  assert.equal(passed.status, status, await passed.clone().text());
  const { decision } = read(await passed.text());
  assert.deepEqual([decision.customerId, decision.reason, decision.remaining], ["cus_acme", "WITHIN_LIMIT", "1"]);
  assert.match(passed.headers.get("ratelimit"), /^"api_calls";r=1;t=\d+$/);
  assert.match(passed.headers.get("ratelimit-policy"), /^"api_calls";q=200000;w=\d+$/);
  const refused = [
    ["feature=custom_domains", 402, "NOT_ENTITLED"], ["feature=audit_log", 403, "CUSTOMER_ARCHIVED", "archived"],
    ["feature=api_calls&consumed=205000", 429, "LIMIT_REACHED"], ["feature=api_calls&consumed=many", 503, "SNAPSHOT_MISSING"],
    ["feature=sso", 403, "CUSTOMER_NOT_FOUND", null],
  ];
  for (const [query, status, reason, customer] of refused) {
    const response = await ask(query, customer);
    assert.deepEqual([response.status, (await response.json()).reason], [status, reason], query);
    assert.equal(response.headers.get("content-type"), "application/problem+json");
    assert.equal(response.headers.has("retry-after"), status === 429, query);
  }
  return RIGHT;
}

/** The rows of a bundler. The first of them builds and starts. */
function of(bundler, label, guard) {
  let url;
  return [
    [`Next, ${label}, server component`, async () => {
      url = await started(bundler, guard);
      // What Next copies to where the page runs.
      const { files } = JSON.parse(readFileSync(join(folder, `.next-${bundler}/server/app/page.js.nft.json`), "utf8"));
      const engines = files.filter((path) => path.endsWith("_bg.wasm"));
      if (engines.length !== 3) throw new Error(`the engines that Next copies are ${engines}`);
      return onPage(url, inPre);
    }],
    [`Next, ${label}, client page`, () => onPage(new URL("client", url), inPre)],
    [`Next, ${label}, edge route`, async () => {
      const response = await fetch(new URL("api/edge", url));
      if (!response.ok) throw new Error((await response.text()).slice(0, 1000));
      return response.json();
    }],
    [`Next, ${label}, mayuse/next in ${guard}`, () => guarded(new URL("guarded", url), 200, textInPre)],
    [`Next, ${label}, mayuse/next in a route handler`, () => guarded(new URL("handler/node", url), 201, JSON.parse)],
    [`Next, ${label}, mayuse/next in a route handler at the edge`, () => guarded(new URL("api/guarded", url), 201, JSON.parse)],
  ];
}

export const next = [...of("turbopack", "Turbopack", "proxy.js"), ...of("webpack", "webpack", "middleware.js")];
