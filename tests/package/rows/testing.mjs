// `mayuse/testing`, where tests run.
import assert from "node:assert/strict";
import { join } from "node:path";
import { build } from "vite";
import { onPage } from "../browser.mjs";
import { RIGHT, node, output, run, work } from "../project.mjs";
import { deno } from "./runtimes.mjs";
import { answer, bundled, inWorkerd } from "./workers.mjs";

async function right(answers) {
  assert.deepEqual(await answers, [[true, "ENABLED"], [true, "TRIAL_EXPIRED"], [true, "ENABLED"]]);
  return RIGHT;
}

const program = async (command, ...args) => JSON.parse(await run(command, [...args, "doubles-console.js"]));

export const testing = [
  ["mayuse/testing, Node 20", () => right(program(node(20)))],
  ["mayuse/testing, Deno", () => right(program(...deno))],
  ["mayuse/testing, Vite, Chromium", async () => {
    const folder = output("testing", ["index.html", "index.html"]);
    await build({ root: work, base: "./", configFile: false, logLevel: "warn", build: { outDir: folder, emptyOutDir: false, rollupOptions: { input: join(work, "doubles-page.js"), output: { entryFileNames: "page.js" } } } });
    return right(onPage("testing/index.html"));
  }],
  ["mayuse/testing, wrangler, in workerd", async () => right(inWorkerd(await bundled("wrangler-testing", join(work, "worker-testing")), answer))],
];
