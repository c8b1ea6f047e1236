// Remote procedure calls for other Workers of the account, through a service binding. Only a binding reaches this
// entry point, so no call has a key.
import { WorkerEntrypoint } from "cloudflare:workers";
import { checkBound, fetchBound } from "../../build/index.js";

/** The fields whose names differ between JavaScript and the HTTP API. */
const NAMES = [
  "subscriptionId", "onIndeterminate", "minVersion", "maxAgeMs", "startsAt", "subCycle", "weekStart", "timeZone",
].map((name) => [name, name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)]);
const WIRE_NAMES = new Map(NAMES);
const OWN_NAMES = new Map(NAMES.map(([own, wire]) => [wire, own]));

/**
 * What a service binding with `entrypoint = "Rpc"` calls. Every method on this class can be called by such a binding,
 * so it has no helpers.
 */
export class Rpc extends WorkerEntrypoint {
  /** The decision on one question. */
  async check(question) {
    const asked = toWire(question, "");
    const decision = fromMemory(asked) ?? (await ask(this, "/v1/check", asked));
    return fromWire(decision);
  }

  /** The decisions on up to 1,000 questions. A question that cannot be read fails them all. */
  async checkMany(questions) {
    if (!Array.isArray(questions)) {
      throw failure({ code: "WRONG_TYPE", path: "", message: "expected a list of questions" });
    }
    const asked = questions.map((question, n) => toWire(question, `[${n}]`));
    const { results } = await ask(this, "/v1/check/batch", { questions: asked });
    results.forEach(({ error }, n) => throwIf(error, `[${n}]`));
    return fromWire(results);
  }

  /** The decisions on every feature for one customer. */
  async entitlements(question) {
    const { customer, ...others } = toWire(question, "");
    if (typeof customer !== "string") {
      throw failure({ code: "MISSING", path: "customer", message: "it is missing" });
    }
    const { data } = await ask(this, `/v1/customers/${encodeURIComponent(customer)}/entitlements?${queryOf(others)}`);
    data.forEach(({ error }) => throwIf(error, ""));
    return fromWire(data);
  }
}

/** The decision from the memory of this isolate, or undefined. */
function fromMemory(question) {
  let body;
  try {
    body = checkBound(queryOf(question));
  } catch {
    // The panic is already logged. The next call starts a new instance.
  }
  return body === undefined ? undefined : JSON.parse(body);
}

/** The answer to the same request over HTTP. */
async function ask({ env, ctx }, path, question) {
  const init = question && { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(question) };
  const response = await fetchBound(new Request(`https://mayuse${path}`, init), env, ctx);
  const answer = await response.json();
  throwIf(answer.error, "");
  return answer;
}

function queryOf(question) {
  const text = (value) => (typeof value === "object" ? JSON.stringify(value) : String(value));
  return new URLSearchParams(Object.entries(question).map(([name, value]) => [name, text(value)])).toString();
}

/** A question with the names of the HTTP API. */
function toWire(question, path) {
  if (typeof question !== "object" || question === null || Array.isArray(question)) {
    throw failure({ code: "WRONG_TYPE", path, message: "expected a question" });
  }
  return renamed(question, path);
}

const AMOUNTS = ["requested", "consumed", "reserved"];

/** Fields that are undefined are left out, and amounts become text. */
function renamed(value, path) {
  if (Array.isArray(value)) {
    return value.map((item, n) => renamed(item, `${path}[${n}]`));
  }
  const isJson = typeof value === "number" ? Number.isSafeInteger(value) : ["string", "boolean", "object"].includes(typeof value);
  if (!isJson) {
    const message = `expected JSON with amounts as text, such as "0.5", found ${typeof value === "number" ? value : `a ${typeof value}`}`;
    throw failure({ code: "WRONG_TYPE", path, message });
  }
  if (typeof value !== "object" || value === null) {
    return value;
  }
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  return Object.fromEntries(fields.map(([name, field]) => {
    const at = path === "" ? name : `${path}.${name}`;
    if (OWN_NAMES.has(name)) {
      const message = `there is no such field; the nearest one is \`${OWN_NAMES.get(name)}\``;
      throw failure({ code: "UNKNOWN_FIELD", path: at, message });
    }
    const isAmount = typeof field === "number" && AMOUNTS.includes(name);
    const read = renamed(field, at);
    return [WIRE_NAMES.get(name) ?? name, isAmount ? String(read) : read];
  }));
}

/** An answer with the names of JavaScript. The value of a CONFIG feature is the customer's and stays as it is. */
function fromWire(value) {
  if (Array.isArray(value)) {
    return value.map(fromWire);
  }
  if (typeof value !== "object" || value === null) {
    return value;
  }
  const isConfig = "kind" in value;
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [
    name.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase()),
    isConfig ? field : fromWire(field),
  ]));
}

function throwIf(error, at) {
  if (error) {
    const own = (text) => text.replace(/\w+/g, (word) => OWN_NAMES.get(word) ?? word);
    const path = own(error.path ?? "");
    const joined = at === "" || path === "" || path.startsWith("[") ? at + path : `${at}.${path}`;
    throw failure({ ...error, path: joined, message: own(error.message) });
  }
}

/** An error as the caller gets it: the platform carries the message, `code` and `path`. */
function failure({ code, path, message }) {
  return Object.assign(new Error(path ? `${path}: ${message}` : message), { code, path });
}
