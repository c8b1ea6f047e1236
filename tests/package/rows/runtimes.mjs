// Runtimes that load the package themselves.
import { join } from "node:path";
import { here, node, run } from "../project.mjs";

const program = async (command, ...args) => JSON.parse(await run(command, args));
const bun = join(here, "node_modules/@oven/bun-linux-x64-baseline/bin/bun");
/** Deno, without a permission. */
export const deno = [join(here, "node_modules/@deno/linux-x64-glibc/deno"), "run", "--no-prompt", "--no-config", "--node-modules-dir=manual"];

export const runtimes = [
  ...[20, 22, 24, 26].flatMap((version) => [
    [`Node ${version}, import`, () => program(node(version), "console.js")],
    [`Node ${version}, require`, () => program(node(version), "required.cjs")],
  ]),
  ["Bun, import", () => program(bun, "console.js")],
  ["Bun, require", () => program(bun, "required.cjs")],
  ["Deno, without a permission", () => program(...deno, "console.js")],
];
