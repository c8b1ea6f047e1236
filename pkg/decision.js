// A decision, which makes each of its fields when it is read. `src/wasm/answer.rs` writes the numbers.
import { amountAt, behind, instantAt, numberAt, referredAt, textAt } from "./words.js";

// The names, in the order in which the core has them.
const VERDICTS = ["ALLOW", "DENY", "INDETERMINATE"];
const REASONS = [
  "ENABLED", "WITHIN_LIMIT", "UNLIMITED", "WITHIN_GRACE", "OVERAGE_ALLOWED", "CONFIGURED", "FEATURE_NOT_FOUND",
  "FEATURE_DISABLED", "ENTITLEMENT_DISABLED", "NOT_ENTITLED", "LIMIT_REACHED", "REQUESTED_EXCEEDS_REMAINING",
  "INSUFFICIENT_CREDITS", "EXCEEDS_VALUE", "CUSTOMER_NOT_FOUND", "CUSTOMER_ARCHIVED", "NO_ACTIVE_SUBSCRIPTION",
  "SUBSCRIPTION_PENDING", "SUBSCRIPTION_PAUSED", "SUBSCRIPTION_SUSPENDED", "SUBSCRIPTION_ENDED", "TRIAL_EXPIRED",
  "TYPE_MISMATCH", "SNAPSHOT_MISSING", "SNAPSHOT_EXPIRED", "SNAPSHOT_BEHIND", "SNAPSHOT_INVALID", "USAGE_UNAVAILABLE",
  "RESERVATION_UNAVAILABLE",
];
const TYPES = ["BOOLEAN", "METERED", "CREDITS", "CONFIG"];
const SOURCES = ["SNAPSHOT", "CACHE", "EMBEDDED", "ORIGIN", "FALLBACK"];
const LEVELS = ["FEATURE", "PLAN", "PLAN_VERSION", "ADD_ON", "SUBSCRIPTION", "CUSTOMER"];
const PERIODS = ["NEVER", "BILLING_CYCLE", "BILLING_CYCLE", "CALENDAR", "FIXED_WINDOW", "SLIDING_WINDOW"];
const UNITS = ["MINUTE", "HOUR", "DAY", "WEEK", "MONTH", "YEAR"];
const WEEKDAYS = ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"];
const BILLING_MONTH = 2;

// The places of the numbers of an allowance, from its first on.
const [REQUESTED, LIMIT, CONSUMED, RESERVED, REMAINING, FLAGS, GRACE, UNITS_ABOVE, THRESHOLD, PERIOD] = Array(10).keys();
/** Where the optional numbers begin: the value of a CONFIG feature, what is available, the allowance that decided. */
const OPTIONAL = 8;

/** A decision. `JSON.stringify` writes all of its fields; `toJSON` returns them as a plain object. */
export class Decision {
  #words;
  #customer;
  #features;

  /** `customer` is the name in the question; `features` has the features by the numbers that stand for them. */
  constructor(words, customer, features) {
    this.#words = words;
    this.#customer = customer;
    this.#features = features;
  }

