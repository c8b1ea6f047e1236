// The curl scripts of the documents, run by bash against the Worker; a comment below a question says what its answer holds.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { published, start } from "./support.mjs";

const guides = readdirSync(new URL("../../docs", import.meta.url)).map((name) => `docs/${name}`);
const documents = ["README.md", "demo/README.md", ...guides].map((path) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8"));
const scripts = documents.flatMap((text) => [...text.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block]) => block));
const blocks = scripts.filter((block) => /^curl /m.test(block));
const folder = mkdtempSync(join(tmpdir(), "mayuse-readme-"));
let started;

before(async () => {
  started = await start({ snapshots: "readme" });
  await published(started.worker, 1);
});
after(async () => {
  await started.stop();
  rmSync(folder, { recursive: true, force: true });
});

test("there are scripts", () => assert.ok(blocks.length >= 4));

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
