// The examples, as they are in examples/, with the packed package and a snapshot of the demo.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { cloudflare } from "@cloudflare/vite-plugin";
import { Miniflare, NoOpLog } from "miniflare";
import { createBuilder, build as viteBuild } from "vite";
import { build, newKey } from "../../support/snapshots.mjs";
import { onPage } from "../browser.mjs";
import { RIGHT, filesOf, node, output, root, run, tool, toolOfRoot, work } from "../project.mjs";

let key, snapshot;
const stops = [];

function prepared(name) {
  key ??= newKey();
  snapshot ??= build(JSON.parse(readFileSync(join(root, "demo/catalog.json"), "utf8")), key);
  const folder = join(work, "examples", name);
  cpSync(join(root, "examples", name), folder, { recursive: true });
  return folder;
}

/** Stops what the examples started. */
export const stopExamples = () => Promise.all(stops.map((stop) => stop()));

/** Starts a program, and returns the address that it prints. */
async function started(command, args, cwd, env) {
  const child = spawn(command, args, { cwd, env: { ...process.env, ...env } });
  stops.push(async () => {
    if (child.exitCode === null) {
      child.kill();
      await once(child, "exit");
    }
  });
  let said = "";
  return new Promise((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (text) => {
        said += text;
        const found = /http:\/\/localhost:\d+/.exec(said);
        if (found) resolve(found[0]);
      });
    }
    child.on("exit", () => reject(new Error(said)));
  });
}

