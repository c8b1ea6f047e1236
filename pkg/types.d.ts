// Questions, decisions and their parts.

/** An exact decimal, such as "10.50". Never a number: numbers are binary fractions. */
export type Decimal = string;
/** An RFC 3339 instant in UTC, such as "2025-06-15T10:30:00Z". */
export type Instant = string;

/** An amount in a question: a decimal as text, or a whole number that is safe. */
export type Amount = Decimal | number;

/**
 * What `npx mayuse types` fills in: the codes of your features, and the values of your CONFIG features. Without it, a
 * feature is any text.
 */
export interface Register {}

/** The code of a feature. Without `npx mayuse types`, an id will do too. */
export type FeatureCode = Register extends { features: infer Code extends string } ? Code : string;

/** What a feature is configured to: its own type where `npx mayuse types` knows it. */
export type ConfigValueOf<Feature extends string> = Register extends { configs: infer Configs }
  ? Feature extends keyof Configs ? Configs[Feature] : never
  : ConfigValue;

/** A question: may this customer use this feature? */
export interface Question<Feature extends string = FeatureCode> {
  /** The customer, by id or alias. */
  customer: string;
  /** The feature, by code or id. */
  feature: Feature;
  /** Ask about this one of the customer's subscriptions alone. */
  subscriptionId?: string;
  /** How much is wanted; "1" if not given. */
  requested?: Amount;
  /** How much was used in the window. Without it a limit cannot be judged. */
  consumed?: Amount;
  /** How much is held for requests that are under way. */
  reserved?: Amount;
  /**
   * How much was used of each allowance. The allowances then add up and are drawn from one after another; `origin` is
   * the id of the row's owner: for a plan version, its id, not the plan's.
   */
  usage?: UsageEntry[];
  /** The instant asked about; now if not given. */
  at?: Instant | Date;
  /** Lists every row that was looked at, and what it changed, in `trace`. */
  explain?: boolean;
  /** Says in `suggestions` what would allow a denied use. */
  suggest?: boolean;
  /** Whether an INDETERMINATE answer allows the use; DENY by default. */
  onIndeterminate?: "ALLOW" | "DENY";
  /** The oldest version of the catalog that may answer. */
  minVersion?: number;
  /** The age in milliseconds from which on the catalog may not answer; 0 is now, which no copy is. */
  maxAgeMs?: number;
}

/** How much was used of an allowance. */
export interface UsageEntry {
  /** The owner of a row of the allowance: a plan version, an add-on, a customer, … */
  origin: string;
  subscriptionId?: string;
  /** The start of the row, where an owner has several. */
  startsAt?: Instant | Date;
  /** The window: that of the limit or of a cap. Without it, all that have no entry of their own. */
  period?: ResetPeriod;
  consumed: Amount;
  reserved?: Amount;
}

/** Everything about all features but the one that is asked about. */
export type CustomerQuestion = Omit<Question, "feature">;

export type AllowReason = "ENABLED" | "WITHIN_LIMIT" | "UNLIMITED" | "WITHIN_GRACE" | "OVERAGE_ALLOWED" | "CONFIGURED";
export type DenyReason =
  | "FEATURE_NOT_FOUND" | "FEATURE_DISABLED" | "ENTITLEMENT_DISABLED" | "NOT_ENTITLED" | "LIMIT_REACHED"
  | "REQUESTED_EXCEEDS_REMAINING" | "INSUFFICIENT_CREDITS" | "CUSTOMER_NOT_FOUND" | "CUSTOMER_ARCHIVED"
  | "NO_ACTIVE_SUBSCRIPTION" | "SUBSCRIPTION_PENDING" | "SUBSCRIPTION_PAUSED" | "SUBSCRIPTION_SUSPENDED"
  | "SUBSCRIPTION_ENDED" | "TRIAL_EXPIRED" | "TYPE_MISMATCH" | "EXCEEDS_VALUE";
export type IndeterminateReason =
  | "SNAPSHOT_MISSING" | "SNAPSHOT_EXPIRED" | "SNAPSHOT_BEHIND" | "SNAPSHOT_INVALID" | "USAGE_UNAVAILABLE"
  | "RESERVATION_UNAVAILABLE";

export type ResetPeriod =
  | { type: "NEVER" }
  /** The billing period; with `subCycle`, the months of it. */
  | { type: "BILLING_CYCLE"; subCycle?: "MONTHLY" }
  | { type: "FIXED_WINDOW" | "SLIDING_WINDOW"; unit: PeriodUnit; interval: number }
  /** Weeks begin on `weekStart`, MONDAY if not given; the clock is that of `timeZone`, an IANA name, UTC if not given. */
  | { type: "CALENDAR"; unit: PeriodUnit; interval: number; weekStart?: Weekday; timeZone?: string };

export type PeriodUnit = "MINUTE" | "HOUR" | "DAY" | "WEEK" | "MONTH" | "YEAR";
export type Weekday = "MONDAY" | "TUESDAY" | "WEDNESDAY" | "THURSDAY" | "FRIDAY" | "SATURDAY" | "SUNDAY";
export type BillingPeriod =
  | "MONTHLY" | "QUARTERLY" | "SEMIANNUAL" | "ANNUAL" | "WEEKLY"
  | { unit: "DAY" | "WEEK" | "MONTH" | "YEAR"; interval: number };

