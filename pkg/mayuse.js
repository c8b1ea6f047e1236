// What a reader of snapshots offers.
export { ClosedError, DocumentError, MayUseError, QuestionError, SnapshotError } from "./errors.js";
export { MayUse } from "./reader.js";
