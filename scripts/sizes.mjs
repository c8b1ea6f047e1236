// Prints the sizes of what is shipped, raw, gzip and brotli, and fails if a part exceeds size-budget.json.
//
// A part is files, or an entry of the npm package: then its JavaScript is measured as a bundler puts it together, which
// is what a visitor downloads, and its wasm beside it.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { buildSync } from "esbuild";

const { parts } = JSON.parse(readFileSync("size-budget.json", "utf8"));
const row = (cells) => cells.map((cell, n) => (n === 0 ? String(cell).padEnd(50) : String(cell).padStart(10))).join("");
const sizesOf = (bytes) => [bytes.length, gzipSync(bytes, { level: 9 }).length, brotliCompressSync(bytes).length];
let failed = false;

function read(file) {
  if (existsSync(file)) return readFileSync(file);
  console.error(`${file} is missing; scripts/build.sh builds it`);
  process.exit(1);
}

/** An entry with all that it imports, minified. */
function bundled(entry) {
  read(entry);
  const { outputFiles } = buildSync({ entryPoints: [entry], bundle: true, minify: true, format: "esm", external: ["*.wasm"], write: false });
  return outputFiles[0].contents;
}

console.log(row(["bytes", "raw", "gzip", "brotli", "budget"]));
for (const [part, { files = [], entry, glue, gzip: budget }] of Object.entries(parts)) {
  const sum = [0, 0, 0];
  const add = (name, sizes) => {
    sizes.forEach((size, n) => (sum[n] += size));
    console.log(row([`  ${name}`, ...sizes]));
  };
  for (const file of files) add(file, sizesOf(read(file)));
  if (entry) add(`${entry} and what it imports`, sizesOf(bundled(entry)));
  if (glue) console.log(row([`    of it ${glue}`, ...sizesOf(read(glue))]));
  const over = sum[1] > budget;
  failed ||= over;
  console.log(row([part, ...sum, budget]) + (over ? "  over its gzip budget" : ""));
}
const [packed] = JSON.parse(execFileSync("npm", ["pack", "--dry-run", "--json", "./pkg"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }));
console.log(row(["the npm package, unpacked and packed", packed.unpackedSize, packed.size]));
process.exit(failed ? 1 : 0);
