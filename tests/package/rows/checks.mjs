// What checks packages without running them: publint, attw, and the compiler of TypeScript.
import { createRequire } from "node:module";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { questionOf } from "../../support/names.mjs";
import { answersOf } from "../../support/vectors.mjs";
import { RIGHT, run, tarball, tool, toolOfRoot, vectorFiles, work } from "../project.mjs";

const WINDOW = ["Parameters<typeof mayuse.window>[0]", "mayuse.WindowBounds"];
const TYPES = {
  window: WINDOW,
  billing_period: ["Parameters<typeof mayuse.billingPeriod>[0]", WINDOW[1]],
  resolve: ["Parameters<typeof mayuse.resolve>[0]", "ReturnType<typeof mayuse.resolve>"],
  check: ["mayuse.Question", "mayuse.Decision"],
  suggest: ["mayuse.Question", "mayuse.Decision"],
};

/** A program that gives the vectors' questions and the package's answers their types. */
async function program() {
  const mayuse = await import(pathToFileURL(createRequire(join(work, "package.json")).resolve("mayuse/document")));
  const lines = ['import * as mayuse from "mayuse/document";', 'import engine from "mayuse/mayuse.wasm";', "export { engine };"];
  for (const [name, { catalog, cases }] of vectorFiles()) {
    const answers = new Map(answersOf(mayuse, { catalog, cases }));
    for (const each of cases) {
      if (each.expect.error || !(each.kind in TYPES)) continue;
      const [asked, answered] = TYPES[each.kind];
      lines.push(`// ${name} ${each.id}`);
      lines.push(`((question: ${asked}) => question)(${JSON.stringify(questionOf(each))});`);
      lines.push(`((answer: ${answered}) => answer)(${JSON.stringify(answers.get(each.id))});`);
    }
  }
  if (lines.length < 1000) throw new Error(`only ${lines.length} lines`);
  return lines;
}

async function types(moduleResolution, module) {
  const lines = await program();
  const file = join(work, "vectors.ts");
  writeFileSync(file, lines.join("\n"));
  const flags = ["--noEmit", "--strict", "--exactOptionalPropertyTypes", "--target", "es2022", "--module", module, "--moduleResolution", moduleResolution];
  try {
    await run(toolOfRoot("tsc"), [...flags, file]);
  } catch (error) {
    const at = (line) => lines.slice(0, line).findLast((text) => text.startsWith("//"));
    throw new Error(error.message.replace(/vectors\.ts\((\d+),/g, (found, line) => `${at(Number(line))}: ${found}`));
  }
  return RIGHT;
}

const COMPILE = ["--noEmit", "--strict", "--exactOptionalPropertyTypes", "--target", "es2022", "--lib", "es2022,dom,dom.iterable", "--skipLibCheck"];

export const checks = [
  ["publint", async () => {
    await run(tool("publint"), ["run", "--strict", tarball]);
    return RIGHT;
  }],
  ["attw", async () => {
    // Like every package of modules alone, it is required by programs in Node 20 and later, not by those that TypeScript
    // compiles for an older one.
    await run(tool("attw"), [tarball, "--profile", "esm-only", "--no-color"]);
    return RIGHT;
  }],
  ["types, moduleResolution bundler", () => types("bundler", "esnext")],
  ["types, moduleResolution nodenext", () => types("nodenext", "nodenext")],
  ["types of the middlewares", async () => {
    await run(toolOfRoot("tsc"), [...COMPILE, "--module", "esnext", "--moduleResolution", "bundler", join(work, "middlewares.ts")]);
    return RIGHT;
  }],
];
