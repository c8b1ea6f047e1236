// The law of the memo: with and without it, the answers are the same, whatever is asked and whenever. `check` never goes
// by the memo, so it is what `mayUse` and handles are compared with.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Memo } from "../../pkg/memo.js";
import { install } from "../support/packed.mjs";
import { build, newKey } from "../support/snapshots.mjs";

const DAY = 86_400_000;
const BEGIN = Date.UTC(2026, 0, 1);
const key = newKey();
let package_, MayUse;

before(async () => {
  package_ = install();
  ({ MayUse } = await package_.load("mayuse"));
});
after(() => package_.remove());

/** Numbers that look random, of a seed. */
function dice(seed) {
  let state = seed >>> 0;
  const roll = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (n) => Math.floor(roll() * n);
  return { roll, below, one: (list) => list[below(list.length)], is: (chance) => roll() < chance };
}

/** A day of the year, or an instant within it. */
const instant = ({ below, is }) => new Date(BEGIN + below(365) * DAY + (is(0.3) ? below(DAY) : 0)).toISOString();
const FEATURES = ["on", "off", "calls", "seats", "credits", "pool", "level", "old", "fresh"];

function value(dice, code) {
  const { below, is, one } = dice;
  if (code === "credits") return { type: "CREDITS", enabled: is(0.9), cost: `${1 + below(3)}`, pool_feature_id: "f_pool" };
  if (code === "level") return { type: "CONFIG", value: { kind: "NUMBER", value: `${below(9)}` } };
  if (["calls", "seats", "pool"].includes(code) && is(0.9)) {
    const limit = is(0.15) ? {} : { limit: one(["0", "1", "5", "10", "10.5", "9007199254740993"]) };
    return {
      type: "METERED", enabled: is(0.95), ...limit,
      reset_period: one([{ type: "NEVER" }, { type: "BILLING_CYCLE" }, { type: "CALENDAR", unit: "MONTH", interval: 1 }]),
      overage: one([undefined, { behavior: "ALLOW" }, { behavior: "BLOCK", grace_pct: "20" }, { behavior: "BLOCK", in_trial: "ALLOW" }]),
      ...(is(0.1) && limit.limit && { caps: [{ limit: "3", reset_period: { type: "CALENDAR", unit: "DAY", interval: 1 } }] }),
      ...(is(0.1) && limit.limit && { per_seat: true }),
    };
  }
  return { type: "BOOLEAN", enabled: is(0.8) };
}

function rows(dice, chance, dated = 0.1) {
  return FEATURES.filter(() => dice.is(chance)).map((code) => {
    const [from, to] = [instant(dice), instant(dice)].sort();
    return { feature: code, value: value(dice, code), ...(dice.is(dated) && from < to && { starts_at: from, expires_at: to }) };
  });
}

function catalog(dice) {
  const { below, is, one } = dice;
  const type = (code) => ({ type: ["calls", "seats", "pool", "credits"].includes(code) ? "METERED" : code === "level" ? "CONFIG" : "BOOLEAN", ...(code === "level" && { value_type: "NUMBER" }) });
  const features = FEATURES.map((code) => ({
    id: `f_${code}`, code, feature_type: type(code), status: code === "old" && is(0.7) ? "ARCHIVED" : "ACTIVE",
    ...(code === "fresh" && { max_age_ms: 30 * DAY }),
  }));
  const plans = ["a", "b"].map((id) => ({ id, versions: [1, 2].map((n) => ({ id: `${id}_${n}`, version: n, entitlements: rows(dice, 0.7) })) }));
  const add_ons = ["x", "y"].map((id) => ({ id, entitlements: rows(dice, 0.4) }));
  const customers = Array.from({ length: 24 }, (_, n) => ({
    id: `c${n}`, ...(is(0.4) && { alias: `alias-${n}` }), ...(is(0.1) && { archived_at: instant(dice) }),
    ...(is(0.15) && { entitlements: rows(dice, 0.4) }),
  }));
  const subscriptions = customers.flatMap(({ id }) => Array.from({ length: one([0, 1, 1, 1, 1, 1, 2]) }, (_, n) => {
    const plan = one(["a", "b"]);
    const start = new Date(BEGIN + (below(200) - 100) * DAY).toISOString();
    const status = one(["ACTIVE", "ACTIVE", "ACTIVE", "TRIAL_ACTIVE", "PAUSED", "CANCELLED", "PENDING_CHARGE"]);
    return {
      id: `s_${id}_${n}`, customer_id: id, plan_id: plan, plan_version_id: `${plan}_${1 + below(2)}`, status, start_date: start,
      ...(is(0.3) && { end_date: new Date(Date.parse(start) + (30 + below(300)) * DAY).toISOString() }),
      ...(status === "TRIAL_ACTIVE" && { trial_duration_days: 5 + below(60) }),
      period: "MONTHLY", billing_day_anchor: 1 + below(28), current_period_start: start.slice(0, 10),
      ...(is(0.4) && { add_ons: [{ add_on_id: one(["x", "y"]), quantity: 1 + below(3), ...(is(0.2) && { starts_at: instant(dice) }) }] }),
      ...(is(0.2) && { seats: 1 + below(5) }), ...(is(0.1) && { entitlements: rows(dice, 0.3) }),
      ...(is(0.1) && { status_changes: [{ status: one(["PAUSED", "ACTIVE"]), at: instant(dice) }] }),
    };
  }));
  return {
    format: 1, features, plans, add_ons, customers, subscriptions,
    ...(is(0.2) && { ladder: "METEROID" }), ...(is(0.3) && { fallback_plan_version_id: "a_1" }),
    ...(is(0.2) && { access_statuses: ["ACTIVE", "TRIAL_ACTIVE", { status: "CANCELLED", until: "END_DATE" }] }),
  };
}

