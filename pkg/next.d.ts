import type { NextRequest, NextResponse } from "next/server.js";
import type { Decision } from "./types.js";
import type { GateOptions } from "./http.js";

export type { Checker, GateOptions, Problem } from "./http.js";

/**
 * A proxy (`proxy.ts`, or `middleware.ts` at the edge) that lets a request pass if its customer may use a feature. Else
 * it is answered 402, 403, 429 or 503, as `application/problem+json`. It never throws.
 */
export function requireFeature(options: GateOptions<NextRequest>): (request: NextRequest) => Promise<NextResponse | Response>;

/** A route handler for customers who may use a feature; others are answered as by the proxy. */
export function withFeature<R extends Request, C>(
  options: GateOptions<R>,
  handler: (request: R, context: C, decision: Decision) => Response | Promise<Response>,
): (request: R, context: C) => Promise<Response>;

/**
 * The decision of the proxy that a request passed, from its headers (`await headers()`) or the request. A path that the
 * proxy does not match shows what its client wrote.
 */
export function decisionOf(request: { headers: Pick<Headers, "get"> } | Pick<Headers, "get">): Decision | undefined;
