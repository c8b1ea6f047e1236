// Lists and values of the largest size and one step beyond, in the package's engine.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Catalog } from "../../pkg/document-node.js";
import { offsets } from "../../src/intl/zones.mjs";
import { ACCEPTED, AT, REFUSED, catalog, row, withUsage } from "../support/lists.mjs";
import { named } from "../support/names.mjs";

/** The time that one step may take, on a machine that is busy with other things. */
const SOON = 10_000;

function soon(name, work) {
  const begun = performance.now();
  const done = work();
  const took = performance.now() - begun;
  assert.ok(took < SOON, `${name} took ${took} ms`);
  return done;
}

for (const [name, document, question, holds] of ACCEPTED) {
  test(name, () => {
    const engine = soon("opening", () => new Catalog(document));
    const answer = soon("a check", () => engine.check({ customer: "cus_x", at: AT, ...named(question) }));
    for (const [field, value] of Object.entries(named(holds))) assert.deepEqual(answer[field], value, field);
    engine.close();
  });
}

for (const [name, document, code, path, message] of REFUSED) {
  test(`${name} are refused`, () => {
    assert.throws(() => soon("refusing", () => new Catalog(document)), ({ problems: [first] }) => {
      assert.deepEqual([first.code, first.path, first.message], [code, path, message]);
      return true;
    });
  });
}

test("entries of usage", () => {
  const engine = new Catalog(ACCEPTED[1][1]);
  const { reason, available } = soon("a check", () => engine.check(named(withUsage(1_000))));
  // A thousand packs of two have one left; of the 3,001 that have begun, 2,001 have two.
  assert.deepEqual([reason, available], ["WITHIN_LIMIT", "5002"]);
  for (const n of [1_001, 100_000]) {
    assert.throws(() => soon("refusing", () => engine.check(named(withUsage(n)))), { code: "TOO_LARGE", path: "usage" });
  }
});

test("a catalog may name many time zones", () => {
  const zones = Intl.supportedValuesOf("timeZone").filter((zone, n) => n % 10 === 0 && offsets(zone).length !== 0);
  const period = (time_zone) => ({ type: "CALENDAR", unit: "DAY", interval: 1, time_zone });
  const customers = zones.map((zone, n) => ({ id: `c${n}`, entitlements: [row("m", { type: "METERED", limit: "1", reset_period: period(zone) })] }));
  const engine = soon("opening", () => new Catalog({ ...catalog({}), customers: [{ id: "cus_x" }, ...customers] }));
  zones.forEach((zone, n) => assert.equal(engine.check({ customer: `c${n}`, feature: "m", consumed: "0" }).period.timeZone, zone));
});
