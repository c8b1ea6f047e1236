// The README's curl lines, asked of the Worker; the comment below each says what the answer holds.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { start } from "./support.mjs";

const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8");
const examples = [...readme.matchAll(/^curl 'http:\/\/127\.0\.0\.1:8787(\S+)'\n# (.*)$/gm)];
let started;

before(async () => (started = await start({})));
after(() => started.stop());

test("there are examples", () => assert.ok(examples.length >= 3));

for (const [, path, held] of examples) {
  test(path, async () => {
    const { status, body } = await started.workers[0].get(path);
    assert.equal(status, 200);
    for (const [name, value] of Object.entries(JSON.parse(`{${held}}`))) assert.deepEqual(body[name], value, name);
  });
}
