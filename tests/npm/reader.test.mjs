// The class MayUse of the packed package: where snapshots come from, and which are refused.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { install } from "../support/packed.mjs";
import { build, newKey } from "../support/snapshots.mjs";

const demo = JSON.parse(readFileSync(new URL("../../demo/catalog.json", import.meta.url), "utf8"));
const key = newKey();
const AT = "2026-11-20";
const now = () => Date.parse("2026-11-20T12:00:00Z");
const options = { publicKeys: key.public, now };
const asked = { customer: "acme", feature: "sso" };
let package_, MayUse, first, second, other;

/** The demo with another name of one plan: another catalog object, the same customers. */
const renamed = (name) => ({ ...demo, plans: demo.plans.map((plan, n) => (n === 0 ? { ...plan, name } : plan)) });
/** Customers that fill several shards, of whom one is switched. */
const many = (archived) => ({
  ...demo,
  customers: [...demo.customers, ...Array.from({ length: 6_000 }, (_, n) => ({ id: `many_${n}`, name: `Customer number ${n}` }))].map(
    (customer) => (customer.id === archived ? { ...customer, archived_at: "2026-01-01T00:00:00Z" } : customer)),
});

before(async () => {
  package_ = install();
  ({ MayUse } = await package_.load("mayuse"));
  first = build(demo, key, "--at", AT, "--version", "1", "--audience", "shop");
  second = build(renamed("Other"), key, "--at", AT, "--version", "2", "--audience", "shop");
  other = build(demo, key, "--at", AT, "--version", "1", "--audience", "elsewhere");
});
after(() => package_.remove());

const invalid = (message) => ({ name: "SnapshotError", code: "SNAPSHOT_INVALID", message });
const missing = (message) => ({ name: "SnapshotError", code: "SNAPSHOT_MISSING", message });

/** A folder that a test may change, and what a KV namespace of it would be. */
function copied({ folder }) {
  const copy = mkdtempSync(join(tmpdir(), "mayuse-copy-"));
  process.on("exit", () => rmSync(copy, { recursive: true, force: true }));
  const place = (name) => join(copy, name);
  const replace = (from) => cpSync(from.folder, copy, { recursive: true, force: true });
  replace({ folder });
  const reads = [];
  const kv = {
    async get(name, type) {
      assert.equal(type, "arrayBuffer");
      reads.push(name);
      try {
        const bytes = readFileSync(place(name));
        return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
      } catch {
        return null;
      }
    },
  };
  return { copy, place, replace, kv, reads };
}

/** A server of files, some of which it answers with another status, or never. */
async function served(folder, status = () => 200) {
  const server = createServer((request, response) => {
    const code = status(request.url);
    if (code === 0) return;
    const path = join(folder, request.url.replace("/v1/snapshot/objects/", "/o/").replace("/v1/snapshot/", "/"));
    const isThere = statSync(path, { throwIfNoEntry: false })?.isFile();
    response.writeHead(code === 200 && !isThere ? 404 : code).end(isThere ? readFileSync(path) : "no");
  });
  // Nothing waits for a server that a failed test left behind.
  server.unref();
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  const stop = () => {
    server.closeAllConnections();
    return new Promise((closed) => server.close(closed));
  };
  return { url: `http://127.0.0.1:${server.address().port}`, stop };
}

