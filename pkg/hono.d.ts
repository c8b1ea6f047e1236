import type { Context, Env, MiddlewareHandler } from "hono";
import type { Decision } from "./types.js";
import type { GateOptions } from "./http.js";

export type { Checker, GateOptions, Problem } from "./http.js";

/** What the middleware adds to a context: `c.get("entitlement")`. */
export type EntitlementEnv = { Variables: { entitlement: Decision } };

/**
 * Lets a request pass if its customer may use a feature. Else it is answered 402, 403, 429 or 503, as
 * `application/problem+json`. It never throws.
 */
export function requireFeature<E extends Env = any>(options: GateOptions<Context<E>>): MiddlewareHandler<E & EntitlementEnv>;
