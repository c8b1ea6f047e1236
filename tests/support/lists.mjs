// Catalogs with lists and values of the largest size and one step beyond, for every shell.

const DAY = 86_400_000;
/** Midnight of a day, counted from 2020-01-01. */
export const day = (n) => new Date(Date.UTC(2020, 0, 1) + n * DAY).toISOString();
/** The day of the questions. */
export const AT = day(3_000);

const hour = (interval) => ({ type: "FIXED_WINDOW", unit: "HOUR", interval });
const feature = (code, feature_type) => ({ id: `feat_${code}`, code, feature_type, status: "ACTIVE" });
export const row = (code, value, more) => ({ feature: code, value, ...more });
const subscription = (more) => ({
  id: "sub_x", customer_id: "cus_x", plan_id: "plan_x", plan_version_id: "plv_x", status: "ACTIVE", start_date: "2019-01-01",
  period: "MONTHLY", billing_day_anchor: 1, current_period_start: "2025-06-01", ...more,
});

/** A catalog with a switch, a meter and any JSON, a pack, and one customer with one subscription. */
export const catalog = (customer, held) => ({
  format: 1,
  features: [feature("s", { type: "BOOLEAN" }), feature("m", { type: "METERED" }), feature("j", { type: "CONFIG", value_type: "JSON" })],
  plans: [{ id: "plan_x", versions: [{ id: "plv_x", entitlements: [row("s", { type: "BOOLEAN", enabled: true })] }] }],
  add_ons: [{ id: "add_x", entitlements: [row("m", { type: "METERED", limit: "2" })] }],
  customers: [{ id: "cus_x", ...customer }],
  subscriptions: [subscription(held)],
});

/** A row that is there for one day. */
const dayLong = (n) => row("m", { type: "METERED", limit: `${n}` }, { starts_at: day(n), expires_at: day(n + 1) });
const json = (value) => ({ entitlements: [row("j", { type: "CONFIG", value: { kind: "JSON", value } })] });
const capped = (n) => {
  const caps = Array.from({ length: n }, (_, i) => ({ limit: "1", reset_period: hour(i + 1) }));
  return { entitlements: [row("m", { type: "METERED", limit: "1", caps })] };
};
const deep = (n) => (n === 0 ? 1 : [deep(n - 1)]);
const change = (n) => ({ status: n % 2 === 0 ? "PAUSED" : "ACTIVE", at: day(n) });
export const N_ZONES = 30_000;
const zoned = (n) => {
  const period = { type: "CALENDAR", unit: "DAY", interval: 1, time_zone: `Nowhere/${n}` };
  return { id: `c${n}`, entitlements: [row("m", { type: "METERED", limit: "1", reset_period: period })] };
};

/** What is accepted: a catalog, a question about `cus_x`, and what the answer holds. */
export const ACCEPTED = [
  ["10,000 rows in time", catalog({ entitlements: Array.from({ length: 10_000 }, (_, n) => dayLong(n)).reverse() }),
    { feature: "m", consumed: "2999" }, { reason: "WITHIN_LIMIT", limit: "3000", remaining: "1", valid_until: "2028-03-20T00:00:00Z" }],
  ["10,000 packs with starts of their own", catalog({}, { add_ons: Array.from({ length: 10_000 }, (_, n) => ({ add_on_id: "add_x", starts_at: day(n) })) }),
    { feature: "m", consumed: "1" }, { reason: "WITHIN_LIMIT", limit: "2", valid_until: "2028-03-20T00:00:00Z" }],
  ["10,000 changes of a status", catalog({}, { status_changes: Array.from({ length: 10_000 }, (_, n) => change(n)).reverse() }),
    { feature: "s" }, { reason: "SUBSCRIPTION_PAUSED", valid_until: "2028-03-20T00:00:00Z" }],
  ["8 caps", catalog(capped(8)), { feature: "m", consumed: "0" }, { reason: "WITHIN_LIMIT" }],
  ["JSON of 16 KiB", catalog(json(["x".repeat(16 * 1024 - 4)])), { feature: "j" }, { reason: "CONFIGURED" }],
  ["JSON of 32 levels", catalog(json(deep(32))), { feature: "j" }, { reason: "CONFIGURED", value: { kind: "JSON", value: deep(32) } }],
  [`${N_ZONES} time zones that nobody knows`, { ...catalog({}), customers: [{ id: "cus_x" }, ...Array.from({ length: N_ZONES }, (_, n) => zoned(n))] },
    { feature: "s" }, { reason: "ENABLED" }],
];

/** What is refused: a catalog, and the code, the place and the message of the refusal. */
export const REFUSED = [
  ["9 caps", catalog(capped(9)), "TOO_LARGE", "customers[0].entitlements[0].value.caps", "expected at most 8 caps, found 9"],
  ["500 caps", catalog(capped(500)), "TOO_LARGE", "customers[0].entitlements[0].value.caps", "expected at most 8 caps, found 500"],
  ["JSON of more than 16 KiB", catalog(json(["x".repeat(16 * 1024 - 3)])), "TOO_LARGE", "customers[0].entitlements[0].value.value.value", "expected at most 16 KiB"],
  ["JSON of 33 levels", catalog(json(deep(33))), "TOO_LARGE", "customers[0].entitlements[0].value.value.value", "expected at most 32 levels of arrays and objects"],
  ["1,001 options", (() => {
    const document = catalog({});
    const options = Array.from({ length: 1_001 }, (_, n) => `option ${n}`);
    document.features.push(feature("o", { type: "CONFIG", value_type: "SELECT", options }));
    return document;
  })(), "TOO_LARGE", "features[3].feature_type.options", "expected at most 1000 options, found 1001"],
];

/** A question with so many entries of usage. */
export const withUsage = (n) => ({
  customer: "cus_x", feature: "m", at: AT,
  usage: Array.from({ length: n }, (_, i) => ({ origin: "add_x", starts_at: day(i), consumed: "1" })),
});