test("every source gives the same answers", async () => {
  const { folder, path, file } = first;
  const { kv } = copied(first);
  const server = await served(folder);
  const one = await served(join(folder, ".."));
  const seen = [];
  const sources = {
    bytes: file,
    "a view of a larger buffer": new Uint8Array([0, ...file, 0]).subarray(1, file.length + 1),
    buffer: file.buffer.slice(file.byteOffset, file.byteOffset + file.length),
    blob: new Blob([file]),
    response: new Response(file),
    "an address of a folder": { url: server.url },
    "an address with a slash": { url: new URL(`${server.url}/`) },
    "an address of a Worker": { url: `${server.url}/v1/snapshot` },
    "an address of a file": { url: `${one.url}/${path.split("/").at(-1)}` },
    "a fetch of one's own": { url: server.url, fetch: (...args) => (seen.push(String(args[0])), fetch(...args)) },
    kv: { kv },
    "kv with a prefix": { kv: { get: (name, type) => kv.get(name.replace(/^shop:/, ""), type) }, prefix: "shop:" },
    file: { file: path },
    "file as an address": { file: pathToFileURL(path) },
    folder: { folder },
    "folder as an address": { folder: pathToFileURL(`${folder}/`) },
  };
  for (const [name, source] of Object.entries(sources)) {
    const mayuse = await MayUse.open(source, { ...options, audience: "shop" });
    assert.deepEqual([mayuse.version, mayuse.generatedAt], [1, "2026-11-20T00:00:00Z"], name);
    assert.equal(mayuse.mayUse("acme", "sso"), true, name);
    assert.equal(mayuse.check({ ...asked, customer: "paused" }).reason, "SUBSCRIPTION_PAUSED", name);
    mayuse.close();
  }
  assert.ok(seen.some((url) => url.endsWith("/manifest")) && seen.some((url) => url.includes("/o/")));
  await Promise.all([server.stop(), one.stop()]);
});

test("what is damaged is refused, wherever it is damaged", async () => {
  const { file, folder } = first;
  const objects = readdirSync(join(folder, "o"));
  assert.equal(objects.length, 2);
  // Each place of the file in steps, of each part some.
  for (let at = 0; at < file.length; at += Math.max(1, Math.floor(file.length / 200))) {
    const bad = file.slice();
    bad[at] ^= 1;
    await assert.rejects(MayUse.open(bad, options), (error) => error.name === "SnapshotError" && /^SNAPSHOT_/.test(error.code), `byte ${at}`);
  }
  for (const length of [0, 3, 40, 300, file.length - 1]) {
    await assert.rejects(MayUse.open(file.subarray(0, length), options), { name: "SnapshotError" }, `${length} bytes`);
  }
  await assert.rejects(MayUse.open(new Uint8Array([...file, 0]), options), invalid(/not as long/));
  for (const name of objects) {
    const { place, kv } = copied(first);
    const bytes = readFileSync(place(`o/${name}`));
    bytes[bytes.length >> 1] ^= 4;
    writeFileSync(place(`o/${name}`), bytes);
    await assert.rejects(MayUse.open({ kv }, options), invalid(new RegExp(`the object ${name} is damaged`)));
    rmSync(place(`o/${name}`));
    await assert.rejects(MayUse.open({ kv }, options), missing(`o/${name} is not there`));
  }
  const { place, copy } = copied(first);
  rmSync(place("manifest"));
  await assert.rejects(MayUse.open({ folder: copy }, options), missing(`${copy}/manifest is not there`));
});

test("only trusted keys count, and one of several is enough", async () => {
  const stranger = newKey();
  const unknown = invalid(/^the manifest is signed with key id [0-9a-f]{16}, which none of publicKeys has$/);
  await assert.rejects(MayUse.open(first.file, { ...options, publicKeys: stranger.public }), unknown);
  const mayuse = await MayUse.open(first.file, { ...options, publicKeys: [stranger.public, key.public.toUpperCase()] });
  assert.equal(mayuse.mayUse("acme", "sso"), true);
  // Signed by the stranger, who says to be the other.
  const forged = build(demo, stranger, "--at", AT).file;
  const text = new TextDecoder("latin1");
  const id = async ({ public: digits }) => Buffer.from(await crypto.subtle.digest("SHA-256", Buffer.from(digits, "hex"))).toString("hex").slice(0, 16);
  const bytes = Buffer.from(text.decode(forged).replace(await id(stranger), await id(key)), "latin1");
  await assert.rejects(MayUse.open(bytes, options), invalid(/not signed by key/));
  // U+0130 ends in the byte of the digit 0.
  const others = [key.public.slice(2), `${key.public}0`, `${key.public}zz`, `${key.public.slice(1)}\u0130`];
  for (const publicKeys of [undefined, [], "", "00", ...others, [key.public, "xx"]]) {
    await assert.rejects(MayUse.open(first.file, { now, publicKeys }), { name: "TypeError", message: /^publicKeys/ });
  }
});

