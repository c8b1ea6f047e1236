// Manifests that were made elsewhere: those that come at once, that fail on their way, and that no number can hold.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { published, start } from "./support.mjs";
import { calls, faultyModules, faults } from "./world.mjs";
import { readManifest, snapshotFile, writeManifest } from "./manifest.mjs";

const MANIFEST = "/v1/snapshot/manifest";
const MAX_VERSION = 2n ** 53n - 1n;
const ROUNDS = 100;
/** The secret half of a key that none of the Workers believes. */
const OTHER_KEY = "0123456789abcdef".repeat(4);

let started;
/** One that publishes the demo, of which all manifests here are made; those that take them. */
let source;
let target;
let faulty;
let last;
let base;
/** Those with a fallback that can be used, that somebody else signed, and that is none. */
let fallbacks;

before(async () => {
  const first = await start({ snapshots: "source", bindings: { HEARTBEAT_S: "3600" } });
  [source] = first.workers;
  await published(source, 1);
  const { bytes } = await source.send("GET", MANIFEST);
  base = readManifest(bytes);
  const read = (hash) => source.send("GET", `/v1/snapshot/objects/${hash}`).then(({ bytes }) => bytes);
  const objects = await Promise.all([base.catalog, ...base.shards].map(({ hash }) => read(hash)));
  await first.stop();
  const withFallback = (file, n) => ({ snapshots: `fallback-${n}`, catalog: null, parts: faultyModules(file) });
  const stranger = snapshotFile(writeManifest(base, OTHER_KEY), objects);
  started = await start(
    { snapshots: "target", catalog: null },
    { snapshots: "faulty", catalog: null, parts: faultyModules() },
    { snapshots: "last", catalog: null },
    ...[snapshotFile(bytes, objects), stranger, Buffer.from("no snapshot"), Buffer.from([0xff])].map(withFallback),
    { ...withFallback(snapshotFile(bytes, objects), 9), bindings: { MIN_VERSION: "2" } },
  );
  [target, faulty, last, ...fallbacks] = started.workers;
});
after(() => started.stop());

const manifest = (version, more) => writeManifest({ ...base, version: 0, ...more, version: BigInt(version) });
const put = (worker, body) => worker.ask("PUT", MANIFEST, { body });
const versionAt = async (worker) => (await worker.send("GET", MANIFEST)).headers["x-snapshot-version"];

test("of manifests that come at once, the highest that is accepted is the one that stays", async () => {
  let version = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    // Each order comes up.
    const next = [1, 2, 3].map((n) => version + ((n + round) % 3) + 1);
    const answers = await Promise.all(next.map((version) => put(target, manifest(version))));
    const accepted = next.filter((_, n) => answers[n].status === 200);
    answers.forEach(({ status }) => assert.ok([200, 409, 503].includes(status), `${status}`));
    assert.ok(accepted.length > 0, `round ${round}: nobody was accepted`);
    version = Math.max(...accepted);
    assert.equal(await versionAt(target), `${version}`, `round ${round}: accepted ${accepted} of ${next}`);
    assert.equal((await target.get("/readyz")).body.published_version, version);
  }
});

test("what failed on its way may be sent again, and nothing older in its place", async () => {
  for (const [n, kind] of ["down", "lost"].entries()) {
    const version = 10 * (n + 1);
    await faults(faulty, [{ call: "put", key: "manifest", kind, times: 1 }]);
    assert.equal((await put(faulty, manifest(version))).status, 503);
    const older = await put(faulty, manifest(version - 1));
    assert.equal(older.status, 409);
    assert.match(older.body.error.message, new RegExp(`version ${version - 1} is not above ${version}, which is published or on its way`));
    assert.equal((await put(faulty, manifest(version, { generatedAt: base.generatedAt + 1 }))).status, 409, "other bytes");
    assert.equal((await put(faulty, manifest(version))).status, 200, "the same again");
    assert.equal((await put(faulty, manifest(version))).status, 409, "it is published");
    assert.equal(await versionAt(faulty), `${version}`);
  }
});

