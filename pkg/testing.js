// For tests: a clock, a catalog in a few lines, and snapshots that say yes or no. They are signed and opened as any other.
import { DocumentError } from "./errors.js";
import { opener } from "./opener.js";
import * as engine from "./wasm/testing.js";

/** A clock that stands still until it is set or advanced. */
export function clock(at = "2026-01-01T00:00:00Z") {
  let now = millis(at);
  const clock = () => now;
  clock.set = (at) => void (now = millis(at));
  clock.advance = (ms) => void (now += ms);
  return clock;
}

function millis(at) {
  const ms = new Date(at).getTime();
  if (Number.isNaN(ms)) throw new RangeError(`\`${at}\` is no instant`);
  return ms;
}

/** A document of plans, `{ plan: { feature: value } }`, and of the customers that have them, `{ customer: plan }`. */
export function catalog(plans, customers = {}) {
  const features = new Map();
  const versions = Object.entries(plans).map(([id, values]) => {
    const entitlements = Object.entries(values).map(([feature, short]) => {
      const value = valueOf(short);
      if (!features.has(feature)) features.set(feature, typeOf(value));
      return { feature, value };
    });
    return { id, name: id, version_id: `${id}_1`, entitlements };
  });
  const held = Object.entries(customers).filter(([, plan]) => plan !== null);
  return {
    format: 1,
    features: Array.from(features, ([code, feature_type]) => ({ id: code, code, name: code, feature_type, status: "ACTIVE" })),
    plans: versions,
    add_ons: [],
    customers: Object.keys(customers).map((id) => ({ id, name: id })),
    subscriptions: held.map(([customer, plan]) => subscription(customer, typeof plan === "string" ? { plan } : plan)),
  };
}

/** A subscription that has always been there, with the fields of a document that are given beside the plan. */
const subscription = (customer, { plan, ...fields }) => ({
  id: `sub_${customer}`, customer_id: customer, plan_id: plan, plan_version_id: `${plan}_1`, status: "ACTIVE",
  start_date: "2000-01-01", activated_at: "2000-01-01T00:00:00Z", period: "MONTHLY", billing_day_anchor: 1,
  current_period_start: "2000-01-01", current_period_end: "2000-02-01", ...fields,
});

/** The value of an entitlement: a switch, a limit that is never reset, or what a document would have. */
function valueOf(short) {
  if (typeof short === "boolean") return { type: "BOOLEAN", enabled: short };
  if (typeof short === "object") return short;
  return { type: "METERED", limit: short === Infinity ? null : String(short), reset_period: { type: "NEVER" } };
}

const typeOf = ({ type, value }) =>
  type === "CONFIG" ? { type, value_type: value.kind } : { type: type === "CREDITS" ? "METERED" : type };

/** Signs a snapshot of a document with a key that nobody else has. */
export function sign(document, { at = Date.now(), version = 1, audience = "" } = {}) {
  const json = typeof document === "string" ? document : JSON.stringify(document);
  const seed = crypto.getRandomValues(new Uint8Array(32));
  const signed = new engine.SignedFile(json, seed, version, millis(at), audience);
  try {
    const problems = JSON.parse(signed.problems);
    if (problems.length > 0) throw new DocumentError(problems);
    return { file: signed.bytes, publicKey: signed.publicKey };
  } finally {
    signed.free();
  }
}

/** A snapshot of a document, opened. */
export async function snapshot(document, { now = Date.now, version, audience, ...options } = {}) {
  const { file, publicKey } = sign(document, { at: now(), version, audience });
  return opener.open(file, { publicKeys: publicKey, now, ...(audience && { audience }), ...options });
}

/** A snapshot in which a customer may use features. */
export const allow = (customer, features, options) =>
  snapshot(catalog({ plan: each(features, true) }, { [customer]: "plan" }), options);

/** A snapshot in which a customer may not use features, for a reason. */
export async function deny(customer, features, { reason = "NOT_ENTITLED", ...options } = {}) {
  if (!Object.hasOwn(DENIALS, reason)) {
    throw new RangeError(`\`${reason}\`: the reasons that can be had are ${Object.keys(DENIALS).join(", ")}`);
  }
  return snapshot(DENIALS[reason](customer, features), options);
}

const each = (features, value) => Object.fromEntries([features].flat().map((feature) => [feature, value]));

const having = (value, has = "plan") => (customer, features) =>
  catalog({ plan: each(features, value), nothing: {} }, { [customer]: has });

/** Changes each element of a list of the document that would allow the use. */
const but = (list, change) => (customer, features) => {
  const document = having(true)(customer, features);
  return { ...document, [list]: document[list].map((element) => ({ ...element, ...change })) };
};

const DENIALS = {
  NOT_ENTITLED: having(true, "nothing"),
  ENTITLEMENT_DISABLED: having(false),
  LIMIT_REACHED: having(0),
  FEATURE_NOT_FOUND: (customer) => catalog({ plan: {} }, { [customer]: "plan" }),
  FEATURE_DISABLED: but("features", { status: "DISABLED" }),
  CUSTOMER_NOT_FOUND: (customer, features) => catalog({ plan: each(features, true) }),
  CUSTOMER_ARCHIVED: but("customers", { archived_at: "2000-01-01T00:00:00Z" }),
  NO_ACTIVE_SUBSCRIPTION: having(true, null),
  SUBSCRIPTION_PENDING: but("subscriptions", { status: "PENDING_ACTIVATION", activated_at: null }),
  SUBSCRIPTION_PAUSED: but("subscriptions", { status: "PAUSED" }),
  SUBSCRIPTION_SUSPENDED: but("subscriptions", { status: "SUSPENDED" }),
  SUBSCRIPTION_ENDED: but("subscriptions", { status: "COMPLETED" }),
  TRIAL_EXPIRED: but("subscriptions", { status: "TRIAL_EXPIRED" }),
};