test("Web Cryptography, which slim has everywhere, refuses the same", async () => {
  const damaged = Buffer.from(first.file);
  damaged[damaged.length - 9] ^= 1;
  const forged = Buffer.from(first.file);
  forged[forged.indexOf(readdirSync(join(first.folder, "o"))[0]) + 1] ^= 1;
  const files = [first.file, damaged, forged].map((bytes) => Buffer.from(bytes).toString("base64"));
  // In a process of its own: the entry of this one has said that Node's functions are there.
  const program = `
    import { init, MayUse } from "mayuse/slim";
    await init(process.getBuiltinModule("node:fs").readFileSync("node_modules/mayuse/wasm/reader_bg.wasm"));
    const open = (file) => MayUse.open(Buffer.from(file, "base64"), { publicKeys: "${key.public}", now: ${now} });
    const said = (file) => open(file).then((mayuse) => mayuse.mayUse("acme", "sso"), (error) => error.code);
    console.log(JSON.stringify(await Promise.all(${JSON.stringify(files)}.map(said))));`;
  const told = execFileSync(process.execPath, ["--input-type=module", "--eval", program], { cwd: package_.project, encoding: "utf8" });
  assert.deepEqual(JSON.parse(told), [true, "SNAPSHOT_INVALID", "SNAPSHOT_INVALID"]);
});

test("a snapshot for another audience, or of an older version, is refused", async () => {
  await assert.rejects(MayUse.open(other.file, { ...options, audience: "shop" }), invalid(/is for the audience elsewhere/));
  await assert.rejects(MayUse.open(build(demo, key).file, { ...options, audience: "shop" }), invalid(/names no audience/));
  // What is no audience does not stand for any audience, and a long one is not written over the engine's memory.
  for (const audience of [1, {}, ["shop"], null, "shop".repeat(20_000)]) {
    await assert.rejects(MayUse.open(other.file, { ...options, audience }), { name: "TypeError", message: /^audience: / });
  }
  await assert.rejects(MayUse.open(other.file, { ...options, audience: "shop".repeat(1_000) }), invalid(/is for the audience elsewhere/));
  await assert.rejects(MayUse.open(first.file, { ...options, minVersion: 2 }), { name: "SnapshotError", code: "SNAPSHOT_BEHIND" });
  assert.equal((await MayUse.open(second.file, { ...options, minVersion: 2 })).version, 2);
});

test("a refresh reads what changed, accepts it whole, and never goes back", async () => {
  const before = build(many(), key, "--at", AT, "--version", "5");
  const after = build(many("many_77"), key, "--at", AT, "--version", "6", "--previous", before.folder);
  const { kv, reads, replace, place } = copied(before);
  const mayuse = await MayUse.open({ kv }, options);
  const objects = readdirSync(join(before.folder, "o")).length;
  assert.ok(3 < objects, `only ${objects} objects`);
  assert.equal(reads.length, 1 + objects);
  const changes = [];
  const stop = mayuse.onChange((change) => changes.push(change));
  assert.equal(await mayuse.refresh(), false);
  reads.length = 0;
  const question = { customer: "many_77", feature: "sso" };
  assert.equal(mayuse.check(question).reason, "NO_ACTIVE_SUBSCRIPTION");
  // An object of the new version that cannot be read: nothing of it is accepted.
  replace(after);
  const [changed] = readdirSync(join(after.folder, "o")).filter((name) => !readdirSync(join(before.folder, "o")).includes(name));
  const bytes = readFileSync(place(`o/${changed}`));
  writeFileSync(place(`o/${changed}`), bytes.subarray(1));
  await assert.rejects(mayuse.refresh(), invalid(/is damaged/));
  assert.deepEqual([mayuse.version, mayuse.check(question).reason], [5, "NO_ACTIVE_SUBSCRIPTION"]);
  writeFileSync(place(`o/${changed}`), bytes);
  reads.length = 0;
  assert.deepEqual(await Promise.all([mayuse.refresh(), mayuse.refresh()]), [true, false]);
  assert.deepEqual(reads, ["manifest", `o/${changed}`, "manifest"]);
  assert.deepEqual([mayuse.version, mayuse.check(question).reason], [6, "CUSTOMER_ARCHIVED"]);
  assert.deepEqual(changes, [{ version: 6, previous: 5 }]);
  // The older one comes back, with a valid signature.
  replace(before);
  assert.equal(await mayuse.refresh(), false);
  assert.deepEqual([mayuse.version, mayuse.check(question).reason], [6, "CUSTOMER_ARCHIVED"]);
  stop();
  // Another catalog object, and all shards as they were: those that were opened and those that were not.
  const plans = many("many_77").plans.map((plan, n) => (n === 0 ? { ...plan, name: "Other" } : plan));
  replace(build({ ...many("many_77"), plans }, key, "--at", AT, "--version", "7", "--previous", after.folder));
  reads.length = 0;
  assert.equal(await mayuse.refresh(), true);
  assert.equal(reads.length, 2);
  for (const n of [0, 77, 3_000, 5_999]) {
    assert.equal(mayuse.check({ ...question, customer: `many_${n}` }).reason, n === 77 ? "CUSTOMER_ARCHIVED" : "NO_ACTIVE_SUBSCRIPTION");
  }
  assert.equal(changes.length, 1);
});

