// Measures one opening in Node and prints it as a line of JSON, or prints the table of a folder of results.
import { readFileSync, readdirSync } from "node:fs";
import { gzipSync } from "node:zlib";

const [folder, results] = process.argv.slice(2);
const median = (list) => list.toSorted((a, b) => a - b)[list.length >> 1];

if (results === undefined) console.log(JSON.stringify(await once()));
else table();

async function timed(work) {
  const began = performance.now();
  const value = await work();
  return [performance.now() - began, value];
}

async function once() {
  const bytes = new Uint8Array(readFileSync(`${folder}/snapshot.myf`));
  const publicKeys = readFileSync(`${folder}/key`, "utf8").trim();
  const document = documentOf(readFileSync(`${folder}/catalog.ndjson`, "utf8"));
  const [load_ms, { MayUse, init }] = await timed(() => import("../pkg/wasm/node.js"));
  const [init_ms] = await timed(init);
  // Opening is all of it: the signature, the hashes, the copy into wasm, and one answer. The first is in a fresh process.
  const opening = async () => {
    const [ms, opened] = await timed(async () => {
      const mayuse = await MayUse.open(bytes, { publicKeys });
      mayuse.mayUse(document.first, "sso");
      return mayuse;
    });
    opened.close();
    return ms;
  };
  const open_ms = await opening();
  const again = [];
  for (let n = 0; n < 11; n++) again.push(await opening());
  const [parse_ms, parsed] = await timed(() => JSON.parse(document.text));
  return {
    engine_ms: load_ms + init_ms, open_ms, again_ms: median(again), parse_ms,
    json_bytes: document.text.length, customers: parsed.customers.length,
  };
}

// The same customers as one catalog document.
function documentOf(lines) {
  const lists = { feature: "features", plan: "plans", add_on: "add_ons", customer: "customers", subscription: "subscriptions" };
  const document = { format: 1 };
  for (const line of lines.trimEnd().split("\n")) {
    const { kind, ...element } = JSON.parse(line);
    if (kind === "settings") Object.assign(document, element);
    else (document[lists[kind]] ??= []).push(element);
  }
  return { text: JSON.stringify(document), first: document.customers[0].id };
}

function table() {
  const lines = (name) => readFileSync(`${results}/${name}`, "utf8").trimEnd().split("\n").map((line) => JSON.parse(line));
  const [native, node] = [lines("native"), lines("node")];
  const [[build], [many], [patch]] = ["build", "many", "patch"].map(lines);
  const of = (list, field) => median(list.map((line) => line[field]));
  const gzip = (bytes) => gzipSync(bytes, { level: 9 }).length;
  const names = readdirSync(`${folder}/objects`);
  const objects = names.map((name) => readFileSync(`${folder}/objects/${name}`));
  const each = (bytes) => (bytes / build.customers).toFixed(1);
  const ms = (value) => `${value.toFixed(2)} ms`;
  const row = (...cells) => console.log(`| ${cells.join(" | ")} |`);
  const wrong = native.reduce((sum, line) => sum + line.wrong_answers + line.wrong_hashes, 0);
  row(`${build.customers.toLocaleString("en")} customers`, "fresh process", "again");
  row("---", "---:", "---:");
  row(`JSON.parse of the catalog document, ${(of(node, "json_bytes") / 1e6).toFixed(1)} MB`, ms(of(node, "parse_ms")), "");
  row("open to the first answer, native", ms(of(native, "open_ms")), ms(of(native, "again_ms")));
  row("import and compile the engine, Node", ms(of(node, "engine_ms")), "");
  row("open to the first answer, Node: signature, hashes and copy included", ms(of(node, "open_ms")), ms(of(node, "again_ms")));
  row("SHA-256 of all objects, native", ms(of(native, "hash_ms")), "");
  row("Ed25519, native", ms(of(native, "signature_ms")), "");
  row("open, hash and verify, native", ms(of(native, "all_ms")), "");
  console.log(`
- allocations while opening: ${of(native, "allocations")}; wrong answers among 20,000: ${wrong}
- bytes a customer: ${each(of(native, "file_bytes"))} in the file, ${each(of(native, "held_beyond_catalog"))} in memory beyond the catalog object, ${each(gzip(Buffer.concat(objects)))} after gzip -9 of all objects together, ${each(objects.reduce((sum, bytes) => sum + gzip(bytes), 0))} after gzip -9 of each
- ${build.shards} shards of ${build.shard_min} to ${build.shard_max} bytes, half of them up to ${build.shard_median}; manifest ${build.manifest_bytes} bytes
- built from lines in ${(build.build_ms / 1e3).toFixed(1)} s, of ${many.customers.toLocaleString("en")} customers in ${(many.build_ms / 1e3).toFixed(1)} s with ${(many.peak_bytes / 1e6).toFixed(0)} MB at the most (${many.shards} shards, ${(many.shard_bytes / 1e6).toFixed(1)} MB)
- one subscription changed among those: ${patch.objects} objects, ${patch.bytes} bytes (manifest ${patch.manifest_bytes}), ${ms(patch.ms)}, the first time ${ms(patch.first_ms)}`);
}
