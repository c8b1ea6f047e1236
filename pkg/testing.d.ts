import type { MayUse, OpenOptions } from "./index.js";
import type { CatalogDocument } from "./document.js";
import type { Decimal, DenyReason, Instant } from "./types.js";

/** A clock that stands still: what `now` of `MayUse.open` and of a `Catalog` takes. */
export interface Clock {
  /** The milliseconds since 1970. */
  (): number;
  set(at: Instant | Date | number): void;
  advance(milliseconds: number): void;
}

/** A clock that stands still at an instant, the beginning of 2026 if not given. */
export function clock(at?: Instant | Date | number): Clock;

/**
 * What a plan grants: a switch, a limit that is never reset (`Infinity` is unlimited), or the value of an entitlement as
 * a document has it, such as `{ type: "METERED", limit: "100", reset_period: { type: "BILLING_CYCLE" } }`.
 */
export type PlanValue = boolean | number | Decimal | { type: "BOOLEAN" | "METERED" | "CREDITS" | "CONFIG"; [field: string]: unknown };

/**
 * A plan by its name, fields of the subscription beside the plan, such as `{ plan: "pro", status: "PAUSED" }`, or null for
 * a customer without a subscription.
 */
export type CustomerPlan = string | null | { plan: string; [field: string]: unknown };

/** A catalog document of plans, `{ plan: { feature: value } }`, and of customers, `{ customer: plan }`. */
export function catalog(plans: Record<string, Record<string, PlanValue>>, customers?: Record<string, CustomerPlan>): CatalogDocument & {
  features: Record<string, unknown>[];
  plans: Record<string, unknown>[];
  add_ons: Record<string, unknown>[];
  customers: Record<string, unknown>[];
  subscriptions: Record<string, unknown>[];
};

export interface SignOptions {
  /** When the snapshot was made; now if not given. */
  at?: Instant | Date | number;
  /** The version of the catalog; 1 if not given. */
  version?: number;
  /** The deployment that it is for; none if not given. */
  audience?: string;
}

/**
 * Signs a snapshot of a document with a key that nobody else has. The file is what `MayUse.open` takes.
 * @throws {DocumentError} if the document cannot be used.
 */
export function sign(document: CatalogDocument | string, options?: SignOptions): { file: Uint8Array; publicKey: string };

export interface SnapshotOptions extends Omit<OpenOptions, "publicKeys">, Pick<SignOptions, "version"> {}

/** A snapshot of a document, signed and opened. */
export function snapshot(document: CatalogDocument | string, options?: SnapshotOptions): Promise<MayUse>;

/** A snapshot in which a customer may use features: their switches are on. */
export function allow(customer: string, features: string | string[], options?: SnapshotOptions): Promise<MayUse>;

/** The reasons for which `deny` can deny. */
export type Denial = Extract<DenyReason,
  | "NOT_ENTITLED" | "ENTITLEMENT_DISABLED" | "LIMIT_REACHED" | "FEATURE_NOT_FOUND" | "FEATURE_DISABLED"
  | "CUSTOMER_NOT_FOUND" | "CUSTOMER_ARCHIVED" | "NO_ACTIVE_SUBSCRIPTION" | "SUBSCRIPTION_PENDING" | "SUBSCRIPTION_PAUSED"
  | "SUBSCRIPTION_SUSPENDED" | "SUBSCRIPTION_ENDED" | "TRIAL_EXPIRED">;

/** A snapshot in which a customer may not use features, for a reason: NOT_ENTITLED if not given. */
export function deny(customer: string, features: string | string[], options?: SnapshotOptions & { reason?: Denial }): Promise<MayUse>;