/** A half-open window `[start, end)`. */
export interface WindowBounds {
  start: Instant;
  /** null when it is open. */
  end: Instant | null;
  resetAt: Instant | null;
  /** Whether it was computed beyond the replicated billing period. */
  projected: boolean;
}

export interface Period extends WindowBounds {
  type: ResetPeriod["type"];
  /** Only where the billing period is cut into months. */
  subCycle?: "MONTHLY";
  unit: PeriodUnit | null;
  interval: number | null;
  /** Only where weeks begin on another day than Monday. */
  weekStart?: Weekday;
  /** Only where the clock is not that of UTC. */
  timeZone?: string;
}

export interface Origin {
  entityType: "FEATURE" | "PLAN" | "PLAN_VERSION" | "ADD_ON" | "SUBSCRIPTION" | "CUSTOMER";
  entityId: string;
  name: string | null;
}

/** The numbers of an allowance. Those of the pool, where it is asked in credits. */
export interface Metering {
  requested: Decimal;
  /** null when unlimited. */
  limit: Decimal | null;
  unlimited: boolean;
  /** null when it cannot be had. */
  consumed: Decimal | null;
  reserved: Decimal;
  remaining: Decimal | null;
  overage: { behavior: "BLOCK" | "ALLOW"; grace: Decimal; units: Decimal | null };
  warning: { thresholdPct: Decimal; reached: boolean | null } | null;
  period: Period | null;
}

export interface WindowAnswer extends Metering {
  type: "METERED" | "CREDITS";
  /** Whether it is a limit or one of its caps. */
  role: "LIMIT" | "CAP";
  allowed: boolean;
  reason: AllowReason | DenyReason | IndeterminateReason;
  /** How many are drawn from it, where `usage` is stated and the request is admitted. */
  drawn?: Decimal;
  origin: Origin;
  subscriptionId: string | null;
  /** The start of its row, if it has one. */
  startsAt: Instant | null;
}

/** The value of a CONFIG feature. That of a SELECT is a TEXT, that of a MAP is JSON. */
export type ConfigValue =
  | { kind: "NUMBER"; value: Decimal }
  | { kind: "BOOLEAN"; value: boolean }
  | { kind: "TEXT"; value: string }
  | { kind: "JSON"; value: unknown };

/** A change that, made alone, turns the answer into ALLOW. */
export interface Suggestion {
  type: "ADD_ON" | "QUANTITY" | "PLAN";
  /** The add-on or the plan. */
  id: string;
  name: string;
  /** For QUANTITY: how many more. */
  quantity?: number;
  /** For PLAN: its latest version. */
  versionId?: string;
  reason: AllowReason;
}

interface Answer<Feature extends string> extends Partial<Metering> {
  /** The headline. */
  allowed: boolean;
  customerId: string;
  subscriptionId: string | null;
  /** The fallback plan stood in for a subscription. */
  fallback?: true;
  feature: { id: string | null; code: string; name: string | null };
  type: "BOOLEAN" | "METERED" | "CREDITS" | "CONFIG" | null;
  /** The configured switch alone. */
  enabled: boolean;
  /** What a CONFIG feature is set to. */
  value?: ConfigValueOf<Feature>;
  /** How many would be admitted now, grace included, overage apart; null when nothing bounds them or it cannot be said. */
  available?: Decimal | null;
  /** Every allowance, the one that decided first, each with its caps; only where there is more than one window. */
  windows?: WindowAnswer[];
  /** The entries of `usage` that match no allowance. */
  warnings?: Problem[];
  /** The row that decided. */
  origin: Origin | null;
  freshness: {
    source: "SNAPSHOT" | "CACHE" | "EMBEDDED" | "ORIGIN" | "FALLBACK";
    snapshotVersion: number | null;
    generatedAt: Instant | null;
    ageMs: number | null;
    stale: boolean;
    usageAsOf: Instant | null;
    usageExact: boolean | null;
  };
  /** The earliest instant at which the answer may change by itself. */
  validUntil: Instant | null;
  /** What would allow a denied use, with `suggest`: at most 20 changes, each of which would do alone. */
  suggestions?: Suggestion[];
  suggestionsTruncated?: boolean;
  /** Each row that was looked at, with `explain`. */
  trace?: Record<string, unknown>[];
  /** Where `trace` leaves rows out, or the effect of some. */
  traceTruncated?: true;
}

/** The answer, told apart by `decision`. */
export type Decision<Feature extends string = FeatureCode> =
  | (Answer<Feature> & { decision: "ALLOW"; allowed: true; retryable: false; reason: AllowReason })
  | (Answer<Feature> & { decision: "DENY"; allowed: false; retryable: false; reason: DenyReason })
  | (Answer<Feature> & { decision: "INDETERMINATE"; retryable: true; reason: IndeterminateReason });

export interface Problem {
  code: string;
  /** Where: `add_ons[3].entitlements[0].value.limit`. Empty for the input as a whole. */
  path: string;
  message: string;
}
