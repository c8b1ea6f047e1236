/// <reference lib="esnext.disposable" />
import type {
  Amount, BillingPeriod, ConfigValue, CustomerQuestion, Decimal, Decision, FeatureCode, Instant, Origin, Problem,
  Question, ResetPeriod, WindowBounds,
} from "./types.js";

export type * from "./types.js";
export * from "./errors.js";

/** A catalog document: `{ format: 1, features, plans, add_ons, customers, subscriptions, ... }`, as on the wire. */
export interface CatalogDocument {
  format: 1;
  [field: string]: unknown;
}

export interface CatalogOptions {
  /** The clock, in milliseconds since 1970; that of the machine by default. */
  now?: () => number;
}

/** A catalog of a document, ready to be asked. Every answer is synchronous. */
export class Catalog {
  /**
   * @param document An object, or JSON of at most 67,108,864 characters.
   * @throws {DocumentError} if the document cannot be used; it lists every problem.
   */
  constructor(document: CatalogDocument | string, options?: CatalogOptions);
  /** Whether a customer may use a feature now. */
  mayUse(customer: string, feature: FeatureCode, consumed?: Amount): boolean;
  check<Feature extends FeatureCode>(question: Question<Feature>): Decision<Feature>;
  /** The decisions on several questions. */
  checkMany(questions: Question[]): Decision[];
  /** The decisions on all features for one customer. */
  entitlements(question: CustomerQuestion): Decision[];
  /** Gives the memory back at once. Questions throw a ClosedError from then on. */
  close(): void;
  [Symbol.dispose](): void;
}

/** Everything that is wrong with a document; nothing if it can be used. */
export function validate(document: CatalogDocument | string): Problem[];

/** The window of a reset period that holds an instant. */
export function window(question: {
  rule: ResetPeriod;
  at: Instant | Date;
  activatedAt?: Instant | Date;
  billing?: {
    period: BillingPeriod;
    /** Not needed for days and weeks. */
    billingDayAnchor?: number;
    /** A date or an instant, as all of these. */
    currentPeriodStart: string | Date;
    currentPeriodEnd?: string | Date | null;
    startDate?: string | Date;
    billingStartDate?: string | Date;
  };
}): WindowBounds;

/** The billing period that holds an instant. */
export function billingPeriod(question: {
  period: BillingPeriod;
  /** Not needed for days and weeks. */
  billingDayAnchor?: number;
  /** A date or an instant. */
  startDate: string | Date;
  at: Instant | Date;
}): WindowBounds;

/** What entitlement rows come to, by a ladder. Both are as in a document. */
export function resolve(question: { ladder: unknown; grants: Record<string, unknown>[] }): {
  absent: boolean;
  enabled: boolean;
  limit: Decimal | null;
  unlimited: boolean;
  resetPeriod: ResetPeriod | null;
  origin: Pick<Origin, "entityType" | "entityId"> | null;
  allowances: {
    limit: Decimal | null;
    resetPeriod: ResetPeriod | null;
    cost?: Decimal;
    caps?: { limit: Decimal; resetPeriod: ResetPeriod }[];
    origin: Pick<Origin, "entityType" | "entityId">;
  }[];
  /** What CONFIG rows come to. */
  value?: ConfigValue;
};

/** What the engine is loaded from. */
export type Engine = WebAssembly.Module | BufferSource | Response | URL | string;

/** Loads the engine, once. Only `mayuse/document/slim` needs it: the other entries load it when they are imported. */
export function init(engine: Engine | { default: WebAssembly.Module } | Promise<Engine | { default: WebAssembly.Module }>): Promise<void>;

/** The same, at once, from a module or its bytes. */
export function initSync(engine: WebAssembly.Module | BufferSource | { default: WebAssembly.Module }): void;
