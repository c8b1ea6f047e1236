import { Hono } from "hono";
import { createReplica } from "mayuse/cloudflare";
import { requireFeature } from "mayuse/hono";

const mayuse = (c) => createReplica({ kv: c.env.SNAPSHOTS, publicKeys: c.env.MAYUSE_PUBLIC_KEY, origin: c.env.MAYUSE });
const customer = (c) => c.req.header("x-customer");
/** How many calls were made in the period: ask whoever counts them. */
const consumed = async (c) => Number(c.req.header("x-consumed") ?? 0);

const app = new Hono();
app.get("/reports", requireFeature({ mayuse, customer, feature: "report_builder" }), (c) => c.text("Your report."));
app.post(
  "/calls",
  requireFeature({ mayuse, customer, feature: "api_calls", question: async (c) => ({ consumed: await consumed(c) }) }),
  (c) => c.json({ remaining: c.get("entitlement").remaining }),
);
export default app;
