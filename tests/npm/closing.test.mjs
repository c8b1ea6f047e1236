// A snapshot of the packed package that is closed while it is asked, and the memory that its answers are read from.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { install } from "../support/packed.mjs";
import { build, newKey } from "../support/snapshots.mjs";

const demo = JSON.parse(readFileSync(new URL("../../demo/catalog.json", import.meta.url), "utf8"));
const key = newKey();
const options = { publicKeys: key.public, now: () => Date.parse("2026-11-20T12:00:00Z") };
let package_, MayUse, snapshot;

before(async () => {
  package_ = install();
  ({ MayUse } = await package_.load("mayuse"));
  snapshot = build(demo, key, "--at", "2026-11-20", "--version", "1");
});
after(() => package_.remove());

test("a question that closes its snapshot is not written where other snapshots are", async () => {
  const left = await MayUse.open(snapshot.file, options);
  for (const customer of ["acme", "\u00e9".repeat(9_000)]) {
    const closed = await MayUse.open(snapshot.file, options);
    const question = {
      feature: "sso",
      get customer() {
        closed.close();
        return customer;
      },
    };
    assert.throws(() => closed.check(question), /after it was freed/);
    const opened = await MayUse.open(snapshot.file, options);
    assert.deepEqual([left, opened].map((mayuse) => mayuse.mayUse("acme", "sso")), [true, true]);
    opened.close();
  }
});

test("a feature is told with the letters of its id, code and name", async () => {
  const names = ["Größe 😀", "", "日本"];
  const features = demo.features.map(({ name, ...rest }, n) => (names[n] ? { ...rest, name: names[n] } : rest));
  const mayuse = await MayUse.open(build({ ...demo, features }, key, "--at", "2026-11-20").file, options);
  for (const [n, { id, code }] of features.entries()) {
    const told = mayuse.check({ customer: "acme", feature: code }).feature;
    assert.deepEqual([told.id, told.code], [id, code]);
    if (names[n]) assert.equal(told.name, names[n]);
    assert.deepEqual(mayuse.check({ customer: "acme", feature: id }).feature, told);
  }
});
