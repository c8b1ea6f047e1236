// The types of the middlewares, in a program that uses them.
import { Hono } from "hono";
import type { NextRequest } from "next/server";
import { MayUse } from "mayuse";
import { createReplica, type MayUseBinding, type SnapshotStore } from "mayuse/cloudflare";
import { requireFeature, type Checker } from "mayuse/hono";
import { decisionOf, requireFeature as proxied, withFeature } from "mayuse/next";
import { rateLimitHeaders, refuse, statusOf } from "mayuse/http";
import type { Decision } from "mayuse/types";

declare const mayuse: Checker;

const app = new Hono<{ Bindings: { MAYUSE: Checker } }>();
app.get(
  "/:id",
  requireFeature<{ Bindings: { MAYUSE: Checker } }>({
    mayuse: (c) => c.env.MAYUSE,
    customer: async (c) => c.req.header("x-customer"),
    feature: "sso",
    onError: (error) => console.error(error),
  }),
  (c) => {
    const decision: Decision = c.get("entitlement");
    return c.json({ id: c.req.param("id"), reason: decision.reason });
  },
);
app.use("*", requireFeature({ mayuse, customer: (c) => c.req.header("x-customer"), feature: "sso" }));
// @ts-expect-error somebody asks
requireFeature({ mayuse, feature: "sso" });
// @ts-expect-error a question has no such field
requireFeature({ mayuse, customer: () => "acme", feature: "sso", question: () => ({ consumd: 1 }) });

export const proxy = proxied({ mayuse, customer: (request) => request.cookies.get("account")?.value, feature: "sso" });
export const GET = withFeature(
  { mayuse, customer: (request: NextRequest) => request.headers.get("x-customer"), feature: "sso", onIndeterminate: "ALLOW" },
  async (request, context: { params: Promise<{ id: string }> }, decision) => Response.json([(await context.params).id, decision.reason]),
);
const told: Decision | undefined = decisionOf(new Headers());
if (told && !told.allowed) console.log(statusOf(told), refuse(told).status, rateLimitHeaders(told));

// Whoever can check will do: a replica, a binding, a snapshot.
type Bindings = { SNAPSHOTS: SnapshotStore; MAYUSE: MayUseBinding };
const worker = new Hono<{ Bindings: Bindings }>();
const common = { customer: () => "acme", feature: "sso" };
const replicaOf = (env: Bindings) => createReplica({ kv: env.SNAPSHOTS, publicKeys: "", origin: env.MAYUSE });
worker.use("/replica", requireFeature<{ Bindings: Bindings }>({ ...common, mayuse: (c) => replicaOf(c.env) }));
worker.use("/binding", requireFeature<{ Bindings: Bindings }>({ ...common, mayuse: (c) => c.env.MAYUSE }));
worker.use("/snapshot", requireFeature({ ...common, mayuse: () => MayUse.open({ file: "x" }, { publicKeys: "" }) }));
export async function asked(env: Bindings): Promise<boolean> {
  const replica = replicaOf(env);
  const decision: Decision = await replica.check({ customer: "acme", feature: "sso", minVersion: replica.version ?? 0 });
  const acme = await replica.ready("acme");
  // @ts-expect-error it may be a promise
  replica.check({ customer: "acme", feature: "sso" }).allowed;
  return decision.allowed && acme.mayUse("sso") && acme.check({ feature: "api_calls", consumed: 1 }).allowed;
}
