// What a mistake of a newcomer is answered with.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { install } from "../support/packed.mjs";
import { build, newKey } from "../support/snapshots.mjs";

const demo = JSON.parse(readFileSync(new URL("../../demo/catalog.json", import.meta.url), "utf8"));
const key = newKey();
const options = { publicKeys: key.public, now: () => Date.parse("2026-11-20T12:00:00Z") };
const asked = { customer: "acme", feature: "sso" };
let package_, MayUse, Catalog, snapshot;

before(async () => {
  package_ = install();
  ({ MayUse } = await package_.load("mayuse"));
  ({ Catalog } = await package_.load("mayuse/document"));
  snapshot = build(demo, key, "--at", "2026-11-20");
});
after(() => package_.remove());

const missing = (message) => ({ name: "SnapshotError", code: "SNAPSHOT_MISSING", message });

test("a mistake in opening is told by its name", async () => {
  const refused = (source, opening, message) => assert.rejects(MayUse.open(source, opening), { name: "TypeError", message });
  for (const name of ["explain", "publicKey", "public_keys", "maxBytes", "0"]) {
    await refused(snapshot.file, { ...options, [name]: true }, new RegExp(`^${name}: there is no such option; the options are publicKeys, .*, now$`));
  }
  await refused({ file: snapshot.path }, undefined, "publicKeys: expected at least one key");
  await refused({ file: snapshot.folder }, options, `${snapshot.folder} is a folder: open it as { folder }`);
  const none = join(snapshot.folder, "none");
  await assert.rejects(MayUse.open({ file: none }, options), { code: "ENOENT", message: new RegExp(none) });
  await assert.rejects(MayUse.open({ folder: none }, options), missing(`${none}/manifest is not there`));
  await assert.rejects(MayUse.open({ folder: pathToFileURL(none) }, options), missing(`${pathToFileURL(none)}/manifest is not there`));
  const server = createServer((request, response) => response.writeHead(404).end());
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  const url = `http://127.0.0.1:${server.address().port}/none`;
  await assert.rejects(MayUse.open({ url }, options), missing(`${url}/manifest answered 404`));
  // A signed address has its secret in the query, which is no business of a log.
  await assert.rejects(MayUse.open({ url: `${url}?key=secret` }, options), missing(`${url}/manifest answered 404`));
  await assert.rejects(MayUse.open({ url: `${url}.snapshot?key=secret` }, options), missing(`${url}.snapshot answered 404`));
  server.closeAllConnections();
  await new Promise((closed) => server.close(closed));
  await assert.rejects(MayUse.open({ kv: { get: async () => null }, prefix: "shop:" }, options), missing("shop:manifest is not there"));
});

test("a mistake in a question is told when it is made", async () => {
  const mayuse = await MayUse.open(snapshot.file, options);
  for (const [ask, path] of [
    [() => mayuse.prepare("acme"), "feature"], [() => mayuse.mayUse("acme"), "feature"],
    [() => mayuse.prepare(undefined, "sso"), "customer"], [() => mayuse.prepare(null, "sso"), "customer"],
  ]) {
    assert.throws(ask, { name: "QuestionError", code: "MISSING", path, message: `${path}: a required field is missing` });
  }
  assert.throws(() => mayuse.prepare("acme", 7), { code: "WRONG_TYPE", message: "feature: expected a string, found 7" });
  const amount = (found) => ({ code: "WRONG_TYPE", message: `consumed: expected a safe integer, or a decimal as a string, found ${found}` });
  for (const consumed of [1.5, -0.1, NaN, Infinity]) {
    assert.throws(() => mayuse.mayUse("acme", "api_calls", consumed), amount(consumed));
    assert.throws(() => mayuse.prepare("acme", "api_calls").mayUse(consumed), amount(consumed));
  }
  assert.throws(() => mayuse.check({ ...asked, consumed: true }), amount("boolean"));
  assert.equal(mayuse.check({ ...asked, consumed: "1.5" }).allowed, true);
});

test("a number that is no whole one is told to be text", () => {
  const message = "consumed: expected a safe integer, or a decimal as a string, found 0.5";
  assert.throws(() => new Catalog(demo).mayUse("acme", "api_calls", 0.5), { name: "QuestionError", message });
});

test("an engine that is not loaded is missed by its name", () => {
  const program = (entry, ask) => `
    import * as mayuse from "mayuse/${entry}";
    try { ${ask}; } catch (error) { console.log(error.message); }`;
  const said = (entry, ask) =>
    execFileSync(process.execPath, ["--input-type=module", "--eval", program(entry, ask)], { cwd: package_.project, encoding: "utf8" });
  const asks = ["new mayuse.Catalog({})", "mayuse.validate({})", "mayuse.window({})", "mayuse.billingPeriod({})", "mayuse.resolve({})"];
  for (const ask of asks) {
    assert.equal(said("document/slim", ask), "the engine of mayuse/document is not loaded: call init() or initSync() first\n", ask);
  }
  const opening = 'await mayuse.MayUse.open({ file: "x" }, { publicKeys: "00" })';
  assert.equal(said("slim", opening), "the engine of mayuse is not loaded: call init() or initSync() first\n");
});

test("mayuse/cloudflare can be imported in Node, and says that replicas are for Workers", async () => {
  const { MayUseError, createReplica } = await package_.load("mayuse/cloudflare");
  assert.equal(MayUseError, (await package_.load("mayuse")).MayUseError);
  assert.throws(() => createReplica({}), { message: /is for Workers: elsewhere, open a snapshot with MayUse\.open of mayuse$/ });
});
