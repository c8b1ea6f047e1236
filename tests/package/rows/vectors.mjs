// Every vector, asked through `mayuse/document` in Node, Chromium and workerd.
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { mismatches } from "../../support/expect.mjs";
import { named } from "../../support/names.mjs";
import { answersOf } from "../../support/vectors.mjs";
import { onPage } from "../browser.mjs";
import { RIGHT, vectorFiles, work } from "../project.mjs";
import { bundled, inWorkerd } from "./workers.mjs";

/** Compares the answers to every file, which `ask` gives. */
async function compared(ask) {
  let n = 0;
  for (const [name, file] of vectorFiles()) {
    const answers = new Map(await ask(file));
    for (const { id, kind, description, expect } of file.cases) {
      if (kind === "snapshot_check") continue;
      const wrong = mismatches(named(expect), answers.get(id) ?? null);
      if (wrong.length > 0) throw new Error(`${name} ${id}: ${description}\n${wrong.join("\n")}`);
      n += 1;
    }
  }
  if (n <= 400) throw new Error(`only ${n} cases ran`);
  return RIGHT;
}

export const vectors = [
  ["vectors, Node", async () => {
    const mayuse = await import(pathToFileURL(createRequire(join(work, "package.json")).resolve("mayuse/document")));
    return compared((file) => answersOf(mayuse, file));
  }],
  // The bundle is that of an earlier row.
  ["vectors, Chromium", () => onPage("vite/index.html", (page) => compared((file) => page.evaluate((file) => globalThis.vectors(file), file)))],
  ["vectors, workerd", async () => inWorkerd(await bundled(), (fetch) => compared(async (file) => (await fetch({ method: "POST", body: JSON.stringify(file) })).json()))],
];
