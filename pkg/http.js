// What the middlewares share: they ask, and turn a decision into an answer of HTTP.

/** Denials that a purchase or a renewal would change. */
const PAYMENT_REQUIRED = [
  "NOT_ENTITLED", "ENTITLEMENT_DISABLED", "EXCEEDS_VALUE", "NO_ACTIVE_SUBSCRIPTION", "SUBSCRIPTION_PENDING",
  "SUBSCRIPTION_PAUSED", "SUBSCRIPTION_ENDED", "TRIAL_EXPIRED",
];
/** Denials for now: of this much, or until more is there. */
const TOO_MANY_REQUESTS = ["LIMIT_REACHED", "REQUESTED_EXCEEDS_REMAINING", "INSUFFICIENT_CREDITS"];

/** What a customer's id or alias can be. Nobody has any other. */
const NAME = /^[^\p{White_Space}\p{Cc}]{1,128}$/u;

const TITLES = { 402: "Payment Required", 403: "Forbidden", 429: "Too Many Requests", 503: "Service Unavailable" };
const QUOTA_EXCEEDED = "https://iana.org/assignments/http-problem-types#quota-exceeded";

/** The status that says a decision: 200 if the use is allowed. A reason that is not known here is a 403. */
export function statusOf({ allowed, decision, reason }) {
  if (allowed) return 200;
  if (decision === "INDETERMINATE") return 503;
  if (PAYMENT_REQUIRED.includes(reason)) return 402;
  return TOO_MANY_REQUESTS.includes(reason) ? 429 : 403;
}

/** The headers `ratelimit-policy` and `ratelimit` of a decision; none if nothing is limited. */
export function rateLimitHeaders(decision, now = Date.now()) {
  const quotas = quotasOf(decision).filter(({ limit, remaining }) => isText(limit) && isText(remaining));
  if (quotas.length === 0) return {};
  const list = (parameters) => quotas.map((quota) => `"${quota.name}"${parameters(quota)}`).join(", ");
  return {
    "ratelimit-policy": list(({ limit, period }) => `;q=${integer(limit)}${parameter("w", lengthOf(period))}`),
    ratelimit: list(({ remaining, period }) => `;r=${integer(remaining)}${parameter("t", secondsUntil(period?.resetAt, now))}`),
  };
}

/** The answer to a use that is not allowed: a problem of RFC 9457. */
export function refuse(decision, now = Date.now()) {
  const { reason, feature } = decision;
  const status = statusOf(decision);
  const problem = { type: "about:blank", title: TITLES[status], status, decision: decision.decision, reason, feature: feature.code };
  const headers = new Headers({ "content-type": "application/problem+json", "cache-control": "no-store" });
  if (status === 429) {
    const refusing = refusingOf(decision);
    problem.type = QUOTA_EXCEEDED;
    problem["violated-policies"] = refusing.map(({ name }) => name);
    const seconds = retryAfter(decision, refusing, now);
    if (seconds !== undefined) headers.set("retry-after", String(seconds));
  }
  if (decision.suggestions) problem.suggestions = decision.suggestions;
  for (const [name, value] of Object.entries(rateLimitHeaders(decision, now))) headers.set(name, value);
  return new Response(JSON.stringify(problem), { status, headers });
}

/**
 * Asks about a request. Nothing is thrown: after an error the answer is INDETERMINATE, and `onError` gets the error.
 * The answer has a response if the use is not allowed, else the headers for that of the handler.
 */
