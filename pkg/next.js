// For Next: its proxy (or middleware), and route handlers.
import { NextResponse } from "next/server.js";
import { judge } from "./http.js";

const DECISION = "x-mayuse-decision";

/** A proxy that lets a request pass if its customer may use a feature. `decisionOf` reads the decision behind it. */
export const requireFeature = (options) =>
  async function proxy(request) {
    const { decision, headers, response } = await judge(options, request);
    if (response) return response;
    const forwarded = new Headers(request.headers);
    // Headers are Latin-1. A trace may be longer than a header.
    const told = { ...(decision.toJSON?.() ?? decision), trace: undefined };
    forwarded.set(DECISION, encodeURIComponent(JSON.stringify(told)));
    const passed = NextResponse.next({ request: { headers: forwarded } });
    for (const [name, value] of Object.entries(headers)) passed.headers.set(name, value);
    return passed;
  };

/** A route handler for customers who may use a feature. It gets the decision as its third argument. */
export const withFeature = (options, handler) =>
  async function route(request, context) {
    const { decision, headers, response } = await judge(options, request);
    if (response) return response;
    const answer = await handler(request, context, decision);
    const added = Object.entries(headers);
    if (added.length === 0) return answer;
    // The headers of a response that was fetched cannot be changed.
    const copy = new Response(answer.body, answer);
    for (const [name, value] of added) copy.headers.append(name, value);
    return copy;
  };

/** The decision of the proxy that a request passed; undefined if it passed none. */
export function decisionOf(request) {
  const told = (typeof request.get === "function" ? request : request.headers).get(DECISION);
  try {
    return told ? JSON.parse(decodeURIComponent(told)) : undefined;
  } catch {
    return undefined;
  }
}