test("an object that arrives after a refresh has failed is not taken by the next", async () => {
  const version = (n, changes) => {
    const document = many();
    const customers = document.customers.map((customer) => (customer.id === "many_77" ? { ...customer, ...changes } : customer));
    return build({ ...document, ...renamed(`Version ${n}`), customers }, key, "--at", AT, "--version", `${n}`);
  };
  const archived = { archived_at: "2026-01-01T00:00:00Z" };
  const [before, failed, after] = [version(1, {}), version(2, { name: "Other" }), version(3, archived)];
  const changed = (from, to) => {
    const [old, all] = [from, to].map(({ folder }) => readdirSync(join(folder, "o")));
    const isCatalog = (name) => readFileSync(join(to.folder, "o", name), "latin1").startsWith("myd");
    return all.filter((name) => !old.includes(name)).sort((a, b) => isCatalog(b) - isCatalog(a));
  };
  const { kv, replace, place } = copied(before);
  const gates = new Map();
  const opens = new Map();
  const shut = (name) => gates.set(`o/${name}`, new Promise((open) => opens.set(name, open)));
  const mayuse = await MayUse.open({ kv: { get: async (name, type) => (await gates.get(name), kv.get(name, type)) } }, options);
  replace(failed);
  const [lost, late] = changed(before, failed);
  rmSync(place(`o/${lost}`));
  shut(late);
  await assert.rejects(mayuse.refresh(), missing(/is not there/));
  replace(after);
  const [last] = changed(failed, after);
  shut(last);
  const refreshed = mayuse.refresh();
  const soon = () => new Promise((go) => setTimeout(go, 50));
  for (const name of [late, last]) {
    await soon();
    opens.get(name)();
  }
  assert.equal(await refreshed, true);
  assert.deepEqual([mayuse.version, mayuse.check({ customer: "many_77", feature: "sso" }).reason], [3, "CUSTOMER_ARCHIVED"]);
});

test("a file is read again, and a source of bytes has nothing newer", async () => {
  const path = join(copied(first).copy, "file");
  writeFileSync(path, first.file);
  const mayuse = await MayUse.open({ file: path }, options);
  writeFileSync(path, second.file);
  assert.equal(await mayuse.refresh(), true);
  assert.deepEqual([mayuse.version, await mayuse.refresh()], [2, false]);
  writeFileSync(path, first.file);
  assert.deepEqual([await mayuse.refresh(), mayuse.version], [false, 2]);
  writeFileSync(path, "nothing");
  await assert.rejects(mayuse.refresh(), invalid(/not a snapshot file/));
  assert.deepEqual([mayuse.version, mayuse.mayUse("acme", "sso")], [2, true]);
  const bytes = await MayUse.open(first.file, options);
  assert.equal(await bytes.refresh(), false);
});

