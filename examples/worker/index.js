import { createReplica } from "mayuse/cloudflare";
import { refuse } from "mayuse/http";

export default {
  async fetch(request, env) {
    const replica = createReplica({ kv: env.SNAPSHOTS, publicKeys: env.MAYUSE_PUBLIC_KEY, origin: env.MAYUSE });
    const customer = request.headers.get("x-customer") ?? "nobody";
    const decision = await replica.check({ customer, feature: "report_builder" });
    return decision.allowed ? new Response("Your report.") : refuse(decision);
  },
};
