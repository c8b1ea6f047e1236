// Cloudflare Workers, in workerd.
import { cpSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { cloudflare } from "@cloudflare/vite-plugin";
import { Miniflare, NoOpLog } from "miniflare";
import { build, createBuilder, defaultServerConditions } from "vite";
import { filesOf, output, run, toolOfRoot, work } from "../project.mjs";

const KINDS = { ".js": "esm", ".wasm": "wasm" };

/** Runs a bundle in workerd, and returns what `look` returns for its `fetch`. */
export async function inWorkerd(folder, look) {
  const files = filesOf(folder).map((path) => [path, KINDS[/\.\w+$/.exec(path)?.[0]]]).filter(([, type]) => type);
  const modules = Object.fromEntries(files.map(([path, type]) => [path, { type, contents: readFileSync(join(folder, path), type === "esm" ? "utf8" : null) }]));
  const config = { name: "packaging", compatibilityDate: "2026-04-21", manifest: { mainModule: "index.js", modulesRoot: "/", modules } };
  const miniflare = new Miniflare({ log: new NoOpLog(), workers: [{ config }] });
  try {
    return await look((...request) => miniflare.dispatchFetch("http://x/", ...request));
  } finally {
    await miniflare.dispose();
  }
}

/** What a Worker answers. */
export const answer = async (fetch) => {
  const response = await fetch();
  const text = await response.text();
  if (!response.ok) throw new Error(text);
  return JSON.parse(text);
};

/** A Worker as wrangler would upload it. */
export async function bundled(name = "wrangler", project = join(work, "worker")) {
  const folder = output(name);
  await run(toolOfRoot("wrangler"), ["deploy", "--dry-run", "--outdir", folder], { cwd: project });
  return folder;
}

/** A copy of the Worker's project. */
function copied(name) {
  const project = join(work, name);
  cpSync(join(work, "worker"), project, { recursive: true });
  return project;
}

export const workers = [
  ["wrangler, in workerd", async () => inWorkerd(await bundled(), answer)],
  ["Vite with @cloudflare/vite-plugin, in workerd", async () => {
    // The plugin leaves a file for wrangler in the project.
    const project = copied("plugged");
    const outDir = output("vite-cloudflare");
    const builder = await createBuilder({ root: project, configFile: false, logLevel: "warn", plugins: [cloudflare()], build: { outDir } });
    await builder.buildApp();
    return inWorkerd(join(outDir, "packaging"), answer);
  }],
  ["Vite with the condition workerd, then wrangler, in workerd", async () => {
    const project = copied("built");
    // Vite leaves the engine to wrangler.
    const rollupOptions = { external: [/\.wasm\?module$/] };
    const ssr = { noExternal: true, resolve: { conditions: ["workerd", ...defaultServerConditions] } };
    const options = { ssr: "worker/index.js", outDir: project, emptyOutDir: false, rollupOptions };
    await build({ root: work, configFile: false, logLevel: "warn", build: options, ssr });
    return inWorkerd(await bundled("vite-workerd", project), answer);
  }],
];
