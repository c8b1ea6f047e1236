// The README's commands, run as they stand.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const commands = readFileSync(new URL("../../README.md", import.meta.url), "utf8")
  .split("\n")
  .filter((line) => line.startsWith("target/release/mayuse "));

test("there are commands", () => assert.ok(commands.length >= 5));

for (const command of commands) {
  test(command, () => {
    const { status, stdout, stderr } = spawnSync("bash", ["-c", command], { cwd: root, encoding: "utf8" });
    assert.equal(status, 0, stderr);
    assert.notEqual(stdout, "");
  });
}
