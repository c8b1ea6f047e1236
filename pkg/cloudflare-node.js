// Node has neither the isolates nor the modules of Workers: without this file, the import would end in a syntax error.
// Programs that import a Worker to test it need not ask for a replica.
export { ClosedError, DocumentError, MayUseError, QuestionError, SnapshotError } from "./errors.js";

/** Says what to do instead. */
export function createReplica() {
  throw new Error("createReplica of mayuse/cloudflare is for Workers: elsewhere, open a snapshot with MayUse.open of mayuse");
}
