// What a reader of snapshots offers.
export { ClosedError, DocumentError, MayUseError, QuestionError, SnapshotError } from "./errors.js";
