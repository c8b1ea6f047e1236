// Prints the sizes of shipped files, raw, gzip and brotli, and fails if one exceeds size-budget.json.
import { existsSync, readFileSync } from "node:fs";
import { brotliCompressSync, gzipSync } from "node:zlib";

const { parts } = JSON.parse(readFileSync("size-budget.json", "utf8"));
const row = (cells) => cells.map((cell, n) => (n === 0 ? String(cell).padEnd(34) : String(cell).padStart(10))).join("");
let failed = false;

console.log(row(["bytes", "raw", "gzip", "brotli", "budget"]));
for (const [part, { files, gzip: budget }] of Object.entries(parts)) {
  const sum = [0, 0, 0];
  for (const file of files) {
    if (!existsSync(file)) {
      console.error(`${file} is missing; scripts/build.sh builds it`);
      process.exit(1);
    }
    const bytes = readFileSync(file);
    const sizes = [bytes.length, gzipSync(bytes, { level: 9 }).length, brotliCompressSync(bytes).length];
    sizes.forEach((size, n) => (sum[n] += size));
    console.log(row([`  ${file}`, ...sizes, ""]));
  }
  const over = sum[1] > budget;
  failed ||= over;
  console.log(row([part, ...sum, budget]) + (over ? "  over its gzip budget" : ""));
}
process.exit(failed ? 1 : 0);
