// The packed tarball in every environment that the package is for: installed, bundled, loaded and asked. At the end, a
// table says which of them are right.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { close, open } from "./browser.mjs";
import { RIGHT, prepare } from "./project.mjs";
import { bundlers } from "./rows/bundlers.mjs";
import { checks } from "./rows/checks.mjs";
import { examples, stopExamples } from "./rows/examples.mjs";
import { next, stop } from "./rows/next.mjs";
import { runtimes } from "./rows/runtimes.mjs";
import { testing } from "./rows/testing.mjs";
import { vectors } from "./rows/vectors.mjs";
import { workers } from "./rows/workers.mjs";

const rows = [...runtimes, ...workers, ...bundlers, ...next, ...examples, ...testing, ...checks, ...vectors];
const table = rows.map(([name]) => ({ name, result: "not run", seconds: 0 }));

before(async () => {
  await prepare();
  await open();
});

after(async () => {
  await Promise.all([close(), stop(), stopExamples()]);
  const width = Math.max(...table.map(({ name }) => name.length));
  const lines = table.map(({ name, result, seconds }) => `${name.padEnd(width)}  ${result.padEnd(7)} ${seconds.toFixed(1).padStart(5)} s`);
  console.log(["", "The package, where it must run:", ...lines].join("\n"));
});

rows.forEach(([name, row], n) =>
  test(name, async () => {
    const begun = performance.now();
    table[n].result = "wrong";
    assert.deepEqual(await row(), RIGHT);
    Object.assign(table[n], { result: "right", seconds: (performance.now() - begun) / 1000 });
  }));