test("what may still arrive is waited for before another one is put", async () => {
  await faults(faulty, [{ call: "put", key: "manifest", kind: "hangs", times: 1 }]);
  const hanging = put(faulty, manifest(30));
  while (!(await calls(faulty)).includes("put manifest")) {
    await sleep(5);
  }
  const another = await put(faulty, manifest(31));
  assert.equal(another.status, 503);
  assert.match(another.body.error.message, /another manifest is being published; send this one again in half a minute/);
  // A catalog of its own is written meanwhile: its version is above the one that may still arrive.
  const { body } = await faulty.put("/v1/catalog/customers/mine", { name: "Mine" });
  assert.equal(body.snapshot_version, 31);
  assert.equal((await faulty.get("/readyz")).body.published_version, 20, "and it waits too");
  assert.equal((await hanging).status, 503);
  await published(faulty, 31);
  assert.equal(await versionAt(faulty), "31");
});

test("versions end where numbers of JavaScript are exact", async () => {
  for (const version of [MAX_VERSION + 1n, MAX_VERSION + 2n, 2n ** 63n, 2n ** 64n - 1n]) {
    const answer = await put(last, manifest(version));
    assert.equal(answer.status, 400, `${version}`);
    assert.match(answer.body.error.message, /its version is above 9007199254740991/);
    assert.equal((await last.send("GET", MANIFEST)).status, 404);
    const question = { customer: "acme", feature: "sso", min_version: Number(version) };
    assert.equal((await last.post("/v1/check", question)).status, 400);
    const { status, body } = await last.get(`/v1/check?customer=acme&feature=sso&min_version=${version}`);
    assert.deepEqual([status, body.error.path], [400, "min_version"]);
  }
  const { status, headers } = await put(last, manifest(MAX_VERSION));
  assert.deepEqual([status, headers["x-snapshot-version"]], [200, `${MAX_VERSION}`]);
  const { body } = await last.get(`/v1/check?customer=acme&feature=sso&min_version=${MAX_VERSION}`);
  assert.notEqual(body.decision, undefined);
  const written = await last.put("/v1/catalog/customers/late", { name: "Late" });
  assert.equal(written.status, 409);
  assert.match(written.body.error.message, /version 9007199254740991 is the last one/);
  assert.equal((await last.get("/v1/catalog/customers/late")).status, 404);
});

test("a fallback that nobody could fall back on is found out at the first request", async () => {
  const expected = [
    [{ status: "USABLE", version: 1, problem: "" }, 0],
    [{ status: "REFUSED", version: null, problem: /is signed with key [0-9a-f]{16}, which is not known here/ }, 1],
    [{ status: "REFUSED", version: null, problem: /./ }, 1],
    [{ status: "REFUSED", version: null, problem: /./ }, 1],
    [{ status: "REFUSED", version: null, problem: /its version is below MIN_VERSION/ }, 1],
  ];
  for (const [n, [{ problem, ...known }, failures]] of expected.entries()) {
    const worker = fallbacks[n];
    const { body: unseen } = await worker.get("/v1/snapshot/status");
    assert.ok(["UNCHECKED", known.status].includes(unseen.fallback.status), JSON.stringify(unseen));
    await worker.check({ customer: "acme", feature: "sso" });
    const { body } = await worker.get("/v1/snapshot/status");
    const { problem: found, ...rest } = body.fallback;
    assert.deepEqual(rest, known, `${n}: ${found}`);
    assert.match(found, typeof problem === "string" ? /^$/ : problem);
    assert.equal(body.failures, failures);
    assert.match(body.last_failure, failures === 0 ? /^$/ : /^the fallback in the bundle cannot be used: /);
  }
  const { body } = await target.get("/v1/snapshot/status");
  assert.deepEqual(body.fallback, { status: "NONE", version: null, problem: "" });
});
