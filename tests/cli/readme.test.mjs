// The commands of the documents, run as they stand, and the JavaScript of the READMEs.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { build, newKey } from "../support/snapshots.mjs";
import { start } from "../worker/support.mjs";
import { binary, folder, mayuse } from "./support.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const read = (path) => readFileSync(join(root, path), "utf8");
const [readme, demo] = [read("README.md"), read("demo/README.md")];
const guides = readdirSync(join(root, "docs")).map((name) => `docs/${name}`);
const blocksOf = (text, language) =>
  [...text.matchAll(/^```(\w+)\n(.*?)^```$/gms)].filter(([, found]) => found === language).map(([, , block]) => block);

// Files that commands write stay out of the checkout.
["target", "demo", "tests"].forEach((name) => symlinkSync(join(root, name), join(folder, name)));
// The catalogs of the recipes, by the names that the page gives them.
const recipes = [...read("docs/recipes.md").matchAll(/Save as `(\w+\.json)`:\n\n```json\n(.*?)^```$/gms)];
recipes.forEach(([, name, document]) => writeFileSync(join(folder, name), document));
const { worker, stop } = await start({});
after(stop);

const isCommand = (line) => /^(target\/release\/)?mayuse /.test(line);
const scripts = [readme, demo, ...guides.map(read)].flatMap((text) => blocksOf(text, "sh")).filter((block) => block.split("\n").some(isCommand));

test("every script is run, here or against the Worker", () => {
  for (const file of ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "demo/README.md", ...guides]) {
    for (const block of blocksOf(read(file), "sh")) {
      // Scripts of curl are run by tests/worker/readme.test.mjs, the commands of the package with these arguments by
      // tests/npm/typegen.test.mjs; `make test` runs this test.
      const isRun = scripts.includes(block) || /^curl /m.test(block) || /^npx mayuse types /.test(block);
      assert.ok(isRun || /^make /.test(block), `${file}:\n${block}`);
    }
  }
  assert.ok(scripts.length >= 4);
});

for (const script of scripts) {
  const lines = script.split("\n").filter((line) => line !== "");
  const exports = lines.filter((line) => line.startsWith("export "));
  for (const [n, line] of lines.entries()) {
    if (exports.includes(line) || line.startsWith("#")) continue;
    // A comment below a question says what its answer holds.
    const said = isCommand(line) && lines[n + 1]?.startsWith('# "') ? JSON.parse(`{${lines[n + 1].slice(2)}}`) : {};
    test(line, async () => {
      const command = line.replace("http://127.0.0.1:8787", worker.url).replace(/^mayuse /, "target/release/mayuse ");
      const { status, stdout, stderr } = await shell([...exports, command].join("\n"));
      assert.equal(status, said.allowed === false ? 1 : 0, stderr);
      if (isCommand(line)) assert.notEqual(stdout + stderr, "");
      const names = Object.keys(said);
      if (names.length > 0) assert.deepEqual(Object.fromEntries(names.map((name) => [name, JSON.parse(stdout)[name]])), said);
    });
  }
}

/** Runs a line in the folder of all of them, without holding up the Worker. */
function shell(line) {
  return mayuse([], { shell: `cd ${folder}; bash -ec '${line.replaceAll("'", "'\\''")}'; exit`, key: "" });
}

test("every catalog of the recipes is valid and asked about", async () => {
  assert.ok(recipes.length >= 5);
  assert.equal(recipes.length, blocksOf(read("docs/recipes.md"), "json").length);
  for (const [, name] of recipes) {
    const { status, stderr } = await mayuse(["validate", "--strict", join(folder, name)]);
    assert.equal(status, 0, `${name}: ${stderr}`);
    assert.ok(scripts.some((block) => block.includes(`--catalog ${name} `)), name);
  }
});

// Those with a replica are run by tests/worker/readme.test.mjs.
const examples = blocksOf(readme, "js").filter((block) => !block.includes("mayuse/cloudflare"));
const key = newKey();
writeFileSync(join(folder, "catalog.snapshot"), build(JSON.parse(read("demo/catalog.json")), key).file);

/** An example with the package's files in place of its name. */
const imported = (example) =>
  example.replace(/"mayuse(\/document)?"/g, (_, document) => JSON.stringify(join(root, document ? "pkg/document-node.js" : "pkg/wasm/node.js")));

test("the JavaScript", () => {
  assert.equal(examples.length, 1);
  const [example] = examples;
  const said = /console\.log\(.*\/\/ (.*)$/m.exec(example)[1];
  const program = imported(example);
  const path = join(folder, "example.mjs");
  writeFileSync(path, `const publicKeys = "${key.public}";\n${program}`);
  const { status, stdout, stderr } = spawnSync(process.execPath, [path], { cwd: folder, encoding: "utf8" });
  assert.equal(status, 0, stderr);
  assert.equal(stdout.trim(), said);
});

test("the JavaScript of the package's README", () => {
  const examples = blocksOf(read("pkg/README.md"), "js");
  assert.equal(examples.length, 2);
  for (const example of examples) {
    // An expression is compared with the value in its comment.
    const checked = example.replace(/^(.+);\s+\/\/ (true|false|".*")$/gm, "assert.deepEqual($1, $2);");
    assert.ok(checked.split("assert.deepEqual").length - 1 >= 3, checked);
    const imports = `import assert from "node:assert/strict";\nimport { readFileSync } from "node:fs";\n`;
    const given = `const document = JSON.parse(readFileSync("demo/catalog.json", "utf8"));\nconst publicKeys = "${key.public}";\n`;
    const path = join(folder, "package.mjs");
    writeFileSync(path, imports + given + imported(checked));
    const { status, stderr } = spawnSync(process.execPath, [path], { cwd: folder, encoding: "utf8" });
    assert.equal(status, 0, stderr);
  }
});

// The demo's table of questions, asked at an instant of its time.
const rows = demo
  .split("\n")
  .filter((line) => /^\|.*\| (yes|no), /.test(line))
  .map((line) => line.split("|").map((cell) => cell.trim()));

test("the demo has questions", () => assert.ok(rows.length > 20));

let customer;
let catalog;
for (const [, who, , ask, answer] of rows) {
  if (who !== "") [customer, catalog] = [/`(.+?)`/.exec(who)[1], /`(\w+\.json)`/.exec(who)?.[1] ?? "catalog.json"];
  const feature = /^`(.+?)`/.exec(ask)?.[1];
  const [, verdict, reason] = /^(yes|no), ([A-Z_]{4,})?/.exec(answer);
  // "any feature" and the like are asked of one.
  const args = ["check", "--catalog", `demo/${catalog}`, "--at", "2026-11-20T12:00:00Z", "--customer", customer, "--feature", feature ?? "sso"];
  for (const [, option, amount] of ask.matchAll(/(consumed|requested) (\d+)/g)) args.push(`--${option}`, amount);
  test(`demo: ${customer} ${ask}`, () => {
    const { status, stdout, stderr } = spawnSync(binary, args, { cwd: root, encoding: "utf8" });
    assert.equal(status, verdict === "yes" ? 0 : 1, stdout + stderr);
    if (reason !== undefined) assert.equal(JSON.parse(stdout).reason, reason);
  });
}