const CONSUMED = [undefined, undefined, 0, 1, 4, 5, 9, 10, 11, 12, -1, "3", "9.5", "10.5", 2 ** 53 - 1, "9007199254740992", "9007199254740993", NaN, 1.5, "none"];

for (let seed = 1; seed <= 24; seed++) {
  test(`what is remembered is what is decided, seed ${seed}`, async () => {
    const random = dice(seed);
    const { below, is, one } = random;
    const documents = [catalog(random)];
    documents.push({ ...catalog(random), customers: documents[0].customers, subscriptions: documents[0].subscriptions });
    const at = new Date(BEGIN).toISOString();
    const more = is(0.3) ? ["--max-age-ms", String((1 + below(300)) * DAY)] : [];
    const [first, second] = documents.map((document, n) => build(document, key, "--at", at, "--version", String(n + 1), ...more));
    let now = BEGIN;
    let bytes = first.file;
    const url = "https://shop.test/catalog.snapshot";
    const mayuse = await MayUse.open({ url, fetch: async () => new Response(bytes) }, { publicKeys: key.public, now: () => now });
    const names = [...documents[0].customers.flatMap(({ id, alias }) => (alias ? [id, alias] : [id])), "nobody"];
    const codes = [...FEATURES, ...FEATURES.map((code) => `f_${code}`), "nothing"];
    const handles = Array.from({ length: 60 }, () => [one(names), one(codes)]).map(([customer, feature]) => ({ customer, feature, handle: mayuse.prepare(customer, feature) }));
    let allowed = 0;
    const answered = (ask) => {
      try {
        return ask();
      } catch ({ code, path }) {
        return { code, path };
      }
    };
    const compare = (customer, feature, consumed, ask) => {
      const expected = answered(() => mayuse.check({ customer, feature, consumed }).allowed);
      const shown = `${customer} ${feature} ${consumed} at ${new Date(now).toISOString()}, version ${mayuse.version}`;
      assert.deepEqual(answered(ask), expected, shown);
      allowed += expected === true;
    };
    for (let step = 0; step < 3_000; step++) {
      // Mostly forward, by hours or weeks; sometimes back; now and then to an edge of a day.
      if (is(0.1)) now += below(is(0.2) ? 20 * DAY : DAY / 4) * (is(0.1) ? -1 : 1);
      if (is(0.02)) now = Math.round(now / DAY) * DAY - below(2);
      if (now < BEGIN - 90 * DAY || BEGIN + 400 * DAY < now) now = BEGIN + below(300) * DAY;
      if (step === 1_700) {
        bytes = second.file;
        assert.equal(await mayuse.refresh(), true);
      }
      const consumed = one(CONSUMED);
      if (is(0.3)) {
        const { customer, feature, handle } = one(handles);
        compare(customer, feature, consumed, () => handle.mayUse(consumed));
      } else {
        const [customer, feature] = [one(names), one(codes)];
        compare(customer, feature, consumed, () => mayuse.mayUse(customer, feature, consumed));
      }
    }
    assert.ok(0 < allowed && allowed < 2_900, `${allowed} of 3000 were allowed`);
    mayuse.close();
  });
}

test("what a handle asked for is not remembered before that instant", async () => {
  const row = { feature: "on", value: { type: "BOOLEAN", enabled: true } };
  const { file } = build({
    format: 1, features: [{ id: "f_on", code: "on", feature_type: { type: "BOOLEAN" }, status: "ACTIVE" }],
    plans: [{ id: "a", versions: [{ id: "a_1", version: 1, entitlements: [row] }] }], customers: [{ id: "c" }],
    subscriptions: [{ id: "s", customer_id: "c", plan_id: "a", plan_version_id: "a_1", status: "ACTIVE", start_date: "2026-03-01", period: "MONTHLY", billing_day_anchor: 1, current_period_start: "2026-03-01" }],
  }, key, "--at", "2026-01-01");
  let now;
  const mayuse = await MayUse.open(file, { publicKeys: key.public, now: () => now });
  const on = mayuse.prepare("c", "on");
  const answers = [["2026-01-01", mayuse], ["2026-04-01", on], ["2026-02-01", mayuse], ["2026-04-01", mayuse]].map(([day, asked]) => {
    now = Date.parse(day);
    // Usage that is text is not for the memo, but the handle asks for the outlook.
    return asked === on ? on.mayUse("3") : mayuse.mayUse("c", "on");
  });
  assert.deepEqual(answers, [false, true, false, true]);
  mayuse.close();
});

test("a memo remembers a bounded number of customers, each at its second question", () => {
  const memo = new Memo(new Map([["on", 0]]));
  const holdings = [0, 1, 2].map((number) => memo.add(number, [Infinity]));
  const learn = (n) => memo.learn(`cus_${n}`, 16 * n, holdings[n % 3], 2_000, 1_000);
  for (let n = 0; n < 300_000; n++) {
    assert.ok(learn(n)[1] === Infinity && !memo.outlooks.has(`cus_${n}`));
    const outlook = learn(n);
    assert.ok(memo.outlooks.size <= 131_072 && memo.outlooks.get(`cus_${n}`) === outlook);
  }
  assert.equal(memo.outlooks.size, 300_000 % 131_072);
});
