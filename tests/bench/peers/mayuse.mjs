// The npm package as further candidates of the benchmark of rivals: the same questions about the same customers.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = process.env.MAYUSE_ROOT;

/** The signed file of the snapshot, and the key. Both are text. */
function encode({ customers }) {
  const folder = mkdtempSync(join(tmpdir(), "mayuse-peers-"));
  const run = (command, args, more) => execFileSync(join(root, "target/release", command), args, { maxBuffer: 1 << 30, ...more });
  const { secret, public: key } = JSON.parse(run("mayuse", ["keygen", "--json"]));
  const input = run("mayuse-generate", [String(customers.length)]);
  const file = join(folder, "file");
  const args = ["build", "-", "-o", join(folder, "snapshot"), "--file", file];
  run("mayuse", args, { input, stdio: ["pipe", "ignore", "inherit"], env: { ...process.env, MAYUSE_SIGNING_KEY: secret } });
  const payload = { rules: key, customers: readFileSync(file, "utf8") };
  rmSync(folder, { recursive: true, force: true });
  return payload;
}

const candidate = (id, label, options, checkOf) => ({
  id, label, kind: "wasm", holds: true, encode,
  importLib: () => import(join(root, "pkg/wasm/node.js")),
  async init({ MayUse }, { rules, customers }) {
    const held = await MayUse.open(Buffer.from(customers), { publicKeys: rules, ...options });
    return { held, ...checkOf(held) };
  },
});

/** What the decision said last, so that no reading of it is left out. */
let last;
const byStrings = (held) => ({ check: (customer, feature, usage) => held.mayUse(customer, feature, usage) });
const read = (held) => ({
  check(customer, feature, consumed) {
    const decision = held.check({ customer, feature, consumed });
    last = [decision.reason, decision.limit, decision.remaining, decision.period?.resetAt];
    return decision.allowed;
  },
  last: () => last,
});
/** Asked with what `prepare` returns. */
const prepared = (held) => ({ prepare: (customer, feature) => held.prepare(customer, feature) });

/** A clock that goes back before every pass over the questions, so that the answers of the last pass are not remembered. */
function asNew() {
  let back = 0;
  const now = () => Date.now() - back;
  const forgetting = (held) => ({ ...byStrings(held), pass: () => void (back += 60_000) });
  return candidate("mayuse-first", "mayuse, mayUse by strings, first time", { now }, forgetting);
}

/** A clock that is read for every 20th question, as by a server that reads it once for each request. */
function perRequest() {
  let [time, asked] = [Date.now(), 0];
  const now = () => (asked++ % 20 === 0 ? (time = Date.now()) : time);
  return candidate("mayuse-clock", "mayuse, again, the clock read once for 20 questions", { now }, byStrings);
}

export const mayuse = [
  asNew(),
  candidate("mayuse", "mayuse, mayUse by strings, again", {}, byStrings),
  perRequest(),
  candidate("mayuse-check", "mayuse, check with reason, limit, remaining and reset read", {}, read),
  candidate("mayuse-handle", "mayuse, prepared handles", {}, prepared),
];
