// node rounds.mjs ROUNDS SIZES IDS: measures every candidate in every round, one after the other, and prints times and
// ratios. The first candidate is measured twice: what its two columns differ by is noise.
import { execFileSync } from "node:child_process";
import { median } from "./lib/util.mjs";

const [rounds, sizes, ids] = process.argv.slice(2);
const names = ids.split(",");
const columns = [...names, `${names[0]}~again`];
const results = new Map();
let wrong = 0;

for (let round = 0; round < Number(rounds); round++) {
  for (const size of sizes.split(",")) {
    // Turned around in every other round, so that no candidate is always the first.
    for (const id of round % 2 ? columns.toReversed() : columns) {
      const line = execFileSync(process.execPath, ["--expose-gc", "--max-old-space-size=8000", "one.mjs", id, size], { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
      const found = JSON.parse(line.trim().split("\n").at(-1));
      wrong += found.wrong;
      const key = `${id} ${size}`;
      results.set(key, [...(results.get(key) ?? []), median(found.runs)]);
    }
  }
}

const of = (id, size) => median(results.get(`${id} ${size}`));
const row = (cells) => console.log(`| ${cells.join(" | ")} |`);
const last = sizes.split(",").at(-1);
row(["candidate", ...sizes.split(",").map((size) => `ns, ${size} customers`), "spread", ...["js-full", "js-nested"].filter((id) => names.includes(id)).map((id) => `× ${id}`), "growth"]);
row(Array(4 + sizes.split(",").length + 2).fill("---"));
for (const id of columns) {
  const times = results.get(`${id} ${last}`);
  const spread = ((Math.max(...times) - Math.min(...times)) / 2 / median(times)) * 100;
  const ratios = ["js-full", "js-nested"].filter((other) => names.includes(other)).map((other) => (of(id, last) / of(other, last)).toFixed(2));
  row([id, ...sizes.split(",").map((size) => of(id, size).toFixed(0)), `±${spread.toFixed(0)} %`, ...ratios, (of(id, last) / of(id, sizes.split(",")[0])).toFixed(1)]);
}
console.log(`\n${wrong} wrong answers. Medians of ${rounds} rounds; Node ${process.version}.`);
process.exit(wrong === 0 ? 0 : 1);
