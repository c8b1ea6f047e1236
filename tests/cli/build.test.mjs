// What `mayuse build` refuses, and what it mends, as a shell sees it.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { folder, mayuse } from "./support.mjs";

const DEMO = fileURLToPath(new URL("../../demo/catalog.json", import.meta.url));
const KEYED = { env: { MAYUSE_SIGNING_KEY: "07".repeat(32) } };
const path = (name) => join(folder, name);
const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

/** Builds a snapshot of the demo, and gives its summary. */
async function build(name, ...more) {
  const { status, stdout, stderr } = await mayuse(["build", DEMO, "-o", path(name), "--json", ...more], KEYED);
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout);
}

test("lines without an entity are no catalog, and a document is one", async () => {
  await build("emptied");
  const manifest = () => readFileSync(path("emptied/manifest"), "utf8");
  const before = manifest();
  const again = (input) => mayuse(["build", "-", "-o", path("emptied"), "--previous", path("emptied")], { ...KEYED, input });
  for (const [input, n] of [["", 0], ["\n\n", 0], ['{"kind":"settings","ladder":"METEROID"}\n', 1]]) {
    const { status, stderr } = await again(input);
    assert.equal(status, 2, stderr);
    const said = `^error\\[MISSING\\] standard input: no line has a feature.* \\(lines read: ${n}\\).*give the document {"format": 1}\n$`;
    assert.match(stderr, new RegExp(said));
    assert.equal(manifest(), before);
  }
  const meant = await again('{"format": 1}');
  assert.deepEqual([meant.status, meant.stderr], [0, ""]);
  assert.notEqual(manifest(), before);
});

test("an object that is damaged is written again", async () => {
  const { shards } = await build("mended", "--version", "1");
  const names = readdirSync(path("mended/o"));
  assert.equal(names.length, shards.count + 1);
  for (const name of names) {
    const bytes = readFileSync(path(`mended/o/${name}`));
    bytes[bytes.length - 1] ^= 1;
    writeFileSync(path(`mended/o/${name}`), bytes);
  }
  const again = await build("mended", "--previous", path("mended"));
  assert.equal(again.objects_written, names.length);
  for (const name of names) assert.equal(sha256(readFileSync(path(`mended/o/${name}`))), name);
});