/** A server of the snapshot's folder and other files. */
async function served(folder) {
  const TYPES = { html: "text/html", js: "text/javascript", wasm: "application/wasm" };
  const server = createServer((request, response) => {
    const path = join(folder, request.url === "/" ? "index.html" : request.url.split("?")[0]);
    try {
      const body = readFileSync(path);
      response.writeHead(200, { "content-type": TYPES[path.split(".").at(-1)] ?? "application/octet-stream" }).end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((listening) => server.listen(0, "localhost", listening));
  stops.push(() => new Promise((closed) => {
    server.closeAllConnections();
    server.close(closed);
  }));
  return `http://localhost:${server.address().port}`;
}

async function withWrangler(project, folder) {
  await run(toolOfRoot("wrangler"), ["deploy", "--dry-run", "--outdir", folder], { cwd: project });
  return folder;
}

async function withVite(root, outDir) {
  const builder = await createBuilder({ root, configFile: false, logLevel: "warn", plugins: [cloudflare()], build: { outDir } });
  await builder.buildApp();
  return join(outDir, /^name = "(.+)"$/m.exec(readFileSync(join(root, "wrangler.toml"), "utf8"))[1]);
}

/** The Worker of an example, bundled, in workerd, with the snapshot in its KV namespace. */
async function worker(name, bundled = withWrangler) {
  const folder = await bundled(prepared(name), output(`example-${name}-${bundled.name}`));
  const KINDS = { js: "esm", wasm: "wasm" };
  const files = filesOf(folder).filter((path) => path.split(".").at(-1) in KINDS);
  const modules = files.map((path) => {
    const type = KINDS[path.split(".").at(-1)];
    return [path, { type, contents: readFileSync(join(folder, path), type === "esm" ? "utf8" : null) }];
  });
  const config = (name, modules, env) => ({
    config: { name, compatibilityDate: "2026-04-21", manifest: { mainModule: "index.js", modulesRoot: "/", modules }, env },
  });
  const kv = { SNAPSHOTS: { type: "kv", id: name } };
  const filling = `export default { async fetch(request, env) {
    await env.SNAPSHOTS.put(new URL(request.url).pathname.slice(1), await request.arrayBuffer());
    return new Response();
  } };`;
  const miniflare = new Miniflare({
    log: new NoOpLog(),
    workers: [
      config(name, Object.fromEntries(modules), { ...kv, MAYUSE_PUBLIC_KEY: { type: "text", value: key.public } }),
      { ...config("filling", { "index.js": { type: "esm", contents: filling } }, kv), dev: { unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }] } },
    ],
  });
  stops.push(() => miniflare.dispose());
  await miniflare.ready;
  const place = await miniflare.unsafeGetDirectURL("filling");
  for (const path of readdirSync(snapshot.folder, { recursive: true }).filter((path) => /^(manifest|o\/.+)$/.test(path))) {
    const { ok } = await fetch(new URL(path, place), { method: "PUT", body: readFileSync(join(snapshot.folder, path)) });
    assert.ok(ok);
  }
  return (path, init) => miniflare.dispatchFetch(`http://x${path}`, init);
}

const as = (customer, more) => ({ headers: { "x-customer": customer, ...more } });

/** Those who have reports get them; others get what the middleware or `refuse` says. */
async function reports(ask) {
  const allowed = await ask("/reports", as("initech"));
  assert.deepEqual([allowed.status, /Your report\./.test(await allowed.text())], [200, true]);
  assert.equal((await ask("/reports", as("hobby"))).status, 402);
  assert.equal((await ask("/reports", as("nobody"))).status, 403);
  assert.equal((await ask("/reports")).status, 403);
}

export const examples = [
  ["example: a plain Worker", async () => {
    const ask = await worker("worker");
    await reports(ask);
    const refused = await ask("/", as("hobby"));
    assert.equal((await refused.json()).reason, "NOT_ENTITLED");
    return RIGHT;
  }],
  ["example: a plain Worker, with @cloudflare/vite-plugin", async () => {
    await reports(await worker("worker", withVite));
    return RIGHT;
  }],
  ["example: Hono", async () => {
    const ask = await worker("hono");
    await reports(ask);
    const call = (consumed) => ask("/calls", { method: "POST", ...as("acme", { "x-consumed": consumed }) });
    const allowed = await call("199990");
    assert.deepEqual(await allowed.json(), { remaining: "10" });
    assert.match(allowed.headers.get("ratelimit"), /^"api_calls";r=10;t=\d+$/);
    const full = await call("205000");
    assert.equal(full.status, 429);
    assert.ok(0 < Number(full.headers.get("retry-after")));
    return RIGHT;
  }],
  ["example: a Node server", async () => {
    const folder = prepared("node");
    const url = await started(node(24), ["server.js"], folder, { PORT: "0", MAYUSE_SNAPSHOT: snapshot.path, MAYUSE_PUBLIC_KEY: key.public });
    await reports((path, init) => fetch(new URL(path, url), init));
    return RIGHT;
  }],
  ["example: Next", async () => {
    const folder = prepared("next");
    const env = { NEXT_TELEMETRY_DISABLED: "1", MAYUSE_PUBLIC_KEY: key.public, MAYUSE_SNAPSHOT_URL: await served(snapshot.folder) };
    // The folder is inside another project's.
    const config = readFileSync(join(folder, "next.config.mjs"), "utf8");
    writeFileSync(join(folder, "next.config.mjs"), config.replace("{", `{ turbopack: { root: ${JSON.stringify(join(root, "tests/package"))} },`));
    await run(tool("next"), ["build"], { cwd: folder, ...env });
    const url = await started(tool("next"), ["start", "--port", "0", "--hostname", "localhost"], folder, env);
    const ask = (path, init) => fetch(new URL(path, url), init);
    // The server prints its address before it is ready.
    for (let n = 0; n < 100 && !(await ask("/").catch(() => false)); n++) await new Promise((resolve) => setTimeout(resolve, 100));
    await reports(ask);
    const exported = await ask("/api/export", as("hobby", { "x-consumed": "2" }));
    assert.deepEqual([exported.status, await exported.json()], [200, { remaining: "1" }]);
    assert.equal((await ask("/api/export", as("hobby", { "x-consumed": "3" }))).status, 429);
    return RIGHT;
  }],
  ["example: a page with Vite, in Chromium", async () => {
    const folder = prepared("vite");
    mkdirSync(join(folder, "public"));
    cpSync(snapshot.path, join(folder, "public/demo.snapshot"));
    process.env.VITE_MAYUSE_PUBLIC_KEY = key.public;
    await viteBuild({ root: folder, configFile: false, logLevel: "warn" });
    const url = await served(join(folder, "dist"));
    return onPage(url, async (page) => {
      const found = await page.evaluate("[...document.querySelectorAll('button')].map(({ disabled, title }) => [disabled, title])");
      assert.deepEqual(found, [[false, "ENABLED"], [true, "NOT_ENTITLED"]]);
      return RIGHT;
    }, "document.body.dataset.ready");
  }],
];
