// Bundlers. What they build is loaded: in Chromium, or in Node.
import { join } from "node:path";
import { buildSync } from "esbuild";
import { build, createServer } from "vite";
import webpack from "webpack";
import { onPage } from "../browser.mjs";
import { engines, node, output, run, work } from "../project.mjs";

const page = ["index.html", "index.html"];

/** Vite's development server, with or without its optimiser. */
async function viteDev(name, optimizeDeps) {
  const cacheDir = join(work, "out", name);
  const server = await createServer({ root: work, configFile: false, logLevel: "warn", cacheDir, optimizeDeps, server: { port: 0, host: "localhost", hmr: false } });
  try {
    await server.listen();
    return await onPage(server.resolvedUrls.local[0]);
  } finally {
    await server.close();
  }
}

async function pack(entry, target, path, filename) {
  const compiler = webpack({ mode: "production", context: work, entry: `./${entry}`, target, output: { path, filename } });
  const stats = await new Promise((resolve, reject) => compiler.run((error, stats) => (error ? reject(error) : resolve(stats))));
  await new Promise((resolve) => compiler.close(resolve));
  if (stats.hasErrors()) throw new Error(stats.toString("errors-only"));
}

/** Bundles by esbuild. */
const bundle = (entry, outfile, options) =>
  buildSync({ absWorkingDir: work, entryPoints: [entry], outfile, bundle: true, logLevel: "warning", ...options });

async function slimOnNode(format, outfile) {
  const folder = output(`esbuild-node-${format}`);
  bundle("slim-node.js", join(folder, outfile), { format, platform: "node", target: "node20", loader: { ".wasm": "binary" } });
  return JSON.parse(await run(node(22), [join(folder, outfile)]));
}

async function serviceWorker(type) {
  const folder = output("service-worker", ["classic.html", "index.html"], ["service-worker-page.js", "page.js"], ...engines);
  bundle("service-worker.js", join(folder, `sw-${type}.js`), { format: type === "module" ? "esm" : "iife" });
  return onPage(`service-worker/index.html?type=${type}`);
}

export const bundlers = [
  ["Vite, build", async () => {
    await build({ root: work, base: "./", configFile: false, logLevel: "warn", build: { outDir: output("vite") } });
    return onPage("vite/index.html");
  }],
  ["Vite, dev", () => viteDev("vite-dev", { exclude: ["mayuse", "mayuse/document"] })],
  ["Vite, dev with its optimiser", () => viteDev("vite-optimised", { include: ["mayuse", "mayuse/document"] })],
  ["webpack, web", async () => {
    const folder = output("webpack-web", page);
    await pack("page.js", "web", folder, "page.js");
    return onPage("webpack-web/index.html");
  }],
  ["webpack, node", async () => {
    const folder = output("webpack-node");
    await pack("console.js", "node22", folder, "main.cjs");
    return JSON.parse(await run(node(22), [join(folder, "main.cjs")]));
  }],
  ["esbuild, browser, esm, with wasm/ copied", async () => {
    const folder = output("esbuild", page, ["node_modules/mayuse/wasm", "wasm"]);
    bundle("page.js", join(folder, "page.js"), { format: "esm" });
    return onPage("esbuild/index.html");
  }],
  ["esbuild, browser, iife, slim", async () => {
    const folder = output("esbuild-iife", ["classic.html", "index.html"], ...engines);
    bundle("slim-page.js", join(folder, "page.js"), { format: "iife" });
    return onPage("esbuild-iife/index.html");
  }],
  ["esbuild, node, esm, slim", () => slimOnNode("esm", "main.mjs")],
  ["esbuild, node, cjs, slim", () => slimOnNode("cjs", "main.cjs")],
  ["a service worker, classic, slim", () => serviceWorker("classic")],
  ["a service worker, module, slim", () => serviceWorker("module")],
];
