// The curl scripts of the documents, run by bash against the Worker; a comment below a question says what its answer holds.
// And the Workers that the documents show, run in workerd.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { published, start } from "./support.mjs";
import { ownModules } from "./own-support.mjs";

const guides = readdirSync(new URL("../../docs", import.meta.url)).map((name) => `docs/${name}`);
const documents = ["README.md", "demo/README.md", ...guides].map((path) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8"));
const scripts = documents.flatMap((text) => [...text.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block]) => block));
const blocks = scripts.filter((block) => /^curl /m.test(block));
const folder = mkdtempSync(join(tmpdir(), "mayuse-readme-"));
/** Workers with a replica: a whole one, or lines that ask, which are put into one. */
const shown = documents.flatMap((text) => [...text.matchAll(/^```js\n(.*?)^```$/gms)].map(([, block]) => block)).filter((block) =>
  block.includes("createReplica(") && block.includes('from "mayuse/cloudflare"'));
const whole = (block) => {
  if (block.includes("export default")) return block;
  const [, imports] = /^(import .*\n)/m.exec(block);
  return `${imports}export default { async fetch(request, env) {
    const publicKeys = env.MAYUSE_PUBLIC_KEY;
    ${block.replace(imports, "")}
    return Response.json([allowed, reason]);
  } };`;
};
/** The key that verifies what a local run publishes. */
const MAYUSE_PUBLIC_KEY = "f31c3c43989e068f86be2bdba834023e0c657fa3224386ea873215fa9d626a64";
let started;

before(async () => {
  const own = await Promise.all(shown.map(async (block, n) => {
    const entry = join(folder, `worker-${n}.js`);
    writeFileSync(entry, whole(block));
    return { parts: await ownModules(entry), catalog: null, snapshots: "readme", bindings: { MAYUSE_PUBLIC_KEY } };
  }));
  started = await start({ snapshots: "readme" }, ...own);
  await published(started.worker, 1);
});
after(async () => {
  await started.stop();
  rmSync(folder, { recursive: true, force: true });
});

test("there are scripts", () => assert.ok(blocks.length >= 4));

test("there are Workers", () => assert.equal(shown.length, 2));

for (const [n, block] of shown.entries()) {
  test(`a Worker with a replica, number ${n + 1}`, async () => {
    const { status, text } = await started.workers[n + 1].send("GET", "/", { key: null });
    const [, said] = /(?:await|return).*\/\/ (.*)$/m.exec(block);
    assert.deepEqual([status, JSON.parse(text)], [200, JSON.parse(said.startsWith("{") ? said : `[${said}]`)]);
  });
}

/** Runs a script, which then prints its comments about answers too; gives each with the line before it. */
async function run(block) {
  const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
  const script = block
    .replaceAll("http://127.0.0.1:8787", started.worker.url)
    .replace(/^# (".*)$/gm, (_, held) => `printf '\\n%s\\n' ${quoted(`HELD ${held}`)}`);
  const options = { cwd: folder, encoding: "utf8" };
  const stdout = await new Promise((resolve, reject) => {
    const done = (error, out, err) => (error ? reject(new Error(`${error.message}\n${out}\n${err}`)) : resolve(out));
    execFile("bash", ["-euo", "pipefail", "-c", script], options, done);
  });
  const lines = stdout.split("\n").filter((line) => line !== "");
  const answers = lines.flatMap((line, n) => (line.startsWith("HELD ") ? [{ held: line.slice(5), answer: lines[n - 1] }] : []));
  return { stdout, answers };
}

function check({ stdout, answers }) {
  assert.doesNotMatch(stdout, /"error"/, stdout);
  for (const { held, answer } of answers) {
    const found = JSON.parse(answer);
    // How fresh it is stands in an object of its own.
    const body = { ...found.freshness, ...found };
    for (const [name, value] of Object.entries(JSON.parse(`{${held}}`))) assert.deepEqual(body[name], value, answer);
  }
}

for (const block of blocks) {
  test(block.slice(0, block.indexOf("\n")), async () => {
    const ran = await run(block);
    assert.ok(ran.answers.length > 0 && ran.answers.length === block.match(/^# "/gm).length, ran.stdout);
    check(ran);
    const written = /^written as version (\d+)$/m.exec(ran.stdout)?.[1];
    if (written === undefined) return;

    const versions = ran.answers.map(({ answer }) => JSON.parse(answer).freshness.snapshot_version);
    assert.deepEqual(versions.slice(1), versions.slice(1).map(() => Number(written)));
    assert.ok(versions[0] < Number(written));

    // A second run is not refused, and makes no second add-ons.
    const before = (await started.worker.get("/v1/catalog/add_ons?limit=1000")).body.data.length;
    const again = await run(block);
    check({ ...again, answers: again.answers.slice(1) });
    assert.equal((await started.worker.get("/v1/catalog/add_ons?limit=1000")).body.data.length, before);
  });
}
