// The packed package, installed in an empty project.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const pkg = fileURLToPath(new URL("../../pkg", import.meta.url));

/** Packs and installs it. `load` imports an entry of it, such as `mayuse/document`. */
export function install() {
  const project = mkdtempSync(join(tmpdir(), "mayuse-npm-"));
  const run = (command, ...args) => execFileSync(command, args, { cwd: project, encoding: "utf8" });
  const [{ filename }] = JSON.parse(run("npm", "pack", "--json", "--pack-destination", project, pkg));
  writeFileSync(join(project, "package.json"), '{"type": "module"}');
  run("npm", "install", "--no-audit", "--no-fund", "--offline", join(project, filename));
  const { resolve } = createRequire(join(project, "package.json"));
  return {
    project,
    load: (entry) => import(pathToFileURL(resolve(entry))),
    remove: () => rmSync(project, { recursive: true, force: true }),
  };
}
