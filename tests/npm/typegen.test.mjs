// `npx mayuse types` from the packed tarball, and programs that TypeScript compiles with what it writes.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { install } from "../support/packed.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const demo = readFileSync(join(root, "demo/catalog.json"), "utf8");
let installed, project, signed;

before(async () => {
  installed = install();
  project = installed.project;
  const { sign } = await installed.load("mayuse/testing");
  signed = sign(demo).file;
  writeFileSync(join(project, "demo.json"), demo);
  writeFileSync(join(project, "demo.snapshot"), signed);
});

after(() => installed?.remove());

/** Runs a command of the project. */
async function run(command, args, { cwd = project, input, ...env } = {}) {
  const child = spawn(join(cwd, "node_modules/.bin", command), args, { cwd, env: { ...process.env, ...env } });
  const said = { stdout: "", stderr: "" };
  for (const name of Object.keys(said)) child[name].on("data", (text) => (said[name] += text));
  child.stdin.end(input);
  const status = await new Promise((resolve) => child.on("close", resolve));
  return { status, ...said };
}

const types = (...args) => run("mayuse", ["types", ...args]);

test("a document, a snapshot, an address and standard input have the same declarations", async () => {
  const { status, stdout } = await types("demo.json");
  assert.equal(status, 0);
  assert.match(stdout, /\| "priority-support"\n/);
  assert.match(stdout, /"ai_model": \{ kind: "TEXT"; value: "small" \| "medium" \| "large" \};/);
  assert.equal((await types("demo.snapshot")).stdout, stdout);
  assert.equal((await run("mayuse", ["types", "-"], { input: demo })).stdout, stdout);
  const server = createServer((request, response) => {
    const isAllowed = request.headers.authorization === "Bearer secret";
    response.writeHead(isAllowed ? 200 : 401).end(request.url.endsWith("snapshot") ? signed : demo);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  after(() => server.close());
  const url = `http://127.0.0.1:${server.address().port}`;
  assert.equal((await types(`${url}/v1/catalog`, "--key", "secret")).stdout, stdout);
  assert.equal((await run("mayuse", ["types", `${url}/a.snapshot`], { MAYUSE_KEY: "secret" })).stdout, stdout);
  const refused = await types(`${url}/v1/catalog`, "--key", "wrong");
  assert.deepEqual([refused.status, refused.stdout], [2, ""]);
  assert.match(refused.stderr, /answered 401/);
});

test("--check fails if the file would change, and writes nothing", async () => {
  const check = () => types("demo.json", "--out", "checked.d.ts", "--check");
  const missing = await check();
  assert.deepEqual([missing.status, missing.stderr], [1, "checked.d.ts is missing: npx mayuse types demo.json --out checked.d.ts\n"]);
  assert.equal((await types("demo.json", "--out", "checked.d.ts")).status, 0);
  assert.equal((await check()).status, 0);
  writeFileSync(join(project, "checked.d.ts"), "//");
  assert.equal((await check()).status, 1);
  assert.equal(readFileSync(join(project, "checked.d.ts"), "utf8"), "//");
});

test("mistakes are said in one line, with status 2", async () => {
  writeFileSync(join(project, "none.json"), "{}");
  writeFileSync(join(project, "short.snapshot"), signed.subarray(0, 40));
  const mistakes = [
    [["types"], /expected one SOURCE/],
    [["types", "a", "b"], /expected one SOURCE/],
    [["typos", "demo.json"], /there is no command `typos`/],
    [["types", "demo.json", "--check"], /--check needs --out/],
    [["types", "demo.json", "--cheque"], /--cheque/],
    [["types", "missing.json"], /ENOENT/],
    [["types", "none.json"], /features: expected the list of features/],
    [["types", "package.json", "--out", "no/such/folder.d.ts"], /features/],
    [["types", "demo.json", "--out", "no/such/folder.d.ts"], /ENOENT/],
    [["types", "short.snapshot"], /the snapshot file ends early/],
    [["types", "http://127.0.0.1:9/"], /127\.0\.0\.1:9/],
  ];
  for (const [args, message] of mistakes) {
    const { status, stdout, stderr } = await run("mayuse", args);
    assert.deepEqual([status, stdout], [2, ""], args.join(" "));
    assert.match(stderr, message);
    assert.match(stderr, /^[^\n]+\n$/, args.join(" "));
  }
  const help = await types("--help");
  assert.equal(help.status, 0);
  assert.match(help.stdout, /the folder of a snapshot is not read: `mayuse build --file` writes the file\n/);
  assert.match(help.stdout, /Examples:[^]*npx mayuse types[^]*Exit status:/);
});

/** A program that knows the demo's features. Each line after @ts-expect-error must be refused. */
const PROGRAM = `
import { MayUse, type FeatureCode } from "mayuse";
import { Catalog } from "mayuse/document";

const catalog = new Catalog({ format: 1 });
const code: FeatureCode = "sso";
catalog.mayUse("acme", code);
// @ts-expect-error there is no such feature
catalog.mayUse("acme", "single_sign_on");
// @ts-expect-error there is no such feature
catalog.check({ customer: "acme", feature: "ssso" });

const model: "small" | "medium" | "large" | undefined = catalog.check({ customer: "acme", feature: "ai_model" }).value?.value;
const days: string | undefined = catalog.check({ customer: "acme", feature: "retention_days" }).value?.value;
// @ts-expect-error it is a text
const count: number | undefined = catalog.check({ customer: "acme", feature: "retention_days" }).value?.value;
// @ts-expect-error a switch has no value
catalog.check({ customer: "acme", feature: "sso" }).value?.value;

declare const opened: MayUse;
const large: "small" | "medium" | "large" | undefined = opened.check({ customer: "acme", feature: "ai_model" }).value?.value;
// @ts-expect-error there is no such feature
opened.prepare("acme", "nothing");
void [model, days, count, large];
`;

for (const [moduleResolution, module] of [["bundler", "esnext"], ["nodenext", "nodenext"]]) {
  test(`programs are compiled with the declarations, moduleResolution ${moduleResolution}`, async () => {
    const folder = join(project, moduleResolution);
    mkdirSync(folder);
    await types("demo.snapshot", "--out", join(folder, "mayuse.d.ts"));
    writeFileSync(join(folder, "program.ts"), PROGRAM);
    const compilerOptions = { noEmit: true, strict: true, target: "es2022", types: [], module, moduleResolution };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions }));
    const { status, stdout } = await run("tsc", ["-p", folder], { cwd: root });
    assert.equal(status, 0, stdout);
  });
}

