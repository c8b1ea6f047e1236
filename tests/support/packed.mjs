// The packed tarball of the npm package, installed in an empty project, as a stranger would.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Makes the project. `entry` imports an entry of the package from it, `remove` removes it. */
export function packed() {
  const project = mkdtempSync(join(tmpdir(), "mayuse-npm-"));
  const npm = (...args) => execFileSync("npm", args, { cwd: project, encoding: "utf8" });
  const [{ filename }] = JSON.parse(npm("pack", "--json", "--pack-destination", project, join(root, "pkg")));
  writeFileSync(join(project, "package.json"), '{"type": "module"}');
  npm("install", "--no-audit", "--no-fund", "--offline", join(project, filename));
  const { resolve } = createRequire(join(project, "package.json"));
  return {
    project,
    entry: (name) => import(pathToFileURL(resolve(name))),
    remove: () => rmSync(project, { recursive: true, force: true }),
  };
}
