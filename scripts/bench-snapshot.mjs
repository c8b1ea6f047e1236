// Measures one opening in Node and prints it as a line of JSON, or prints the table of a folder of results.
import { createHash } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { gzipSync } from "node:zlib";

const [folder, results] = process.argv.slice(2);
const median = (list) => list.toSorted((a, b) => a - b)[list.length >> 1];

if (results === undefined) console.log(JSON.stringify(await once()));
else table();

function timed(work) {
  const began = performance.now();
  const value = work();
  return [performance.now() - began, value];
}

async function once() {
  const bytes = new Uint8Array(readFileSync(`${folder}/snapshot.myf`));
  const publicKey = Buffer.from(readFileSync(`${folder}/key`, "utf8").trim(), "hex");
  const document = documentOf(readFileSync(`${folder}/catalog.ndjson`, "utf8"));
  const engine = await import("../target/bench-wasm/mayuse.js");
  engine.initSync({ module: readFileSync(new URL("../target/bench-wasm/mayuse_bg.wasm", import.meta.url)) });
  const question = new URLSearchParams({ customer: document.first, feature: "sso" }).toString();
  // Opening includes the copy into wasm, the whole check, and one answer. The first opening is in a fresh process.
  const opening = () => {
    const [read_ms, file] = timed(() => new engine.Unverified(bytes));
    const [take_ms, opened] = timed(() => file.open(true));
    const [answer_ms] = timed(() => opened.check(question, Date.now()));
    opened.free();
    return read_ms + take_ms + answer_ms;
  };
  const open_ms = opening();
  const again = Array.from({ length: 11 }, opening);
  const file = new engine.Unverified(bytes);
  const { sizes, hashes, signed, signature } = file;
  file.free();
  const [hash_ms] = timed(() => {
    let at = bytes.length - sizes.reduce((sum, size) => sum + size, 0);
    sizes.forEach((size, n) => {
      const hash = createHash("sha256").update(bytes.subarray(at, (at += size))).digest();
      if (!hash.equals(hashes.subarray(32 * n, 32 * n + 32))) throw new Error(`object ${n} is damaged`);
    });
  });
  const key = await crypto.subtle.importKey("raw", publicKey, "Ed25519", false, ["verify"]);
  const began = performance.now();
  if (!(await crypto.subtle.verify("Ed25519", key, signature, signed))) throw new Error("it is not signed with the key");
  const signature_ms = performance.now() - began;
  const [parse_ms, parsed] = timed(() => JSON.parse(document.text));
  return {
    open_ms, again_ms: median(again), hash_ms, signature_ms, parse_ms,
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
  row("open to the first answer, wasm in Node, copy in included", ms(of(node, "open_ms")), ms(of(node, "again_ms")));
  row("SHA-256 of all objects, native", ms(of(native, "hash_ms")), "");
  row("SHA-256 of all objects, node:crypto", ms(of(node, "hash_ms")), "");
  row("Ed25519, native", ms(of(native, "signature_ms")), "");
  row("open, hash and verify, native", ms(of(native, "all_ms")), "");
  row("Ed25519, Web Cryptography in Node", ms(of(node, "signature_ms")), "");
  console.log(`
- allocations while opening: ${of(native, "allocations")}; wrong answers among 20,000: ${wrong}
- bytes a customer: ${each(of(native, "file_bytes"))} in the file, ${each(of(native, "held_beyond_catalog"))} in memory beyond the catalog object, ${each(gzip(Buffer.concat(objects)))} after gzip -9 of all objects together, ${each(objects.reduce((sum, bytes) => sum + gzip(bytes), 0))} after gzip -9 of each
- ${build.shards} shards of ${build.shard_min} to ${build.shard_max} bytes, half of them up to ${build.shard_median}; manifest ${build.manifest_bytes} bytes
- built from lines in ${(build.build_ms / 1e3).toFixed(1)} s, of ${many.customers.toLocaleString("en")} customers in ${(many.build_ms / 1e3).toFixed(1)} s with ${(many.peak_bytes / 1e6).toFixed(0)} MB at the most (${many.shards} shards, ${(many.shard_bytes / 1e6).toFixed(1)} MB)
- one subscription changed among those: ${patch.objects} objects, ${patch.bytes} bytes (manifest ${patch.manifest_bytes}), ${ms(patch.ms)}, the first time ${ms(patch.first_ms)}`);
}
