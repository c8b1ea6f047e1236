// `mayuse keygen`, `build`, `inspect`, `diff` and what reads snapshots, as a shell sees them.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash, createPrivateKey, createPublicKey } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { binary, file, folder, mayuse } from "./support.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const DEMO = join(root, "demo/catalog.json");
const demo = () => JSON.parse(readFileSync(DEMO, "utf8"));
const AT = ["--at", "2026-11-20T00:00:00Z"];
const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");
const path = (name) => join(folder, name);

const SECRET = "07".repeat(32);
const KEYED = { env: { MAYUSE_SIGNING_KEY: SECRET } };
const keyFile = file("sign.key", `${SECRET}\n`);

/** Builds a snapshot of a catalog, and gives its summary. */
async function build(catalog, name, ...more) {
  const { status, stdout, stderr } = await mayuse(["build", catalog, "-o", path(name), ...AT, "--json", ...more], KEYED);
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout);
}

async function refused(args, status, pattern, options = KEYED) {
  const answer = await mayuse(args, options);
  assert.equal(answer.status, status, `${args.join(" ")}\n${answer.stdout}${answer.stderr}`);
  assert.match(answer.stdout + answer.stderr, pattern);
  return answer;
}

/** The public half of a key, as another program computes it. */
function publicOf(secret) {
  const der = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), Buffer.from(secret, "hex")]);
  const key = createPublicKey(createPrivateKey({ key: der, format: "der", type: "pkcs8" }));
  return key.export({ format: "der", type: "spki" }).subarray(-32).toString("hex");
}

/** All files of a folder, by their paths in it. */
function filesOf(name) {
  const list = readdirSync(path(name), { recursive: true }).filter((each) => statSync(join(path(name), each)).isFile());
  return Object.fromEntries(list.sort().map((each) => [each, readFileSync(join(path(name), each)).toString("base64")]));
}

const LISTS = { product: "products", price: "prices", metric: "metrics", feature: "features", plan: "plans", add_on: "add_ons", customer: "customers", subscription: "subscriptions" };

/** A document as lines. */
function asLines(document) {
  const lines = [{ kind: "settings", ladder: document.ladder, access_statuses: document.access_statuses }];
  for (const [kind, list] of Object.entries(LISTS)) lines.push(...(document[list] ?? []).map((each) => ({ kind, ...each })));
  return lines.map((each) => `${JSON.stringify(each)}\n`).join("");
}

test("a key pair is printed once, and never into logs", async () => {
  const { stdout } = await mayuse(["keygen"]);
  assert.match(stdout, /Secret key, shown this once:\n {2}[0-9a-f]{64}\n/);
  assert.match(stdout, /Key id:\n {2}[0-9a-f]{16}\n/);
  assert.match(stdout, /wrangler secret put SNAPSHOT_SIGNING_KEY[^]*SNAPSHOT_KEYS/);
  const { secret, public: key, key_id: id } = JSON.parse((await mayuse(["keygen", "--json"])).stdout);
  assert.equal(key, publicOf(secret));
  assert.equal(id, sha256(Buffer.from(key, "hex")).slice(0, 16));

  const output = path("new.key");
  const written = await mayuse(["keygen", "-o", output]);
  const held = readFileSync(output, "utf8");
  assert.match(held, /^[0-9a-f]{64}\n$/);
  assert.equal(readFileSync(`${output}.pub`, "utf8"), `${publicOf(held.trim())}\n`);
  assert.ok(!written.stdout.includes(held.trim()), "the file has it");
  if (process.platform !== "win32") assert.equal(statSync(output).mode & 0o777, 0o600);
  await refused(["keygen", "-o", output], 2, /error\[USAGE\] .*new\.key: it is there already, and a key is not overwritten/);
  assert.equal(readFileSync(output, "utf8"), held);
});