  get allowed() {
    return (this.#words[2] & 1) !== 0;
  }

  get decision() {
    return VERDICTS[(this.#words[2] >> 8) & 3];
  }

  get reason() {
    return REASONS[(this.#words[2] >> 10) & 63];
  }

  get retryable() {
    return this.decision === VERDICTS[2];
  }

  get customerId() {
    return textAt(this.#words, this.#behind(0)) ?? this.#customer;
  }

  get subscriptionId() {
    return textAt(this.#words, this.#behind(1));
  }

  get fallback() {
    return this.#words[2] & 2 ? true : undefined;
  }

  get feature() {
    const at = this.#behind(2);
    const known = this.#features.get(this.#words[at]);
    return known ? { ...known } : { id: null, code: textAt(this.#words, at + 1), name: null };
  }

  get type() {
    return TYPES[((this.#words[2] >> 16) & 7) - 1] ?? null;
  }

  get enabled() {
    return (this.#words[2] & 4) !== 0;
  }

  get value() {
    const words = this.#words;
    if (!this.#isConfigured) return undefined;
    switch (words[OPTIONAL]) {
      case 0:
        return { kind: "NUMBER", value: amountAt(words, OPTIONAL + 1) };
      case 1:
        return { kind: "BOOLEAN", value: words[OPTIONAL + 1] === 1 };
      case 2:
        return { kind: "TEXT", value: referredAt(words, OPTIONAL + 1) };
      case 3:
        return { kind: "JSON", value: JSON.parse(referredAt(words, OPTIONAL + 1)) };
    }
  }

  get requested() {
    return this.#amount(REQUESTED);
  }

  get limit() {
    return this.#amount(LIMIT);
  }

  get unlimited() {
    return this.#isMetered ? (this.#words[this.#numbers + FLAGS] & 1) !== 0 : undefined;
  }

  get consumed() {
    return this.#amount(CONSUMED);
  }

  get reserved() {
    return this.#amount(RESERVED);
  }

  get remaining() {
    return this.#amount(REMAINING);
  }

  get overage() {
    return this.#isMetered ? overage(this.#words, this.#numbers) : undefined;
  }

  get warning() {
    return this.#isMetered ? warning(this.#words, this.#numbers) : undefined;
  }

  get period() {
    return this.#isMetered ? period(this.#words, this.#numbers) : undefined;
  }

  get available() {
    return this.#isMetered ? amountAt(this.#words, this.#numbers - 1) : undefined;
  }

  get windows() {
    const words = this.#words;
    let at = this.#windows();
    let left = words[at++];
    if (left === 0) return undefined;
    const list = [];
    for (; 0 < left; left--) {
      const flags = words[at];
      const from = at + 5;
      const owner = numbersEnd(words, from);
      const subscription = originEnd(words, owner);
      list.push({
        type: TYPES[words[at + 1]],
        role: flags & 2 ? "CAP" : "LIMIT",
        allowed: (flags & 1) !== 0,
        reason: REASONS[words[at + 2]],
        ...numbers(words, from),
        ...(words[at + 3] === words[at + 3] && { drawn: amountAt(words, at + 3) }),
        origin: origin(words, owner),
        subscriptionId: textAt(words, subscription),
        startsAt: instantAt(words, at + 4),
      });
      at = behind(words, subscription);
    }
    return list;
  }

  get origin() {
    return origin(this.#words, this.#behind(3));
  }

  get freshness() {
    const words = this.#words;
    const facts = words[2];
    return {
      source: SOURCES[(facts >> 19) & 7],
      snapshotVersion: numberAt(words, 3),
      generatedAt: instantAt(words, 4),
      ageMs: numberAt(words, 5),
      stale: (facts & 8) !== 0,
      usageAsOf: instantAt(words, 6),
      usageExact: facts & 64 ? (facts & 128) !== 0 : null,
    };
  }

  get validUntil() {
    return instantAt(this.#words, 7);
  }

  /** All fields, as a plain object. */
  toJSON() {
    const plain = {};
    for (const name of FIELDS) if (this[name] !== undefined) plain[name] = this[name];
    // Suggestions and the trace.
    return Object.assign(plain, this);
  }

  /** What Node shows of a decision. */
  [Symbol.for("nodejs.util.inspect.custom")]() {
    return this.toJSON();
  }

  get #isMetered() {
    return (this.#words[2] & 16) !== 0;
  }

  get #isConfigured() {
    return (this.#words[2] & 32) !== 0;
  }

  // Where the numbers of the allowance are that decided, behind those that are available.
  get #numbers() {
    return OPTIONAL + 1 + (this.#isConfigured ? 2 : 0);
  }

  #amount(n) {
    return this.#isMetered ? amountAt(this.#words, this.#numbers + n) : undefined;
  }

  // Where the customer is, the subscription, the feature, or the origin, which are 0 to 3.
  #behind(n) {
    const words = this.#words;
    let at = this.#isMetered ? numbersEnd(words, this.#numbers) : this.#numbers - 1;
    for (let text = 0; text < Math.min(n, 2); text++) at = behind(words, at);
    return n < 3 ? at : words[at] >= 0 ? at + 1 : behind(words, at + 1);
  }

  #windows() {
    return originEnd(this.#words, this.#behind(3));
  }
}

// The fields in the order of the wire, which is that of their getters.
const FIELDS = Object.entries(Object.getOwnPropertyDescriptors(Decision.prototype)).flatMap(([name, { get }]) => (get ? [name] : []));

const overage = (words, at) => ({
  behavior: words[at + FLAGS] & 2 ? "ALLOW" : "BLOCK",
  grace: amountAt(words, at + GRACE),
  units: amountAt(words, at + UNITS_ABOVE),
});

function warning(words, at) {
  const thresholdPct = amountAt(words, at + THRESHOLD);
  const flags = words[at + FLAGS];
  return thresholdPct === null ? null : { thresholdPct, reached: flags & 8 ? (flags & 16) !== 0 : null };
}

function period(words, at) {
  const from = at + PERIOD;
  const type = words[from];
  if (!(type >= 0)) return null;
  const weekStart = WEEKDAYS[words[from + 6]];
  const timeZone = referredAt(words, from + 7);
  return {
    type: PERIODS[type],
    ...(type === BILLING_MONTH && { subCycle: "MONTHLY" }),
    unit: UNITS[words[from + 4]] ?? null,
    interval: numberAt(words, from + 5),
    ...(weekStart && { weekStart }),
    ...(timeZone !== null && { timeZone }),
    start: instantAt(words, from + 1),
    end: instantAt(words, from + 2),
    resetAt: instantAt(words, from + 3),
    projected: (words[at + FLAGS] & 4) !== 0,
  };
}

// All numbers of an allowance.
const numbers = (words, at) => ({
  requested: amountAt(words, at + REQUESTED),
  limit: amountAt(words, at + LIMIT),
  unlimited: (words[at + FLAGS] & 1) !== 0,
  consumed: amountAt(words, at + CONSUMED),
  reserved: amountAt(words, at + RESERVED),
  remaining: amountAt(words, at + REMAINING),
  overage: overage(words, at),
  warning: warning(words, at),
  period: period(words, at),
});

const numbersEnd = (words, at) => at + PERIOD + (words[at + PERIOD] >= 0 ? 8 : 1);

function origin(words, at) {
  if (!(words[at] >= 0)) return null;
  const name = behind(words, at + 1);
  const version = words[behind(words, name)];
  const text = textAt(words, name);
  return {
    entityType: LEVELS[words[at]],
    entityId: textAt(words, at + 1),
    name: version >= 0 ? `${text} v${version}` : text,
  };
}

const originEnd = (words, at) => (words[at] >= 0 ? behind(words, behind(words, at + 1)) + 1 : at + 1);
