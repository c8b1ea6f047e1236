// The reader build: it opens a signed snapshot and answers as the full build does, without a reader of JSON.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash, webcrypto } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const demo = readFileSync(join(root, "demo/catalog.json"), "utf8");
const now = Date.parse("2026-11-20T12:00:00Z");
let folder, file, key, reader, full;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "mayuse-reader-"));
  const run = (...args) => execFileSync(join(root, "target/release/mayuse"), args, { encoding: "utf8" });
  const { secret, public: publicKey } = JSON.parse(run("keygen", "--json"));
  execFileSync(
    join(root, "target/release/mayuse"),
    ["build", join(root, "demo/catalog.json"), "-o", join(folder, "snapshot"), "--file", join(folder, "file"), "--at", "2026-11-20"],
    { env: { ...process.env, MAYUSE_SIGNING_KEY: secret } },
  );
  file = new Uint8Array(readFileSync(join(folder, "file")));
  key = await webcrypto.subtle.importKey("raw", Buffer.from(publicKey, "hex"), "Ed25519", false, ["verify"]);
  [reader, full] = await Promise.all(["reader", "mayuse"].map(loaded));
});

after(() => rmSync(folder, { recursive: true, force: true }));

async function loaded(name) {
  const engine = await import(`../../pkg/wasm/${name}.js`);
  engine.initSync({ module: readFileSync(join(root, `pkg/wasm/${name}_bg.wasm`)) });
  return engine;
}

/** Opens a snapshot as a caller must: the hashes of its objects and its signature are compared first. */
async function opened(engine, bytes) {
  const read = new engine.Unverified(bytes);
  const { sizes, hashes, signed, signature } = read;
  let at = bytes.length - sizes.reduce((sum, size) => sum + size, 0);
  sizes.forEach((size, n) => {
    const hash = createHash("sha256").update(bytes.subarray(at, (at += size))).digest();
    assert.deepEqual(hash, Buffer.from(hashes.subarray(32 * n, 32 * n + 32)), `object ${n}`);
  });
  return read.open(await webcrypto.subtle.verify("Ed25519", key, signature, signed));
}

test("its answers from the snapshot are those of the full build from the document", async () => {
  const ours = await opened(reader, file);
  const document = new full.Engine(demo);
  const { customers, features } = JSON.parse(demo);
  const who = [...customers.flatMap(({ id, alias }) => (alias ? [id, alias] : [id])), "nobody"];
  let asked = 0;
  for (const customer of who) {
    for (const feature of [...features.map(({ code }) => code), "nothing"]) {
      for (const more of [{}, { consumed: "3" }, { consumed: "1000000.5", requested: "2" }]) {
        const question = { customer, feature, ...more };
        const query = new URLSearchParams(question).toString();
        const { freshness, ...decision } = JSON.parse(ours.check(query, now));
        assert.equal(freshness.source, "SNAPSHOT");
        const { freshness: _, ...other } = JSON.parse(document.check(JSON.stringify(question), now));
        assert.deepEqual(decision, other, query);
        asked += 1;
      }
    }
  }
  assert.ok(100 < asked, `only ${asked} questions`);
});

test("a question that is none is refused, and so is a file that nobody signed", async () => {
  const problems = (ask) => {
    try {
      ask();
    } catch (thrown) {
      return JSON.parse(thrown);
    }
    return assert.fail("nothing was thrown");
  };
  const snapshot = await opened(reader, file);
  for (const query of ["", "customer=acme", "customer=acme&feature=sso&consumed=few", "customer=acme&feature=sso&feature=sso"]) {
    assert.match(problems(() => snapshot.check(query, now))[0].message, /the question cannot be read/, query);
  }
  for (const [parameter, value] of [["explain", "true"], ["suggest", "true"], ["usage", "[]"]]) {
    const query = `customer=acme&feature=sso&${parameter}=${value}`;
    const [{ code, path, message }] = problems(() => snapshot.check(query, now));
    assert.deepEqual([code, path], ["INVALID", parameter]);
    assert.match(message, /this build of mayuse leaves it out/);
  }
  for (const name of ["subscription", "consummed", "Customer", "sub%73cription_id2", "\u{1F600}"]) {
    const [{ code, path, message }] = problems(() => snapshot.check(`customer=acme&feature=sso&${name}=x`, now));
    assert.deepEqual([code, path, message], ["UNKNOWN_FIELD", name, "a question has no such parameter"]);
  }
  assert.match(problems(() => new reader.Unverified(file).open(false))[0].message, /not signed by key/);
  assert.match(problems(() => new reader.Unverified(file.subarray(1)))[0].message, /not a snapshot file/);
});

test("neither build holds what is the other's", () => {
  assert.deepEqual(["Engine", "window", "billingPeriod", "resolve"].filter((name) => name in reader), []);
  assert.deepEqual(["Unverified", "Snapshot"].filter((name) => name in full), []);
});
