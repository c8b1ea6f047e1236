import type { CustomerQuestion, Decision, FeatureCode, Question, Suggestion } from "./types.js";

/** Whoever can check: a `MayUse`, a replica, a binding of the deployed Worker, a double of `mayuse/testing`. */
export interface Checker {
  check(question: Question): Decision | Promise<Decision>;
}

/** What a middleware is told. `Context` is what it gets of a request: Hono's context, Next's request. */
export interface GateOptions<Context> {
  /** Who decides, or a function that gives it: `(c) => c.env.MAYUSE`. */
  mayuse: Checker | ((context: Context) => Checker | Promise<Checker>);
  /** The customer of a request, by id or alias. Without one the use is denied: CUSTOMER_NOT_FOUND, with status 403. */
  customer: (context: Context) => string | null | undefined | Promise<string | null | undefined>;
  /** The feature that is needed. */
  feature: FeatureCode | ((context: Context) => FeatureCode | Promise<FeatureCode>);
  /** The rest of the question: `consumed`, `requested`, `minVersion`, … */
  question?: (context: Context) => Partial<Omit<CustomerQuestion, "customer">> | Promise<Partial<Omit<CustomerQuestion, "customer">>>;
  /** Whether a request passes if nobody can decide, which includes an error of the check; DENY by default. */
  onIndeterminate?: "ALLOW" | "DENY";
  /** Another answer to a use that is not allowed: a page that sells the plan. Without one: a problem in JSON. */
  onDeny?: (decision: Decision, context: Context) => Response | undefined | Promise<Response | undefined>;
  /** Is told of every error. None is thrown into the request. */
  onError?: (error: unknown, context: Context) => void;
  /** The clock, in milliseconds since 1970; that of the machine by default. */
  now?: () => number;
}

/** The body of a refusal: a problem of RFC 9457, of the type `application/problem+json`. */
export interface Problem {
  type: string;
  title: string;
  status: 402 | 403 | 429 | 503;
  decision: "DENY" | "INDETERMINATE";
  reason: string;
  feature: string;
  /** With status 429: the names of the policies in `RateLimit-Policy` that refuse. */
  "violated-policies"?: string[];
  /** If the question had `suggest`. */
  suggestions?: Suggestion[];
}

/** 200 for what is allowed, else 402, 403, 429 or 503; the table is in docs/cloudflare.md. */
export function statusOf(decision: Decision): 200 | 402 | 403 | 429 | 503;

/** The answer to a use that is not allowed, with `Retry-After` and the RateLimit headers where there is a limit. */
export function refuse(decision: Decision, now?: number): Response;

/** The headers `ratelimit-policy` and `ratelimit` for an answer to a use that is allowed; none without a limit. */
export function rateLimitHeaders(decision: Decision, now?: number): Record<string, string>;