test("a shard of a form that cannot be read answers for nobody, and the others do", async () => {
  const { folder, copy, place } = (({ folder }) => ({ folder, ...copied({ folder }) }))(build(many(), key, "--at", AT));
  const sizes = readdirSync(join(folder, "o")).map((name) => [name, readFileSync(place(`o/${name}`))]);
  const [name, bytes] = sizes.find(([, bytes]) => bytes.includes("\u0007many_77"));
  // What a writer signs, a reader takes as it is: here a shard that ends early.
  const cut = bytes.subarray(0, bytes.length - 9);
  const hash = Buffer.from(await crypto.subtle.digest("SHA-256", cut)).toString("hex");
  writeFileSync(place(`o/${hash}`), cut);
  const unsigned = readFileSync(place("manifest"), "latin1").slice(0, -128).replaceAll(name, hash);
  const pkcs8 = Buffer.from(`302e020100300506032b657004220420${key.secret}`, "hex");
  const signing = await crypto.subtle.importKey("pkcs8", pkcs8, "Ed25519", false, ["sign"]);
  const signature = Buffer.from(await crypto.subtle.sign("Ed25519", signing, Buffer.from(unsigned, "latin1"))).toString("hex");
  writeFileSync(place("manifest"), unsigned + signature, "latin1");
  const mayuse = await MayUse.open({ folder: copy }, options);
  for (let again = 0; again < 2; again++) {
    const { decision, reason } = mayuse.check({ customer: "many_77", feature: "sso" });
    assert.deepEqual([decision, reason], ["INDETERMINATE", "SNAPSHOT_INVALID"]);
    assert.equal(mayuse.mayUse("many_77", "sso"), false);
    assert.ok(mayuse.entitlements({ customer: "many_77" }).every(({ reason }) => reason === "SNAPSHOT_INVALID"));
  }
  const reasons = new Set(Array.from({ length: 6_000 }, (_, n) => mayuse.check({ customer: `many_${n}`, feature: "sso" }).reason));
  assert.deepEqual([...reasons].sort(), ["NO_ACTIVE_SUBSCRIPTION", "SNAPSHOT_INVALID"]);
});

test("a signal ends what waits", async () => {
  const server = await served(first.folder, (url) => (url.startsWith("/o/") ? 0 : 200));
  const aborted = AbortSignal.abort(new Error("not now"));
  await assert.rejects(MayUse.open(first.file, { ...options, signal: aborted }), /not now/);
  await assert.rejects(MayUse.open({ url: server.url }, { ...options, signal: AbortSignal.timeout(50) }), { name: "TimeoutError" });
  const controller = new AbortController();
  const never = { get: () => new Promise(() => controller.abort(new Error("enough"))) };
  await assert.rejects(MayUse.open({ kv: never }, { ...options, signal: controller.signal }), /enough/);
  const { kv } = copied(first);
  let isLate = false;
  const mayuse = await MayUse.open({ kv: { get: (...args) => (isLate ? new Promise(() => {}) : kv.get(...args)) } }, options);
  isLate = true;
  await assert.rejects(mayuse.refresh({ signal: AbortSignal.timeout(50) }), { name: "TimeoutError" });
  isLate = false;
  assert.equal(await mayuse.refresh(), false);
  await server.stop();
});

test("what a server refuses is no snapshot", async () => {
  const server = await served(first.folder, () => 503);
  await assert.rejects(MayUse.open({ url: server.url }, options), missing(/answered 503/));
  await assert.rejects(MayUse.open(await fetch(server.url), options), missing(/answered 503/));
  await server.stop();
  await assert.rejects(MayUse.open({ url: server.url }, options), TypeError);
  for (const source of [undefined, null, {}, "snapshot", 7]) {
    await assert.rejects(MayUse.open(source, options), TypeError);
  }
});

