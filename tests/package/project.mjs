// A project with the packed tarball of the package installed, in `.work`, and the programs that are built and run there.
import { execFile } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

export const root = fileURLToPath(new URL("../..", import.meta.url));
export const here = fileURLToPath(new URL(".", import.meta.url));
export const work = join(here, ".work");
/** The tarball, by its path. */
export let tarball;

/** The answer that `programs/asked.js` gives if everything is right. */
const ANSWERS = { allowed: true, reason: "WITHIN_LIMIT", remaining: "1", mayUse: true };
export const RIGHT = { document: ANSWERS, snapshot: ANSWERS };

/** Runs a command to its end, and returns what it printed. A failure says what it printed to both streams. */
export async function run(command, args, { cwd = work, ...env } = {}) {
  try {
    const { stdout } = await promisify(execFile)(command, args, { cwd, env: { ...process.env, ...env }, maxBuffer: 1 << 26 });
    return stdout;
  } catch (error) {
    // A bundle may have lines of megabytes.
    const said = `${error.stdout}${error.stderr}`.replace(/^(.{400}).*$/gm, "$1…").slice(0, 8000);
    throw new Error(`${command} ${args.join(" ")}\n${said}`);
  }
}

/** A tool of tests/package, or one of the repository's. */
export const tool = (name) => join(here, "node_modules/.bin", name);
export const toolOfRoot = (name) => join(root, "node_modules/.bin", name);
/** Node of a version: those that the rows run, whatever the machine has. */
export const node = (version) => join(here, `node_modules/node${version}/bin/node`);

/** Packs the package and installs it. */
export async function prepare() {
  rmSync(work, { recursive: true, force: true });
  cpSync(join(here, "programs"), work, { recursive: true });
  for (const name of ["names.mjs", "vectors.mjs"]) cpSync(join(root, "tests/support", name), join(work, "support", name));
  const [{ filename }] = JSON.parse(await run("npm", ["pack", "--json", "--pack-destination", work, join(root, "pkg")]));
  tarball = join(work, filename);
  writeFileSync(join(work, "package.json"), '{ "private": true, "type": "module" }');
  await run("npm", ["install", "--no-audit", "--no-fund", "--offline", tarball]);
  await writeInput();
}

/** The demo as a document and as a snapshot that the command signs. */
async function writeInput() {
  const command = join(root, "target/release/mayuse");
  const demo = join(root, "demo/catalog.json");
  const key = JSON.parse(await run(command, ["keygen", "--json"]));
  const signing = { MAYUSE_SIGNING_KEY: key.secret };
  await run(command, ["build", demo, "-o", "snapshot", "--file", "demo.snapshot", "--at", "2026-11-20"], signing);
  const input = [
    `export const demo = ${readFileSync(demo, "utf8")};`,
    `export const file = "${readFileSync(join(work, "demo.snapshot"), "base64")}";`,
    `export const publicKey = "${key.public}";`,
  ];
  writeFileSync(join(work, "input.js"), input.join("\n"));
}

/** A folder for a bundle, empty. */
export function output(name, ...files) {
  const folder = join(work, "out", name);
  mkdirSync(folder, { recursive: true });
  files.forEach(([from, to]) => cpSync(join(work, from), join(folder, to), { recursive: true }));
  return folder;
}

/** The engines of `slim`, copied beside a bundle under the names that the programs fetch. */
export const engines = [
  ["node_modules/mayuse/wasm/reader_bg.wasm", "mayuse.wasm"],
  ["node_modules/mayuse/wasm/mayuse_bg.wasm", "document.wasm"],
];

/** The files of vectors. */
export function vectorFiles() {
  const folder = join(root, "tests/vectors");
  const { files } = JSON.parse(readFileSync(join(folder, "index.json"), "utf8"));
  return files.map((name) => [name, JSON.parse(readFileSync(join(folder, name), "utf8"))]);
}

/** The files of a folder and its folders, by their paths from it. */
export const filesOf = (folder) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
