// A middleware for Hono.
import { judge } from "./http.js";

/** Lets a request pass if its customer may use a feature. The decision is `c.get("entitlement")`. */
export const requireFeature = (options) =>
  async function requireFeature(context, next) {
    const { decision, headers, response } = await judge(options, context);
    context.set("entitlement", decision);
    if (response) return response;
    await next();
    // The headers of a response that switches protocols cannot be changed.
    if (context.res.status < 200) return;
    for (const [name, value] of Object.entries(headers)) context.header(name, value, { append: true });
  };
