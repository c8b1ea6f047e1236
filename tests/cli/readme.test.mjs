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

// The demo's table of questions, asked at an instant of its time.
const rows = readFileSync(new URL("../../demo/README.md", import.meta.url), "utf8")
  .split("\n")
  .filter((line) => /^\|.*\| (yes|no), /.test(line))
  .map((line) => line.split("|").map((cell) => cell.trim()));

test("the demo has questions", () => assert.ok(rows.length > 20));

let customer;
for (const [, who, , ask, answer] of rows) {
  customer = /`(.+?)`/.exec(who)?.[1] ?? customer;
  const feature = /^`(.+?)`/.exec(ask)?.[1];
  const [, verdict, reason] = /^(yes|no), ([A-Z_]{4,})?/.exec(answer);
  // "any feature" and the like are asked of one.
  const args = ["check", "--catalog", "demo/catalog.json", "--at", "2026-11-20T12:00:00Z", "--customer", customer, "--feature", feature ?? "sso"];
  for (const [, option, amount] of ask.matchAll(/(consumed|requested) (\d+)/g)) args.push(`--${option}`, amount);
  test(`demo: ${customer} ${ask}`, () => {
    const { status, stdout, stderr } = spawnSync("target/release/mayuse", args, { cwd: root, encoding: "utf8" });
    assert.equal(status, verdict === "yes" ? 0 : 1, stdout + stderr);
    if (reason !== undefined) assert.equal(JSON.parse(stdout).reason, reason);
  });
}
