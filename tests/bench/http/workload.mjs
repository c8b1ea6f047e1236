// What is asked in the bench over HTTP: 20 features, 5 plans, 10 add-ons, and customers with a subscription each.
// All of it comes from fixed seeds, so that it is the same on every computer and in every run.

/** Numbers in [0, 1) that look random: mulberry32. */
export function dice(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const SWITCHES = [
  ...["sso", "audit-log", "custom-domain", "api-access", "webhooks", "white-label", "priority-support"],
  ...["advanced-reports", "data-export", "ip-allowlist", "scim", "sandbox", "multi-region", "ai-assist"],
];
const METERS = ["api-calls", "seats", "storage-gb", "projects", "emails", "ai-tokens"];
const FEATURES = [
  ...SWITCHES.map((key) => ({ key, type: "boolean" })),
  ...METERS.map((key) => ({ key, type: "metered", period: "month" })),
];

const PLAN_IDS = ["free", "starter", "team", "business", "enterprise"];
/** How many switches each plan has, and below which number a die means it. */
const N_SWITCHES = [2, 5, 8, 11, 14];
const UP_TO = [0.4, 0.65, 0.85, 0.95, 1];
/** The limit of each plan; null where it does not have the feature. */
const LIMITS = {
  "api-calls": [1e3, 1e4, 1e5, 1e6, 1e7],
  seats: [1, 5, 20, 100, 1000],
  "storage-gb": [1, 10, 100, 1000, 10000],
  projects: [null, 5, 20, 100, 1000],
  emails: [null, 1e3, 1e4, 1e5, 1e6],
  "ai-tokens": [null, null, 1e5, 1e6, 1e7],
};

const PLANS = PLAN_IDS.map((id, at) => {
  const switches = SWITCHES.slice(0, N_SWITCHES[at]).map((key) => [key, true]);
  const limits = METERS.filter((key) => LIMITS[key][at] !== null).map((key) => [key, LIMITS[key][at]]);
  return { id, grants: Object.fromEntries([...switches, ...limits]) };
});

/** Two switches and a limit each. Of limits the highest counts, which every rival can say too. */
const ADD_ONS = Array.from({ length: 10 }, (_, n) => {
  const meter = METERS[n % METERS.length];
  const switches = { [SWITCHES[(n + 4) % 14]]: true, [SWITCHES[(n * 3 + 7) % 14]]: true };
  return { id: `addon-${n}`, grants: { ...switches, [meter]: LIMITS[meter][3] * (n < 6 ? 2 : 5) } };
});

const DAY = 86_400_000;

function customerId(n) {
  const roll = dice(0x9e3779b9 ^ n);
  const digits = Array.from({ length: 6 }, () => Math.floor(roll() * 36).toString(36)).join("");
  return `cus_${digits}${n.toString(36).padStart(4, "0")}`;
}

/** The snapshot, in the form in which the rivals in JavaScript hold it. */
export function snapshot(nCustomers) {
  const roll = dice(42);
  const customers = Array.from({ length: nCustomers }, (_, n) => {
    const weight = roll();
    const plan = PLAN_IDS[UP_TO.findIndex((end) => weight < end)];
    const nAddOns = Math.floor(roll() * 4);
    const addons = [];
    while (addons.length < nAddOns) {
      const addOn = `addon-${Math.floor(roll() * 10)}`;
      if (!addons.includes(addOn)) {
        addons.push(addOn);
      }
    }
    const periodStart = Date.UTC(2026, 0, 1) + Math.floor(roll() * 28) * DAY;
    const status = roll() < 0.95 ? "active" : "canceled";
    return { id: customerId(n), plan, status, addons, periodStart, periodEnd: periodStart + 365 * DAY };
  });
  return { features: FEATURES, plans: PLANS, addons: ADD_ONS, customers };
}

/** The same as a catalog document of mayuse. */
export function catalog({ features, plans, addons, customers }) {
  const isSwitch = (code) => SWITCHES.includes(code);
  const value = (code, grant) =>
    isSwitch(code)
      ? { type: "BOOLEAN", enabled: true }
      : { type: "METERED", limit: String(grant), reset_period: { type: "BILLING_CYCLE" } };
  const rows = (owner, grants) =>
    Object.entries(grants).map(([feature, grant]) => ({ id: `ent_${owner}_${feature}`, feature, value: value(feature, grant) }));
  const date = (ms) => new Date(ms).toISOString().slice(0, 10);
  const subscription = ({ id, plan, status, addons: held, periodStart }) => ({
    id: id.replace("cus_", "sub_"),
    customer_id: id,
    plan_id: plan,
    plan_version_id: `${plan}_1`,
    status: status === "active" ? "ACTIVE" : "CANCELLED",
    start_date: date(periodStart),
    period: "MONTHLY",
    billing_day_anchor: new Date(periodStart).getUTCDate(),
    current_period_start: date(periodStart),
    add_ons: held.map((addOn) => ({ add_on_id: addOn, quantity: 1 })),
  });
  const levels = [
    { level: "PLAN", combine: "REPLACE" },
    { level: "ADD_ON", combine: "MAX" },
  ];
  return {
    format: 1,
    ladder: { levels },
    features: features.map(({ key }) => ({
      id: `feat_${key}`,
      code: key,
      name: key,
      feature_type: { type: isSwitch(key) ? "BOOLEAN" : "METERED" },
      status: "ACTIVE",
    })),
    plans: plans.map(({ id, grants }) => ({
      id,
      name: id,
      entitlements: rows(id, grants),
      versions: [{ id: `${id}_1`, version: 1 }],
    })),
    add_ons: addons.map(({ id, grants }) => ({ id, name: id, entitlements: rows(id, grants) })),
    customers: customers.map(({ id }) => ({ id })),
    subscriptions: customers.map(subscription),
  };
}

/** What is asked, in turn: seven in ten times about a switch, else about a meter and what was used of it. */
export function questions({ customers }, nQuestions) {
  const roll = dice(7);
  return Array.from({ length: nQuestions }, () => {
    const customer = customers[Math.floor(roll() * customers.length)].id;
    if (roll() < 0.7) {
      return { customer, feature: SWITCHES[Math.floor(roll() * SWITCHES.length)], usage: 0 };
    }
    const feature = METERS[Math.floor(roll() * METERS.length)];
    const limits = LIMITS[feature].filter((limit) => limit !== null);
    return { customer, feature, usage: Math.floor(roll() * 1.5 * limits[Math.floor(roll() * limits.length)]) };
  });
}

/** Whether it is allowed, worked out the plain way. */
export function reference({ plans, addons, customers }) {
  const grants = new Map([...plans, ...addons].map((one) => [one.id, one.grants]));
  const byId = new Map(customers.map((customer) => [customer.id, customer]));
  return ({ customer: id, feature, usage }) => {
    const customer = byId.get(id);
    const sources = customer?.status === "active" ? [customer.plan, ...customer.addons] : [];
    const found = sources.map((source) => grants.get(source)[feature]);
    return found.some((grant) => grant === true || usage < grant);
  };
}