export async function judge(options, request) {
  const { mayuse, customer, feature, question, onIndeterminate = "DENY", onDeny, onError, now = Date.now } = options;
  const report = (error) => {
    try {
      onError?.(error, request);
    } catch {
      // There is nobody else to tell.
    }
  };
  const of = (value) => (typeof value === "function" ? value(request) : value);
  const asked = { customer: "", feature: "" };
  let decision;
  try {
    asked.feature = await of(feature);
    asked.customer = (await of(customer)) ?? "";
    if (!NAME.test(asked.customer)) {
      decision = unasked(asked, "DENY", "CUSTOMER_NOT_FOUND", false);
    } else {
      const more = await of(question);
      // What can check is no function that gives it, though the methods of another Worker are functions.
      const checker = typeof mayuse?.check === "function" ? mayuse : await mayuse(request);
      decision = await checker.check({ ...(options.onIndeterminate && { onIndeterminate }), ...more, ...asked });
    }
  } catch (error) {
    report(error);
    // What a client wrote into a question must not become a yes, so a question that cannot be read is none.
    const isMistake = error?.name === "QuestionError" || Boolean(error?.path);
    decision = unasked(asked, "INDETERMINATE", "SNAPSHOT_MISSING", onIndeterminate === "ALLOW" && !isMistake);
  }
  if (decision.allowed) return { decision, headers: rateLimitHeaders(decision, now()) };
  try {
    const own = await onDeny?.(decision, request);
    if (own) return { decision, response: own };
  } catch (error) {
    report(error);
  }
  return { decision, response: refuse(decision, now()) };
}

/** A decision that no catalog made. */
function unasked({ customer, feature }, decision, reason, allowed) {
  return {
    allowed, decision, reason, retryable: decision === "INDETERMINATE",
    customerId: String(customer), subscriptionId: null,
    feature: { id: null, code: String(feature), name: null }, type: null, enabled: false, origin: null,
    freshness: {
      source: "FALLBACK", snapshotVersion: null, generatedAt: null, ageMs: null, stale: false, usageAsOf: null, usageExact: null,
    },
    validUntil: null,
  };
}

/** The limit that the decision is about, and its caps. Other allowances are other ways to the feature. */
function quotasOf(decision) {
  const { feature: { code }, windows } = decision;
  const [limit, ...others] = windows ?? [decision];
  const next = others.findIndex(({ role }) => role === "LIMIT");
  const caps = next === -1 ? others : others.slice(0, next);
  const quota = ({ allowed, type, limit, remaining, overage, period }, name) =>
    ({ name, allowed, type, limit, remaining, overage, period });
  return [quota(limit, code), ...caps.map((cap, n) => quota(cap, `${code}.cap-${n + 1}`))];
}

function refusingOf(decision) {
  const quotas = quotasOf(decision);
  const refusing = quotas.filter(({ allowed }) => !allowed);
  return refusing.length === 0 ? quotas.slice(0, 1) : refusing;
}

/** The seconds until all that refuse are reset; undefined if one never is, or if the request is larger than it. */
function retryAfter({ requested }, refusing, now) {
  const canPass = ({ limit, overage, type }) =>
    type === "CREDITS" || !isText(limit) || !isText(requested) || !isMore(requested, limit) || overage?.grace !== "0";
  const seconds = refusing.map((quota) => (canPass(quota) ? secondsUntil(quota.period?.resetAt, now) : undefined));
  return seconds.includes(undefined) ? undefined : Math.max(1, ...seconds);
}

const isText = (value) => typeof value === "string";
const parameter = (name, value) => (value === undefined ? "" : `;${name}=${value}`);

/** A decimal, rounded down to the integers of structured fields, which have at most 15 digits. */
function integer(decimal) {
  const whole = decimal.split(".")[0];
  if (whole.startsWith("-")) return "0";
  return whole.length > 15 ? "9".repeat(15) : whole;
}

/** Whether one decimal, which is not negative, is more than another. */
function isMore(one, other) {
  const [[whole, part = ""], [otherWhole, otherPart = ""]] = [one, other].map((decimal) => decimal.split("."));
  if (whole.length !== otherWhole.length) return whole.length > otherWhole.length;
  return whole === otherWhole ? part.padEnd(28, "0") > otherPart.padEnd(28, "0") : whole > otherWhole;
}

function secondsUntil(instant, now) {
  return instant ? Math.max(0, Math.ceil((Date.parse(instant) - now) / 1000)) : undefined;
}

function lengthOf(period) {
  return period?.end ? Math.max(1, Math.ceil((Date.parse(period.end) - Date.parse(period.start)) / 1000)) : undefined;
}
