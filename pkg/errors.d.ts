import type { Problem } from "./types.js";

/** What cannot be read or used. */
export class MayUseError extends Error {
  /** Of the first problem. */
  readonly code: string;
  /** Of the first problem. */
  readonly path: string;
  /** Everything that is wrong. */
  readonly problems: Problem[];
}

/** A catalog document that cannot be used. */
export class DocumentError extends MayUseError {}

/** A malformed question: a mistake in the program that asks. */
export class QuestionError extends MayUseError {}

/** A snapshot that is damaged, unsigned, for another audience, or older than the accepted one. */
export class SnapshotError extends MayUseError {}

/** A question to something that was closed. */
export class ClosedError extends MayUseError {}
