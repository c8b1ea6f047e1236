// Snapshots for tests, made and opened where the tests run.
import { MayUse } from "mayuse";
import { allow, catalog, clock, deny, snapshot } from "mayuse/testing";

export async function answer() {
  const now = clock("2026-11-20T12:00:00Z");
  const question = { customer: "acme", feature: "sso" };
  const snapshots = [allow("acme", "sso"), deny("acme", "sso", { reason: "TRIAL_EXPIRED" }), snapshot(catalog({ pro: { sso: true } }, { acme: "pro" }), { now })];
  const opened = await Promise.all(snapshots);
  return opened.map((snapshot) => [snapshot instanceof MayUse, snapshot.check(question).reason]);
}