test("a snapshot is objects under their hashes, and a manifest", async () => {
  const summary = await build(DEMO, "plain", "--version", "7");
  const { customers, subscriptions } = demo();
  assert.deepEqual([summary.version, summary.customers, summary.subscriptions], [7, customers.length, subscriptions.length]);
  const names = readdirSync(path("plain/o"));
  assert.equal(names.length, summary.shards.count + 1);
  for (const name of names) assert.equal(sha256(readFileSync(path(`plain/o/${name}`))), name);
  assert.equal(sha256(readFileSync(path("plain/manifest"))), summary.manifest);
  assert.equal(summary.objects_written, names.length);

  const again = await build(DEMO, "plain", "--version", "8");
  assert.deepEqual([again.version, again.objects_written], [8, 0], "what is there is not written again");
  const { stdout } = await mayuse(["build", DEMO, "-o", path("plain"), "--key", keyFile, "--version", "9"]);
  assert.match(stdout, /^SNAPSHOT\ncustomers +\d+\n[^]*\nversion +9\nmanifest +[0-9a-f]{64}\nseconds +[\d.]+\nbuilt version 9 in /);
});

test("a catalog has one snapshot, in whatever order and form it comes", async () => {
  const document = demo();
  // A pool whose units are granted to one customer alone: whether it is a pool hangs on the people.
  document.features.push(
    { id: "feat_pool", code: "pool", name: "Pool", feature_type: { type: "METERED" }, status: "ACTIVE" },
    { id: "feat_paid", code: "paid", name: "Paid", feature_type: { type: "METERED" }, status: "ACTIVE" },
  );
  const credits = (cost, pool) => ({ type: "CREDITS", pool_feature_id: pool, cost });
  document.customers[0].entitlements = [
    { feature_id: "feat_pool", value: { type: "METERED", limit: "10" } },
    { feature_id: "feat_paid", value: credits("2", "feat_pool") },
  ];
  // And one of which there are only costs.
  document.customers[1].entitlements = [{ feature_id: "feat_pool", value: credits("1", "feat_paid") }];
  const shuffled = structuredClone(document);
  // Plans keep their order: it is the order in which they are suggested.
  Object.values(LISTS).filter((list) => list !== "plans").forEach((list) => shuffled[list].reverse());

  await build(file("one.json", JSON.stringify(document)), "one", "--file", path("one.myf"));
  await build(file("two.json", JSON.stringify(Object.fromEntries(Object.entries(shuffled).reverse()))), "two", "--file", path("two.myf"));
  await build(file("three.ndjson", asLines(shuffled)), "three");
  assert.deepEqual(filesOf("two"), filesOf("one"));
  assert.deepEqual(filesOf("three"), filesOf("one"));
  assert.deepEqual(readFileSync(path("two.myf")), readFileSync(path("one.myf")));

  // Decisions are those of the document.
  for (const customer of document.customers.map(({ id }) => id)) {
    const ask = (catalog) => mayuse(["entitlements", "--catalog", catalog, "--customer", customer, ...AT, "--json"]);
    const plain = ({ stdout }) => JSON.parse(stdout).map(({ freshness, ...decision }) => decision);
    const expected = plain(await ask(path("one.json")));
    assert.deepEqual(plain(await ask(path("one"))), expected);
    assert.deepEqual(plain(await ask(path("one.myf"))), expected);
  }
});

test("the seed is that of the key, unless it is given", async () => {
  await build(DEMO, "seed-a");
  const { status } = await mayuse(["build", DEMO, "-o", path("seed-b"), ...AT], { env: { MAYUSE_SIGNING_KEY: "08".repeat(32) } });
  assert.equal(status, 0);
  await build(DEMO, "seed-c", "--seed", "1");
  await build(DEMO, "seed-d", "--seed", "1");
  assert.notDeepEqual(readdirSync(path("seed-a/o")), readdirSync(path("seed-b/o")));
  assert.notDeepEqual(readdirSync(path("seed-a/o")), readdirSync(path("seed-c/o")));
  assert.deepEqual(filesOf("seed-c"), filesOf("seed-d"));
});

