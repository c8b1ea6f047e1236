/** An exact decimal, such as "10.50". Never a number: numbers are binary fractions. */
export type Decimal = string;
/** An RFC 3339 instant in UTC, such as "2025-06-15T10:30:00Z". */
export type Instant = string;

/** A catalog document: `{ format: 1, features, plans, add_ons, customers, subscriptions, ... }`. */
export interface CatalogDocument {
  format: 1;
  [field: string]: unknown;
}

/** A question: may this customer use this feature? */
export interface Question {
  /** The customer, by id or alias. */
  customer: string;
  /** The feature, by id or code. */
  feature: string;
  /** Ask about this one of the customer's subscriptions alone. */
  subscription_id?: string;
  /** How much is wanted; "1" if not given. */
  requested?: Decimal;
  /** How much was used in the window. Without it a limit cannot be judged. */
  consumed?: Decimal;
  /** How much is held for requests that are under way. */
  reserved?: Decimal;
  /**
   * How much was used of each allowance. The allowances then add up and are drawn from one after another; `origin` is
   * the id of the row's owner: for a plan version, its id, not the plan's.
   */
  usage?: UsageEntry[];
  /** The instant asked about; now if not given. */
  at?: Instant;
  /** Lists every row that was looked at, and what it changed, in `trace`. */
  explain?: boolean;
  /** Says in `suggestions` what would allow a denied use. */
  suggest?: boolean;
  /** Whether an INDETERMINATE answer allows the use; DENY by default. */
  on_indeterminate?: "ALLOW" | "DENY";
  /** The oldest version of the catalog that may answer. */
  min_version?: number;
  /** The age in milliseconds from which on the catalog may not answer; 0 is now, which no copy is. */
  max_age_ms?: number;
}

/** How much was used of an allowance. */
export interface UsageEntry {
  /** The owner of a row of the allowance: a plan version, an add-on, a customer, … */
  origin: string;
  subscription_id?: string;
  /** The start of the row, where an owner has several. */
  starts_at?: Instant;
  /** The window: that of the limit or of a cap. Without it, all that have no entry of their own. */
  period?: ResetPeriod;
  consumed: Decimal;
  reserved?: Decimal;
}

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
  /** The billing period; with `sub_cycle`, the months of it. */
  | { type: "BILLING_CYCLE"; sub_cycle?: "MONTHLY" }
  | { type: "FIXED_WINDOW" | "SLIDING_WINDOW"; unit: PeriodUnit; interval: number }
  /** Weeks begin on `week_start`, MONDAY if not given; the clock is that of `time_zone`, an IANA name, UTC if not given. */
  | { type: "CALENDAR"; unit: PeriodUnit; interval: number; week_start?: Weekday; time_zone?: string };

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
  reset_at: Instant | null;
  /** Whether it was computed beyond the replicated billing period. */
  projected: boolean;
}

export interface Period extends WindowBounds {
  type: ResetPeriod["type"];
  /** Only where the billing period is cut into months. */
  sub_cycle?: "MONTHLY";
  unit: PeriodUnit | null;
  interval: number | null;
  /** Only where weeks begin on another day than Monday. */
  week_start?: Weekday;
  /** Only where the clock is not that of UTC. */
  time_zone?: string;
}

export interface Origin {
  entity_type: "FEATURE" | "PLAN" | "PLAN_VERSION" | "ADD_ON" | "SUBSCRIPTION" | "CUSTOMER";
  entity_id: string;
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
  warning: { threshold_pct: Decimal; reached: boolean | null } | null;
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
  subscription_id: string | null;
  /** The start of its row, if it has one. */
  starts_at: Instant | null;
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
  version_id?: string;
  reason: AllowReason;
}

interface Answer extends Partial<Metering> {
  /** The headline. */
  allowed: boolean;
  customer_id: string;
  subscription_id: string | null;
  /** The fallback plan stood in for a subscription. */
  fallback?: true;
  feature: { id: string | null; code: string; name: string | null };
  type: "BOOLEAN" | "METERED" | "CREDITS" | "CONFIG" | null;
  /** The configured switch alone. */
  enabled: boolean;
  /** What a CONFIG feature is set to. */
  value?: ConfigValue;
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
    snapshot_version: number | null;
    generated_at: Instant | null;
    age_ms: number | null;
    stale: boolean;
    usage_as_of: Instant | null;
    usage_exact: boolean | null;
  };
  /** The earliest instant at which the answer may change by itself. */
  valid_until: Instant | null;
  /** What would allow a denied use, with `suggest`: at most 20 changes, each of which would do alone. */
  suggestions?: Suggestion[];
  suggestions_truncated?: boolean;
  /** Each row that was looked at, with `explain`. */
  trace?: Record<string, unknown>[];
  /** Where `trace` leaves rows out, or the effect of some. */
  trace_truncated?: true;
}

/** The answer, told apart by `decision`. */
export type Decision =
  | (Answer & { decision: "ALLOW"; allowed: true; retryable: false; reason: AllowReason })
  | (Answer & { decision: "DENY"; allowed: false; retryable: false; reason: DenyReason })
  | (Answer & { decision: "INDETERMINATE"; retryable: true; reason: IndeterminateReason });

export interface Problem {
  code: string;
  /** Where: `add_ons[3].entitlements[0].value.limit`. Empty for the input as a whole. */
  path: string;
  message: string;
}

/** A document or question that cannot be read. */
export class MayUseError extends Error {
  readonly code: string;
  readonly path: string;
  readonly problems: Problem[];
}

/** A catalog, ready to be asked. Every answer is synchronous. */
export class MayUse {
  /**
   * @throws {MayUseError} if the document cannot be used; it lists every problem. One of more than 67,108,864
   * characters is TOO_LARGE.
   */
  constructor(catalog: CatalogDocument | string);
  /** Whether a customer may use a feature now. */
  mayUse(customer: string, feature: string): boolean;
  check(question: Question): Decision;
  /** The decisions on all features for one customer. */
  entitlements(question: Omit<Question, "feature">): Decision[];
  /** Gives the memory back at once. */
  free(): void;
}

/** The window of a reset period that holds an instant. */
export function window(question: {
  rule: ResetPeriod;
  at: Instant;
  activated_at?: Instant;
  billing?: {
    period: BillingPeriod;
    /** Not needed for days and weeks. */
    billing_day_anchor?: number;
    /** A date or an instant, as all of these. */
    current_period_start: string;
    current_period_end?: string | null;
    start_date?: string;
    billing_start_date?: string;
  };
}): WindowBounds;

/** The billing period that holds an instant. */
export function billingPeriod(question: {
  period: BillingPeriod;
  /** Not needed for days and weeks. */
  billing_day_anchor?: number;
  /** A date or an instant. */
  start_date: string;
  at: Instant;
}): WindowBounds;

/** What entitlement rows come to, by a ladder. */
export function resolve(question: { ladder: unknown; grants: Record<string, unknown>[] }): {
  absent: boolean;
  enabled: boolean;
  limit: Decimal | null;
  unlimited: boolean;
  reset_period: ResetPeriod | null;
  origin: { entity_type: Origin["entity_type"]; entity_id: string } | null;
  allowances: {
    limit: Decimal | null;
    reset_period: ResetPeriod | null;
    cost?: Decimal;
    caps?: { limit: Decimal; reset_period: ResetPeriod }[];
    origin: { entity_type: Origin["entity_type"]; entity_id: string };
  }[];
  /** What CONFIG rows come to. */
  value?: ConfigValue;
};