test("features of every type, and names that JavaScript would have to quote", async () => {
  const feature = (code, feature_type) => ({ id: code, code, feature_type, status: "ACTIVE" });
  const config = (value_type, more) => ({ type: "CONFIG", value_type, ...more });
  const features = [
    feature("z.map", config("MAP")), feature("a/json", config("JSON")), feature("b:bool", config("BOOLEAN")), feature("t-text", config("TEXT")),
    feature("s", config("SELECT", { options: ['say "hi"', "b\\n"] })), feature("new", { type: "CONFIG", value_type: "COLOUR" }), feature("m", { type: "METERED" }),
  ];
  writeFileSync(join(project, "all.json"), JSON.stringify({ format: 1, features }));
  await types("all.json", "--out", join(project, "all.d.ts"));
  writeFileSync(join(project, "all.ts"), `
    import type { ConfigValue, ConfigValueOf } from "mayuse/types";
    type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
    const same: [
      Same<ConfigValueOf<"z.map">, { kind: "JSON"; value: Record<string, unknown> }>, Same<ConfigValueOf<"a/json">, { kind: "JSON"; value: unknown }>,
      Same<ConfigValueOf<"b:bool">, { kind: "BOOLEAN"; value: boolean }>, Same<ConfigValueOf<"t-text">, { kind: "TEXT"; value: string }>,
      Same<ConfigValueOf<"s">, { kind: "TEXT"; value: 'say "hi"' | "b\\\\n" }>, Same<ConfigValueOf<"new">, ConfigValue>, Same<ConfigValueOf<"m">, never>,
    ] = [true, true, true, true, true, true, true];
    void same;
  `);
  const flags = ["--noEmit", "--strict", "--target", "es2022", "--module", "nodenext"];
  const { status, stdout } = await run("tsc", [...flags, join(project, "all.ts"), join(project, "all.d.ts")], { cwd: root });
  assert.equal(status, 0, stdout);
});