test("a snapshot after another one links it, and is newer", async () => {
  const first = await build(DEMO, "first", "--version", "41", "--seed", "5");
  const second = await build(DEMO, "second", "--previous", path("first"));
  assert.equal(second.version, 42);
  assert.deepEqual(readdirSync(path("second/o")), readdirSync(path("first/o")), "the seed is kept");
  const { stdout } = await mayuse(["inspect", path("second"), "--json"]);
  assert.equal(JSON.parse(stdout).previous, first.manifest);
  const build42 = ["build", DEMO, "-o", path("second"), "--previous", path("second")];
  await refused([...build42, "--version", "42"], 2, /--version 42: it must be greater than the 42 of --previous/);
  await refused([...build42, "--seed", "6"], 2, /--seed 6: that of --previous is 5/);
  await refused(["build", DEMO, "-o", path("second")], 2, /holds version 42, and version 1 would be older[^]*--previous/);
  await refused(["build", DEMO, "-o", path("second"), "--previous", path("nowhere")], 2, /--previous .*nowhere: there is no manifest in it/);
  assert.equal((await build(DEMO, "second", "--previous", path("second"))).version, 43, "in its own place");
});

const CUSTOMER = { kind: "customer", id: "c1" };
const FEATURE = { kind: "feature", id: "f", code: "f", feature_type: { type: "BOOLEAN" }, status: "ACTIVE" };
const PLAN = { kind: "plan", id: "p", name: "P", versions: [{ id: "v" }] };
const subscription = (id, customer) => ({
  kind: "subscription", id, customer_id: customer, plan_id: "p", plan_version_id: "v", status: "ACTIVE", period: "MONTHLY",
  start_date: "2026-01-01", billing_day_anchor: 1, current_period_start: "2026-11-01",
});
const WRONG = [
  ["an orphan", [FEATURE, PLAN, CUSTOMER, subscription("s", "nobody")], /error\[BROKEN_REFERENCE\] .*: line 4: customer_id: there is no customer `nobody`/],
  ["definitions last", [FEATURE, CUSTOMER, PLAN], /line 3: a plan after customers: features, plans and add-ons must come first, and line 2 is/],
  ["people first", [subscription("s", "c1"), CUSTOMER, FEATURE, PLAN], /: line 3: a feature after customers: [^\n]*, and line 1 is a customer or subscription already\n$/],
  ["a customer twice", [CUSTOMER, { ...CUSTOMER }], /error\[DUPLICATE\] .*: line 2: id: the id `c1` is already that of line 1/],
  ["an alias twice", [{ ...CUSTOMER, alias: "a" }, { kind: "customer", id: "c2", alias: "a" }], /line 2: alias: the alias `a` is already that of line 1/],
  ["a subscription of two", [FEATURE, PLAN, CUSTOMER, { kind: "customer", id: "c2" }, subscription("s", "c1"), subscription("s", "c2")], /line 6: id: the id `s` is already that of line 5/],
  ["a code twice", [FEATURE, { ...FEATURE, id: "g" }], /line 2: code: the code `f` is already that of line 1/],
  ["a bad value", [FEATURE, "", PLAN, { ...CUSTOMER, alias: "a b" }], /line 4: alias: expected 1 to 128 characters/],
  ["no kind", [FEATURE, { id: "x" }], /line 2: kind: expected what the line is/],
  ["an unknown kind", [FEATURE, { kind: "cat" }], /line 2: kind: there is no kind `cat`/],
  ["no JSON", [FEATURE, "{"], /line 2: cannot be read: EOF/],
  ["bad settings", [{ kind: "settings", ladder: "NONE" }, FEATURE], /ladder: expected one of/],
];
for (const [name, lines, pattern] of WRONG) {
  test(`lines that are wrong say where: ${name}`, async () => {
    const text = lines.map((each) => `${typeof each === "string" ? each : JSON.stringify(each)}\n`).join("");
    const output = path(`wrong-${name}`);
    const { stderr } = await refused(["build", "-", "-o", output], 2, pattern, { ...KEYED, input: text });
    assert.doesNotMatch(stderr, /subscriptions\[|customers\[|features\[/);
    assert.ok(!existsSync(join(output, "manifest")));
  });
}

test("lines that decisions know nothing of are passed over", async () => {
  const more = [{ kind: "coupon", id: "x" }, { kind: "add_on_mapping", id: "y" }, FEATURE, PLAN, CUSTOMER, { kind: "coupon", id: "z" }, subscription("s", "c1")];
  const summary = await build(file("more.ndjson", more.map((each) => JSON.stringify(each)).join("\n\n")), "more");
  assert.deepEqual([summary.customers, summary.subscriptions], [1, 1]);
  await refused(["build", file("none.json", '{"format": 2}'), "-o", path("none")], 2, /expected format 1/);
  await refused(["build", path("nothing.json"), "-o", path("none")], 2, /nothing\.json: No such file/);
});

test("without a key nothing is built, and what to do is said", async () => {
  const args = ["build", DEMO, "-o", path("unsigned")];
  await refused(args, 2, /no key to sign with: pass --key FILE, or set[^]*mayuse keygen -o/, { env: { MAYUSE_SIGNING_KEY: "" } });
  await refused([...args, "--key", file("bad.key", "abc")], 2, /bad\.key: a key is 64 hexadecimal digits/);
  // A public key has as many digits as a secret one.
  const publicKey = publicOf(SECRET);
  await refused([...args, "--key", file("sign.key.pub", publicKey)], 2, /sign\.key\.pub: this is the public key; sign with the secret one/);
  const env = { MAYUSE_SIGNING_KEY: publicKey, MAYUSE_SNAPSHOT_KEYS: `${"ab".repeat(32)} ${publicKey}` };
  await refused(args, 2, /MAYUSE_SIGNING_KEY: this is a public key of MAYUSE_SNAPSHOT_KEYS/, { env });
  await refused([...args, "--key", file("renamed.key", publicKey)], 2, /renamed\.key: this is a public key/, { env });
  assert.ok(!existsSync(path("unsigned")));
});

test("a build that is cut short publishes nothing", async () => {
  const before = await build(DEMO, "crash");
  const held = filesOf("crash");
  const other = file("other.json", JSON.stringify({ ...demo(), customers: [], subscriptions: [] }));
  const args = ["build", other, "-o", path("crash"), "--previous", path("crash")];
  // The objects can be written, the manifest cannot.
  mkdirSync(path("crash/manifest.part"));
  await refused(args, 2, /error\[IO\] .*manifest/);
  rmSync(path("crash/manifest.part"), { recursive: true });
  assert.equal(sha256(readFileSync(path("crash/manifest"))), before.manifest);
  assert.ok(Object.keys(held).length < Object.keys(filesOf("crash")).length, "the new objects came first");
  assert.equal((await mayuse(["inspect", path("crash")])).status, 0);

  // An object cannot be written.
  const first = await build(other, "crash-other");
  const shard = readdirSync(path("crash-other/o"))[0];
  mkdirSync(path(`crash-third/o/${shard}.part`), { recursive: true });
  await refused(["build", other, "-o", path("crash-third")], 2, /error\[IO\]/);
  assert.ok(!existsSync(path("crash-third/manifest")));
  assert.equal(first.version, 1);
  await refused(["inspect", path("crash-third")], 2, /there is no manifest in it; `mayuse build` writes it last/);
});

test("a snapshot is shown, and who signed it", async () => {
  const summary = await build(DEMO, "shown", "--version", "3", "--max-age-ms", "86400000", "--stale-after-ms", "60000", "--on-indeterminate", "ALLOW", "--audience", "shop", "--file", path("shown.myf"));
  const own = JSON.parse((await mayuse(["keygen", "--json"])).stdout);
  const mine = publicOf(SECRET);
  for (const place of [path("shown"), path("shown.myf"), path("shown/manifest")]) {
    const { status, stdout } = await mayuse(["inspect", place, "--keys", `${own.public} ${mine}`, "--json"]);
    const shown = JSON.parse(stdout);
    assert.equal(status, 0);
    assert.deepEqual(
      [shown.version, shown.audience, shown.signature, shown.manifest, shown.generated_at, shown.problems],
      [3, "shop", "verified", summary.manifest, "2026-11-20T00:00:00Z", []],
    );
    assert.deepEqual(shown.policies, { on_indeterminate: "ALLOW", stale_after_ms: 60000, max_age_ms: 86400000 });
    const { features, plans, add_ons: addOns, customers, subscriptions } = demo();
    assert.deepEqual(
      [shown.features, shown.plans, shown.add_ons, shown.customers, shown.subscriptions],
      [features, plans, addOns, customers, subscriptions].map((list) => list.length),
    );
  }
  const unverified = await mayuse(["inspect", path("shown")]);
  assert.equal(unverified.status, 0);
  assert.match(unverified.stdout, /\nNOT VERIFIED: anybody may have made this\. Pass the public key with --keys/);
  const wrong = await refused(["inspect", path("shown")], 1, /\nREFUSED: the manifest is signed with key [0-9a-f]{16}, which is not known here/, { env: { MAYUSE_SNAPSHOT_KEYS: own.public } });
  assert.match(wrong.stdout, new RegExp(`Known are: ${own.key_id}\\.`));
  await refused(["inspect", path("shown"), "--keys", "abc"], 2, /--keys: a key is 64 hexadecimal digits/);
  const { stdout } = await mayuse(["inspect", path("shown"), "--keys", mine, "--customer", "acme"]);
  assert.match(stdout, /^version 3, verified\n\nFEATURE +ALLOWED[^]*The signature verifies\.\n$/);
});

/** A copy of a snapshot, of which something is changed. */
async function changed(name, change) {
  await build(DEMO, name, "--file", path(`${name}.myf`));
  change(name, readdirSync(path(`${name}/o`)));
  return path(name);
}

test("damage is found, and named", async () => {
  const key = publicOf(SECRET);
  const flip = (at) => (name, objects) => {
    const place = path(`${name}/o/${objects[0]}`);
    const bytes = readFileSync(place);
    bytes[bytes.length + at] ^= 1;
    writeFileSync(place, bytes);
  };
  const flipped = await changed("flipped", flip(-1));
  const [first] = readdirSync(join(flipped, "o"));
  await refused(["inspect", flipped], 1, new RegExp(`error\\[SNAPSHOT\\] .*object ${first}: it is damaged: it hashes to something else; build or copy`));
  const json = await mayuse(["inspect", flipped, "--json"]);
  assert.match(JSON.parse(json.stdout).problems[0], new RegExp(first));

  const missing = await changed("missing", (name, objects) => objects.forEach((each) => rmSync(path(`${name}/o/${each}`))));
  await refused(["inspect", missing], 1, /object [0-9a-f]{64}: it is missing/);
  await refused(["check", "--catalog", missing, "--customer", "acme", "--feature", "sso"], 2, /error\[SNAPSHOT\] .*it is missing/);

  const short = await changed("short", (name, [object]) => writeFileSync(path(`${name}/o/${object}`), "my"));
  await refused(["inspect", short], 1, /it is not as long as the manifest says/);

  const edit = (change) => (name) => writeFileSync(path(`${name}/manifest`), change(readFileSync(path(`${name}/manifest`))));
  const truncated = await changed("truncated", edit((bytes) => bytes.subarray(0, -10)));
  await refused(["inspect", truncated], 2, /error\[SNAPSHOT\] .*a manifest is damaged/);
  const newer = await changed("newer", edit((bytes) => (bytes.writeUInt8(3, 3), bytes)));
  await refused(["inspect", newer], 2, /a manifest of format 3, and this program reads formats 1 to 2: update it/);
  const forged = await changed("forged", edit((bytes) => (bytes.writeUInt8(bytes[5] + 1, 5), bytes)));
  await refused(["inspect", forged, "--keys", key], 1, /REFUSED: the manifest is not signed by key/);
  await refused(["entitlements", "--catalog", forged, "--customer", "acme"], 2, /is not signed by key/, { env: { MAYUSE_SNAPSHOT_KEYS: key } });
  await refused(["inspect", file("other.myf", "nothing")], 2, /no snapshot: expected the folder of one, one in one file, or a URL/);

  const whole = readFileSync(path("flipped.myf"));
  await refused(["inspect", file("cut.myf", whole.subarray(0, -1))], 2, /the snapshot file ends early/);
  await refused(["inspect", file("long.myf", Buffer.concat([whole, Buffer.from("x")]))], 2, /holds more than its manifest names/);
  whole[whole.length - 1] ^= 1;
  await refused(["inspect", file("bent.myf", whole)], 1, /it is damaged: it hashes to something else/);
});

test("a snapshot is read from where it is served", async (t) => {
  await build(DEMO, "served", "--version", "12");
  const asked = [];
  const server = createServer(({ url, headers }, response) => {
    asked.push({ url, key: headers.authorization });
    if (headers.authorization === "Bearer wrong") return response.writeHead(401).end();
    if (url.startsWith("/moved")) return response.writeHead(302, { location: "https://elsewhere.example" }).end();
    const place = path(url.replace("/v1/snapshot/objects/", "/served/o/").replace("/v1/snapshot/", "/served/").slice(1));
    if (existsSync(place)) response.end(readFileSync(place));
    else response.writeHead(404, { "content-type": "application/json" }).end('{"error": {"code": "NOT_FOUND", "message": "there is none"}}');
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close().closeAllConnections());
  const url = `http://127.0.0.1:${server.address().port}`;
  for (const [place, key] of [["/v1/snapshot/manifest", "Bearer k"], ["", "Bearer k"], ["/served/manifest", undefined]]) {
    asked.length = 0;
    const { status, stdout, stderr } = await mayuse(["inspect", `${url}${place}`, "--json"], { key: "k" });
    assert.equal(status, 0, stderr);
    assert.equal(JSON.parse(stdout).version, 12);
    assert.deepEqual(new Set(asked.map(({ key }) => key)), new Set([key]), "only a Worker is told the key");
  }
  await refused(["inspect", `${url}/nothing/manifest`], 1, /error\[NOT_FOUND\] there is none/);
  await refused(["diff", `${url}/nothing/manifest`, DEMO], 2, /error\[NOT_FOUND\]/);
  // What to do is said in terms of options that the command has.
  const keyHint = /\nSet the environment variable MAYUSE_KEY to a key of the scope `snapshot` or `catalog`\.\n$/;
  for (const [at, pattern, key] of [["", keyHint, "wrong"], ["/nothing/manifest", /404/], ["/moved/manifest", /\nIt is elsewhere: https:\/\/elsewhere\.example\.\n$/]]) {
    const { stderr } = await refused(["inspect", `${url}${at}`], 1, pattern, { key });
    assert.doesNotMatch(stderr, /--url|--key\b/);
  }
  await refused(["diff", `${url}/v1/snapshot/manifest`, DEMO, ...AT], 0, /no difference/);
});

test("a diff says who gains and who loses", async () => {
  const after = demo();
  const plan = after.plans.find(({ id }) => id === "plan_pro");
  const rows = plan.versions.flatMap(({ entitlements = [] }) => entitlements).concat(plan.entitlements ?? []);
  const limited = rows.find(({ value }) => value.type === "METERED" && value.limit !== undefined);
  limited.value.limit = String(Number(limited.value.limit) * 2);
  after.customers = after.customers.filter(({ id }) => id !== "cus_acme");
  after.subscriptions = after.subscriptions.filter(({ customer_id: id }) => id !== "cus_acme");
  const changed = file("after.json", JSON.stringify(after));

  await refused(["diff", DEMO, DEMO, ...AT], 0, /^no difference at 2026-11-20T00:00:00Z\n$/);
  const { stdout } = await refused(["diff", DEMO, changed, ...AT], 1, /^FEATURE +GAINED +LOST +RAISED +LOWERED +ALTERED\n/);
  assert.match(stdout, /\nLOST +FEATURE +BEFORE +AFTER\ncus_acme +\S+ +[A-Z_]+[\d. ]* +-> +CUSTOMER_NOT_FOUND\n/);

  await build(changed, "after", "--file", path("after.myf"));
  const expected = JSON.parse((await mayuse(["diff", DEMO, changed, ...AT, "--json"])).stdout);
  assert.ok(0 < expected.changes.lost.count);
  assert.ok(expected.changes.lost.first.every(({ customer }) => customer === "cus_acme"));
  for (const [a, b] of [[DEMO, path("after")], [DEMO, path("after.myf")], [file("before.ndjson", asLines(demo())), changed]]) {
    assert.deepEqual(JSON.parse((await refused(["diff", a, b, ...AT, "--json"], 1, /./)).stdout), expected);
  }
  const backwards = JSON.parse((await mayuse(["diff", changed, DEMO, ...AT, "--json", "--limit", "1"])).stdout);
  assert.equal(backwards.changes.gained.count, expected.changes.lost.count);
  assert.equal(backwards.changes.lowered.count, expected.changes.raised.count);
  assert.deepEqual(backwards.changes.gained.first.map(({ feature }) => feature), [expected.changes.lost.first[0].feature]);
  await refused(["diff", DEMO, changed, ...AT, "--limit", "1"], 1, /\nand \d+ more; --limit N lists more\n/);

  const one = await refused(["diff", DEMO, path("after"), ...AT, "--customer", "acme", "--json"], 1, /./);
  assert.deepEqual(JSON.parse(one.stdout).changes.lost, expected.changes.lost);
  await refused(["diff", DEMO, path("after"), ...AT, "--customer", "hobby"], expected.changes.raised.first.some(({ customer }) => customer === "cus_hobby") ? 1 : 0, /./);
  await refused(["diff", DEMO, changed, "--customer", "nobody"], 2, /--customer nobody: there is no such customer in A or B/);
  await refused(["diff", DEMO, path("nowhere.json")], 2, /nowhere\.json/);
  await refused(["diff", "-", "-"], 2, /cannot both be standard input/);
});

test("how old a snapshot is now matters to a check, whatever instant it is about, and not to a diff", async () => {
  await build(DEMO, "old", "--max-age-ms", "1000");
  await refused(["check", "--catalog", path("old"), "--customer", "acme", "--feature", "sso"], 1, /"SNAPSHOT_EXPIRED"/);
  const { stderr } = await refused(["check", "--catalog", path("old"), "--customer", "acme", "--feature", "sso", ...AT], 1, /"SNAPSHOT_EXPIRED"/);
  assert.match(stderr, /warning\[UNVERIFIED\] .*set MAYUSE_SNAPSHOT_KEYS/);
  await refused(["diff", DEMO, path("old")], 0, /no difference/);
});

for (const command of ["keygen", "build", "inspect", "diff", "publish"]) {
  test(`${command} --help has two examples`, async () => {
    const { stdout } = await mayuse([command, "--help"]);
    const [, examples] = stdout.split("Examples:\n");
    assert.ok(2 <= examples.split("\n").filter((each) => /^ {2}\S/.test(each)).length, stdout);
  });
}

test("a fallback that nobody could fall back on is not deployed", async () => {
  const script = join(root, "scripts/check-fallback.sh");
  const run = (args, env = {}) =>
    spawnSync(script, args, { encoding: "utf8", env: { ...process.env, MAYUSE_BIN: binary, MAYUSE_SNAPSHOT_KEYS: "", ...env } });
  await build(DEMO, "fallen", "--file", path("fallback.snapshot"));
  const { stdout: theirs } = await mayuse(["keygen", "--json"]);
  const config = (name, ...keys) => file(name, keys.map((key) => `[vars]\nSNAPSHOT_KEYS = "${key}"\n`).join(""));
  const [ours, stranger] = [publicOf(readFileSync(keyFile, "utf8").trim()), JSON.parse(theirs).public];
  const fallback = path("fallback.snapshot");
  const good = run([fallback, config("ours.toml", stranger, ours)]);
  assert.deepEqual([good.status, good.stdout, good.stderr], [0, "", ""]);
  assert.equal(run([fallback, config("none.toml")], { MAYUSE_SNAPSHOT_KEYS: ours }).status, 0);
  assert.equal(run([file("empty.snapshot", ""), config("none.toml")]).status, 0, "an empty one is none");
  const unknown = run([fallback, config("none.toml")]);
  assert.equal(unknown.status, 0, "the Worker believes the key with which it signs, and nobody else knows that");
  assert.match(unknown.stderr, /looked through, but not verified: no SNAPSHOT_KEYS/);
  assert.equal(run([path("absent.snapshot"), config("none.toml")]).status, 0);
  for (const [args, said] of [
    [[fallback, config("theirs.toml", stranger)], /REFUSED: [^]*nobody could fall back on it/],
    [[file("cut.snapshot", readFileSync(fallback).subarray(0, -1)), config("ours.toml", ours)], /nobody could fall back on it/],
    [[file("other.snapshot", "no snapshot"), config("none.toml")], /nobody could fall back on it/],
  ]) {
    const { status, stderr } = run(args);
    assert.equal(status, 1);
    assert.match(stderr, said);
  }
});
