// The examples of docs/npm.md, from the packed tarball, and its lines for bundlers.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { install } from "../support/packed.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const page = readFileSync(join(root, "docs/npm.md"), "utf8");
const blocks = (language) => [...page.matchAll(/^```(\w+)\n(.*?)^```$/gms)].filter(([, found]) => found === language).map(([, , block]) => block);
const demo = readFileSync(join(root, "demo/catalog.json"), "utf8");
let installed, given;

before(async () => {
  installed = install();
  const { sign } = await installed.load("mayuse/testing");
  const { file, publicKey } = sign(demo);
  writeFileSync(join(installed.project, "catalog.json"), demo);
  writeFileSync(join(installed.project, "catalog.snapshot"), file);
  given = `
    import assert from "node:assert/strict";
    import { readFileSync as read } from "node:fs";
    import { createRequire } from "node:module";
    const document = JSON.parse(read("catalog.json", "utf8"));
    const publicKeys = "${publicKey}";
    const fileOf = createRequire(import.meta.url).resolve;
    const readFile = async (name) => read(fileOf(name));
  `;
});

after(() => installed?.remove());

blocks("js").forEach((block, n) =>
  test(`example ${n + 1} runs, and its values are those of its comments`, () => {
    // An expression is compared with the value in its comment.
    const checked = block.replace(/^(.+);\s+\/\/ (true|false|\d+|"[^"]*")$/gm, "assert.deepEqual($1, $2);");
    assert.ok(checked.split("assert.deepEqual").length > 2, checked);
    writeFileSync(join(installed.project, "example.mjs"), given + checked);
    const { status, stderr } = spawnSync(process.execPath, ["example.mjs"], { cwd: installed.project, encoding: "utf8" });
    assert.equal(status, 0, stderr);
  }));

test("TypeScript compiles the examples as they are, with the codes of the demo's features", () => {
  const folder = join(installed.project, "typescript");
  mkdirSync(folder);
  const types = spawnSync("npx", ["mayuse", "types", "catalog.json", "--out", "typescript/mayuse.d.ts"], { cwd: installed.project, encoding: "utf8" });
  assert.equal(types.status, 0, types.stderr);
  writeFileSync(join(folder, "node.d.ts"), 'declare module "node:fs" { export function readFileSync(path: string): Uint8Array<ArrayBuffer>; }');
  const declared = `
    declare const document: import("mayuse/document").CatalogDocument;
    declare const publicKeys: string;
    declare const fileOf: (name: string) => string;
    declare const readFile: (name: string) => Promise<Uint8Array<ArrayBuffer>>;
    export {};
  `;
  blocks("js").forEach((block, n) => writeFileSync(join(folder, `example-${n + 1}.ts`), declared + block));
  const compilerOptions = { noEmit: true, strict: true, noUncheckedIndexedAccess: true, target: "es2022", module: "nodenext", types: [] };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions }));
  const { status, stdout } = spawnSync(join(root, "node_modules/.bin/tsc"), ["-p", folder], { encoding: "utf8" });
  assert.equal(status, 0, stdout);
});

test("the versions of Node are the same everywhere", () => {
  const read = (path) => readFileSync(join(root, path), "utf8");
  const { engines } = JSON.parse(read("pkg/package.json"));
  const [, first, later] = /^\^(\d+\.\d+) \|\| >=(\d+\.\d+)$/.exec(engines.node);
  assert.ok(page.includes(`The oldest Node is ${first}, and ${later} of what came after it.`));
  assert.ok(read("pkg/README.md").includes(`Node (${first}, ${later} and later)`));
  assert.ok(read("pkg/source.js").includes(`Node ${first} and later`));
  const pinned = Object.keys(JSON.parse(read("tests/package/package.json")).dependencies).flatMap((name) => /^node(\d+)$/.exec(name)?.[1] ?? []);
  const tested = `Node ${pinned.slice(0, -1).join(", ")} and ${pinned.at(-1)}`;
  assert.ok(page.includes(`| ${tested}, `), tested);
  assert.ok(read("CHANGELOG.md").includes(tested), tested);
});

test("the commands run", () => {
  for (const line of blocks("sh").flatMap((block) => block.trim().split("\n"))) {
    const { status, stderr } = spawnSync("sh", ["-c", line], { cwd: installed.project, encoding: "utf8" });
    assert.equal(status, 0, `${line}\n${stderr}`);
  }
});

test("what an environment needs is what its test has", () => {
  const folder = join(root, "tests/package");
  const sources = ["rows", "programs", "programs/next"].flatMap((name) =>
    readdirSync(join(folder, name), { withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => readFileSync(join(folder, name, entry.name), "utf8")));
  const [, table] = /\| where \| what it needs \|\n(.*?)\n\n/s.exec(page);
  const rows = table.split("\n").slice(1).map((row) => row.split("|").map((cell) => cell.trim())[2]);
  const lines = rows.flatMap((needs) => [...needs.matchAll(/`([^`]*[[{].*?)`/g)].map(([, line]) => line));
  assert.equal(lines.length, 3);
  for (const line of lines) assert.ok(sources.some((source) => source.includes(line)), line);
});
