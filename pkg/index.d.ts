/// <reference lib="esnext.disposable" />
import type { Amount, Decision, FeatureCode, Instant, Question } from "./types.js";

export type * from "./types.js";
export * from "./errors.js";

/** The part of a KV namespace that is needed. */
export interface KV {
  get(key: string, type: "arrayBuffer"): Promise<ArrayBuffer | null>;
}

/** Where a snapshot is: the bytes of one file, or a place to read it from, also again when it is refreshed. */
export type Source =
  | Uint8Array | ArrayBuffer | Response | Blob
  /** One file if the address ends in `.snapshot`, else a folder with the manifest and its objects. */
  | { url: string | URL; fetch?: typeof fetch }
  | { kv: KV; prefix?: string }
  /** In Node, Bun and Deno. */
  | { file: string | URL }
  | { folder: string | URL };

export interface OpenOptions {
  /** The keys whose signatures are trusted, in hexadecimal. */
  publicKeys: string | string[];
  /** The deployment that the snapshot must be signed for. */
  audience?: string;
  /** The oldest version that is accepted. */
  minVersion?: number;
  /** The age in milliseconds from which on the snapshot may not answer. */
  maxAgeMs?: number;
  /** The age in milliseconds from which on answers are `stale`. */
  staleAfterMs?: number;
  /**
   * Loads a larger engine, which answers `explain` and `suggest`; the others refuse both. Snapshots that are opened later
   * have it, too. In Deno and Workers, `initSync` takes it from `mayuse/explain.wasm`.
   */
  explains?: boolean;
  /** Whether an INDETERMINATE answer allows the use; as the snapshot says by default. */
  onIndeterminate?: "ALLOW" | "DENY";
  /** Ends the opening with the signal's reason. */
  signal?: AbortSignal;
  /** The clock, in milliseconds since 1970; that of the machine by default. */
  now?: () => number;
}

/**
 * A question to a snapshot. `usage` is for `mayuse/document`: readers leave it out, to be a small download, and refuse it
 * by name. So they do with `explain` and `suggest`, unless the snapshot was opened with `explains`.
 */
export type SnapshotQuestion<Feature extends string = FeatureCode> = Omit<Question<Feature>, "usage">;

/**
 * A decision, whose fields are made when they are read. They are not its own properties: `toJSON()` returns a plain
 * object with all of them, to spread, to clone or to keep, and `JSON.stringify` calls it.
 */
export type SnapshotDecision<Feature extends string = FeatureCode> = Decision<Feature> & { toJSON(): Decision<Feature> };

/** A verified snapshot. Every answer is synchronous. */
export class MayUse {
  private constructor();
  /**
   * @throws {SnapshotError} if the snapshot is damaged, unsigned, for another audience, or older than `minVersion`.
   * @throws {TypeError} if the source is of no known kind, an option is unknown, or there is no key.
   */
  static open(source: Source, options: OpenOptions): Promise<MayUse>;
  /** The version of the catalog. */
  readonly version: number;
  /** When the snapshot was made. */
  readonly generatedAt: Instant;
  /** Whether a customer may use a feature now: the fastest way to ask. */
  mayUse(customer: string, feature: FeatureCode, consumed?: Amount): boolean;
  check<Feature extends FeatureCode>(question: SnapshotQuestion<Feature>): SnapshotDecision<Feature>;
  /** The decision with its `trace`: `check` with `explain`. */
  explain<Feature extends FeatureCode>(question: SnapshotQuestion<Feature>): SnapshotDecision<Feature>;
  /** The decision with `suggestions`, if a purchase may turn its denial: `check` with `suggest`. */
  suggest<Feature extends FeatureCode>(question: SnapshotQuestion<Feature>): SnapshotDecision<Feature>;
  /** The decisions on several questions. */
  checkMany(questions: Iterable<SnapshotQuestion>): SnapshotDecision[];
  /** The decisions on all features for one customer. */
  entitlements(question: Omit<SnapshotQuestion, "feature">): SnapshotDecision[];
  /**
   * A question that is asked often, looked up once.
   * @throws {QuestionError} if the customer or the feature is not a string.
   */
  prepare<Feature extends FeatureCode>(customer: string, feature: Feature): Handle<Feature>;
  /**
   * Looks for a newer snapshot, and reads what changed. Returns whether one was accepted; an older one never is. Bytes,
   * blobs and responses have nothing newer.
   */
  refresh(options?: { signal?: AbortSignal }): Promise<boolean>;
  /** Calls the listener after each accepted snapshot. Returns the function that ends it. */
  onChange(listener: (change: { version: number; previous: number }) => void): () => void;
  /** Gives the memory back at once. Questions throw a ClosedError from then on. */
  close(): void;
  [Symbol.dispose](): void;
}

/** A customer and a feature, looked up. */
export interface Handle<Feature extends string = FeatureCode> {
  mayUse(consumed?: Amount): boolean;
  check(question?: Omit<SnapshotQuestion, "customer" | "feature">): SnapshotDecision<Feature>;
}

/** What the engine is loaded from. */
export type Engine = WebAssembly.Module | BufferSource | Response | URL | string;

/**
 * Loads the engine, once. Only `mayuse/slim` needs it: the other entries know where their engine is, and load it when a
 * snapshot is opened.
 */
export function init(engine?: Engine | { default: WebAssembly.Module } | Promise<Engine | { default: WebAssembly.Module }>): Promise<void>;

/** The same, at once, from a module or its bytes. */
export function initSync(engine: WebAssembly.Module | BufferSource | { default: WebAssembly.Module }): void;
