// The examples of docs/npm.md, from the packed tarball, and its lines for bundlers.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
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
