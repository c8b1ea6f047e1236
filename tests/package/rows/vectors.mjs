// Every vector, asked through `mayuse/document` in Node, Chromium and workerd, and through `mayuse` with a signed snapshot.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { mismatches } from "../../support/expect.mjs";
import { named, questionOf } from "../../support/names.mjs";
import { answersOf } from "../../support/vectors.mjs";
import { onPage } from "../browser.mjs";
import { RIGHT, vectorFiles, work } from "../project.mjs";
import { inWorkerd } from "./workers.mjs";

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

const NOW = Date.parse("2026-11-20T12:00:00Z");
const LEFT_OUT = ["usage", "explain", "suggest"];
const entry = (name) => import(pathToFileURL(createRequire(join(work, "package.json")).resolve(name)));
const timeless = ({ freshness, ...answer }) => answer;

/** Compares the answers of snapshots, which `ask` gives, with those of `mayuse/document` to the same questions in Node. */
async function snapshotsCompared(ask) {
  const [{ sign }, documents] = await Promise.all([entry("mayuse/testing"), entry("mayuse/document")]);
  let n = 0;
  for (const [name, { catalog: shared, cases }] of vectorFiles()) {
    const questionsOf = new Map();
    for (const each of cases.filter(({ kind }) => kind === "check")) {
      const { catalog = shared } = each;
      const question = questionOf(each);
      const isRefused = documents.validate(catalog).length > 0;
      if (isRefused || LEFT_OUT.some((field) => field in question)) continue;
      questionsOf.set(catalog, [...(questionsOf.get(catalog) ?? []), question]);
    }
    const snapshots = Array.from(questionsOf, ([catalog, questions]) => {
      const { file, publicKey } = sign(catalog, { at: NOW });
      return { file: Buffer.from(file).toString("base64"), publicKey, now: NOW, questions };
    });
    const ours = (await ask(snapshots)).flat().map(timeless);
    const theirs = Array.from(questionsOf, ([catalog, questions]) => {
      // A case is a way to ask a catalog.
      const cases = questions.map((question, n) => ({ ...question, id: n, kind: "asked" }));
      return answersOf(documents, { catalog, cases }, NOW).map(([, answer]) => timeless(answer));
    });
    assert.deepEqual(ours, JSON.parse(JSON.stringify(theirs.flat())), name);
    n += ours.length;
  }
  if (n <= 300) throw new Error(`only ${n} questions`);
  return RIGHT;
}

// The bundles are those of earlier rows.
const inChromium = (compare) => onPage("vite/index.html", (page) => compare((asked) => page.evaluate((asked) => globalThis.vectors(asked), asked)));
const inWorker = (compare) =>
  inWorkerd(join(work, "out/wrangler"), (fetch) => compare(async (asked) => (await fetch({ method: "POST", body: JSON.stringify(asked) })).json()));

export const vectors = [
  ["vectors, Node", async () => {
    const mayuse = await entry("mayuse/document");
    return compared((file) => answersOf(mayuse, file));
  }],
  ["vectors, Chromium", () => inChromium(compared)],
  ["vectors, workerd", () => inWorker(compared)],
  ["vectors through snapshots, Chromium", () => inChromium(snapshotsCompared)],
  ["vectors through snapshots, workerd", () => inWorker(snapshotsCompared)],
];
