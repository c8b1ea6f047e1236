import type { Amount, CustomerQuestion, Decision, FeatureCode, Instant, Question } from "./types.js";

export type * from "./types.js";
export * from "./errors.js";

/** The part of a KV namespace that is needed. */
export interface SnapshotStore {
  get(key: string, options: { type: "arrayBuffer"; cacheTtl?: number }): Promise<ArrayBuffer | null>;
}

/**
 * The entry point `Rpc` of the deployed Worker, as a service binding has it. Declare it in your `Env`:
 * `MAYUSE: MayUseBinding`.
 */
export interface MayUseBinding {
  /** The decision on one question. A question that cannot be read is thrown. */
  check<Feature extends FeatureCode>(question: Question<Feature>): Promise<Decision<Feature>>;
  /** The decisions on up to 1,000 questions. */
  checkMany(questions: Question[]): Promise<Decision[]>;
  /** The decisions on all features for one customer. */
  entitlements(question: CustomerQuestion): Promise<Decision[]>;
}

export interface ReplicaOptions {
  /** The KV namespace that the deployed Worker publishes to. */
  kv: SnapshotStore;
  /** What the keys in it begin with. */
  prefix?: string;
  /** The keys whose signatures are trusted, in hexadecimal. */
  publicKeys: string | string[];
  /** The deployment that snapshots must be signed for; any by default. */
  audience?: string;
  /** The binding that answers what the replica cannot. */
  origin?: MayUseBinding;
  /** A snapshot in the bundle, which answers where neither the store nor the origin does. */
  fallback?: ArrayBuffer | Uint8Array;
  /** The oldest version that is accepted. */
  minVersion?: number;
  /** The age in milliseconds from which on the snapshot may not answer; as the snapshot says by default. */
  maxAgeMs?: number;
  /** The age in milliseconds from which on answers are `stale`; as the snapshot says by default. */
  staleAfterMs?: number;
  /** Whether an INDETERMINATE answer allows the use; as the snapshot says by default, whose DENY always holds. */
  onIndeterminate?: "ALLOW" | "DENY";
  /** The time between two looks for a newer version, in milliseconds; 5,000 by default. */
  refreshMs?: number;
  /** How often the deployed Worker publishes although nothing changed, in milliseconds; 60,000 by default. */
  heartbeatMs?: number;
  /** The most bytes of customers that are held; 32 MiB by default. */
  maxBytes?: number;
  /** Is told of reads that fail, refused manifests and the like; `console.error` by default. */
  onError?: (error: unknown) => void;
  /** The clock, in milliseconds since 1970; that of the machine by default. */
  now?: () => number;
}

/**
 * The replica of this isolate. Every request that calls this with the same namespace and options gets the same one;
 * `origin`, `fallback`, `onError` and `now` are those of the first call.
 */
export function createReplica(options: ReplicaOptions): Replica;

/**
 * The newest snapshot, as far as questions need it. An answer from memory is a value, and `await` returns it at once; the
 * first question about a shard of customers, and one that memory may not answer, is a promise.
 */
export interface Replica {
  /** The version of the catalog that is held; undefined before the first. */
  readonly version: number | undefined;
  readonly generatedAt: Instant | undefined;
  check<Feature extends FeatureCode>(question: Question<Feature>): Decision<Feature> | Promise<Decision<Feature>>;
  checkMany(questions: Iterable<Question>): Decision[] | Promise<Decision[]>;
  entitlements(question: CustomerQuestion): Decision[] | Promise<Decision[]>;
  /** Reads what answers about a customer need. What it returns does not wait any more; it is for one request. */
  ready(customer: string): Promise<ReadyCustomer>;
  /** Looks for a newer version. Returns whether one was accepted; an older one never is. */
  refresh(): Promise<boolean>;
  status(): ReplicaStatus;
}

/**
 * A customer who is held: a check is a function call. What cannot be answered from memory is INDETERMINATE, because
 * nobody else is asked.
 */
export interface ReadyCustomer {
  mayUse(feature: FeatureCode, consumed?: Amount): boolean;
  check<Feature extends FeatureCode>(question: Omit<Question<Feature>, "customer">): Decision<Feature>;
  entitlements(question?: Omit<CustomerQuestion, "customer">): Decision[];
}

export interface ReplicaStatus {
  version: number | null;
  generatedAt: Instant | null;
  /** Of the customers that are held. */
  bytes: number;
  /** How often the store was read. */
  reads: number;
  /** How many manifests were refused. */
  refused: number;
  failures: number;
  lastFailure: string | null;
}