test("what is closed answers nothing, and a version that arrives late is not taken", async () => {
  const mayuse = await MayUse.open(first.file, options);
  const handle = mayuse.prepare("acme", "sso");
  assert.equal(handle.mayUse(), true);
  assert.deepEqual(handle.check({ at: "2026-11-21" }).toJSON(), mayuse.check({ ...asked, at: "2026-11-21" }).toJSON());
  const copy = copied(first);
  let arrive;
  let isLate = false;
  const kv = { get: async (...args) => (isLate && (await new Promise((go) => (arrive = go))), copy.kv.get(...args)) };
  const late = await MayUse.open({ kv }, options);
  copy.replace(second);
  isLate = true;
  const refreshed = late.refresh();
  await new Promise((soon) => setTimeout(soon));
  late.close();
  isLate = false;
  arrive();
  await assert.rejects(refreshed, { name: "ClosedError" });
  mayuse.close();
  mayuse.close();
  const closed = { name: "ClosedError", code: "CLOSED" };
  for (const ask of [
    () => mayuse.mayUse("acme", "sso"), () => mayuse.check(asked), () => mayuse.checkMany([asked]), () => mayuse.entitlements(asked),
    () => handle.mayUse(), () => handle.check(), () => mayuse.onChange(() => {}),
  ]) {
    assert.throws(ask, closed);
  }
  await assert.rejects(mayuse.refresh(), closed);
  assert.deepEqual([mayuse.version, mayuse.generatedAt], [1, "2026-11-20T00:00:00Z"]);
  if (Symbol.dispose) {
    const disposed = await MayUse.open(first.file, options);
    disposed[Symbol.dispose]();
    assert.throws(() => disposed.check(asked), closed);
  }
  assert.throws(() => new MayUse(), TypeError);
});

test("the policies of the reader are the stricter ones", async () => {
  const clock = { now: () => Date.parse("2026-11-20T00:01:00Z") };
  const open = (more, ...flags) => MayUse.open(build(demo, key, "--at", AT, ...flags).file, { ...options, ...clock, ...more });
  assert.equal((await open({ maxAgeMs: 60_000 })).check(asked).reason, "SNAPSHOT_EXPIRED");
  assert.equal((await open({ maxAgeMs: 60_001 })).check(asked).reason, "ENABLED");
  for (const staleAfterMs of [60_000, 60_001]) {
    assert.equal((await open({ staleAfterMs })).check(asked).freshness.stale, staleAfterMs === 60_000);
  }
  assert.equal((await open({ maxAgeMs: 60_001 }, "--max-age-ms", "60000")).check(asked).reason, "SNAPSHOT_EXPIRED");
  const allows = ["--on-indeterminate", "ALLOW", "--max-age-ms", "1"];
  assert.equal((await open({}, ...allows)).mayUse("acme", "sso"), true);
  assert.equal((await open({ onIndeterminate: "DENY" }, ...allows)).mayUse("acme", "sso"), false);
  assert.equal((await open({ onIndeterminate: "ALLOW" }, "--max-age-ms", "1")).mayUse("acme", "sso"), false);
});

test("decisions outlive the snapshot, and show themselves", async () => {
  const { inspect } = await import("node:util");
  const mayuse = await MayUse.open(first.file, options);
  const decision = mayuse.check({ customer: "acme", feature: "api_calls", consumed: 5 });
  const plain = decision.toJSON();
  const all = mayuse.checkMany([asked, { ...asked, customer: "paused" }]);
  mayuse.close();
  assert.deepEqual(decision.toJSON(), plain);
  for (const [name, value] of Object.entries(plain)) assert.deepEqual(decision[name], value, name);
  assert.deepEqual(JSON.parse(JSON.stringify(decision)), plain);
  assert.match(inspect(decision), /reason: 'WITHIN_LIMIT'/);
  assert.deepEqual(all.map(({ reason }) => reason), ["ENABLED", "SUBSCRIPTION_PAUSED"]);
  assert.deepEqual([all[0].limit, all[0].period, all[0].unlimited, all[0].windows, all[0].value], Array(5).fill(undefined));
});

test("neither build holds what is the other's", async () => {
  const of = async (name) => {
    const engine = await WebAssembly.compile(readFileSync(new URL(`../../pkg/wasm/${name}_bg.wasm`, import.meta.url)));
    return WebAssembly.Module.exports(engine).map(({ name }) => name);
  };
  const [reader, full] = await Promise.all(["reader", "mayuse"].map(of));
  assert.deepEqual(reader.filter((name) => /^(engine|window|billingPeriod|resolve)/.test(name)), []);
  assert.deepEqual(full.filter((name) => name.startsWith("held_")), []);
  assert.ok(reader.includes("held_check") && full.includes("engine_check"));
});
