// The package's types, against every question of the vectors and the engine's answers to them.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import * as mayuse from "../../pkg/document-node.js";
import { questionOf } from "../support/names.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "mayuse-types-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const TYPES = {
  window: ["Parameters<typeof mayuse.window>[0]", "mayuse.WindowBounds", mayuse.window],
  billing_period: ["Parameters<typeof mayuse.billingPeriod>[0]", "mayuse.WindowBounds", mayuse.billingPeriod],
  resolve: ["Parameters<typeof mayuse.resolve>[0]", "ReturnType<typeof mayuse.resolve>", mayuse.resolve],
  check: ["mayuse.Question", "mayuse.Decision"],
  suggest: ["mayuse.Question", "mayuse.Decision"],
};

test("questions and answers of the vectors have the types of the package", () => {
  const lines = [`import * as mayuse from ${JSON.stringify(join(root, "pkg/document.js"))};`];
  const { files } = JSON.parse(readFileSync(join(root, "tests/vectors/index.json"), "utf8"));
  for (const file of files) {
    const { catalog: shared, cases } = JSON.parse(readFileSync(join(root, "tests/vectors", file), "utf8"));
    for (const each of cases) {
      const { id, kind, expect, catalog = shared } = each;
      if (expect.error || !(kind in TYPES)) continue;
      const question = questionOf(each);
      const [asked, answered, ask = (question) => new mayuse.Catalog(catalog).check(question)] = TYPES[kind];
      lines.push(`// ${file} ${id}`);
      lines.push(`((question: ${asked}) => question)(${JSON.stringify(question)});`);
      lines.push(`((answer: ${answered}) => answer)(${JSON.stringify(ask(question))});`);
    }
  }
  assert.ok(1000 < lines.length, `only ${lines.length} lines`);
  const program = join(folder, "vectors.ts");
  writeFileSync(program, lines.join("\n"));
  const options = ["--noEmit", "--strict", "--exactOptionalPropertyTypes", "--target", "es2022", "--module", "nodenext"];
  const { status, stdout } = spawnSync(join(root, "node_modules/.bin/tsc"), [...options, program], { encoding: "utf8" });
  const at = (line) => lines.slice(0, line).findLast((text) => text.startsWith("//"));
  const said = stdout.split("\n").slice(0, 20).map((text) => `${at(Number(/\((\d+),/.exec(text)?.[1] ?? 1))}: ${text}`);
  assert.equal(status, 0, said.join("\n"));
});
