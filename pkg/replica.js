// The newest snapshot of a KV namespace, as far as questions need it. The rules are those of docs/replication.md.
//
// The platform cancels what a request waits for when the request ends. So no request waits for the promise of another:
// each reads for itself, and nothing is offered to the engine in one step and accepted in a later one.
import { Border, Need } from "./border.js";
import { engine } from "./engine.js";
import { MayUseError, QuestionError, SnapshotError } from "./errors.js";
import { openFallback } from "./fallback.js";
import { Pace } from "./pace.js";
import { AT_ONCE, Outage, Store, within } from "./store.js";
import { verifier } from "./verify.js";
import { instantAt } from "./words.js";

/** The time limits of one read, of all reads of a request, and of a look that a question waits for. */
const READ_MS = 3_000;
const READS_MS = 6_000;
const LOOK_MS = 500;
/** How many changed shards are read before a manifest is accepted, so that questions need not wait for them. */
const AHEAD = 60;
const MAX_BYTES = 32 * 1024 * 1024;

/** The question that every engine can answer. Without `usage`, what was used is not known. */
function reduced({ usage, explain, suggest, consumed, ...question }) {
  return usage || consumed === undefined ? question : { ...question, consumed };
}

const isTrap = (error) => error instanceof WebAssembly.RuntimeError;

const isObstacle = ({ decision, reason }) => decision === "INDETERMINATE" && reason.startsWith("SNAPSHOT_");

/** What can be asked: of the engine, which gives an answer or a `Need`, and of the origin. */
const CHECK = {
  ask: (border, question, now) => border.check(question, now),
  isObstacle,
  origin: async (origin, questions) =>
    questions.length === 1 ? [await origin.check(questions[0])] : origin.checkMany(questions),
};
const ENTITLEMENTS = {
  ask: (border, question, now) => border.entitlements(question, now),
  isObstacle: (decisions) => decisions.some(isObstacle),
  origin: async (origin, [question]) => [await origin.entitlements(question)],
};

/** What only a customer may call. */
let mayUse, atOnce;

export class Replica {
  #options;
  #store;
  #verify;
  #border;
  #pace;
  #now;
  /** Of the snapshot that is held, if any. */
  #version;
  #made;
  /** The fallback, once it was needed: its border and its version, or nothing if it cannot be used. */
  #fallback;
  #nRefused = 0;
  #nFailed = 0;
  #lastFailure = null;

  constructor(options) {
    const { kv, prefix = "", now = () => Date.now() } = options;
    this.#options = options;
    this.#now = now;
    this.#store = new Store(kv, prefix);
    this.#empty();
  }

  /** The version of the catalog that is held; undefined before the first. */
  get version() {
    return this.#version;
  }

  /** When it was made. */
  get generatedAt() {
    return this.#made === undefined ? undefined : instantAt([this.#made], 0);
  }

  /** The decision on one question: at once where it can be made from memory, else a promise. */
  check(question) {
    const now = this.#now();
    return this.#fromMemory(CHECK, question, now) ?? this.#ask(CHECK, [question], now).then(([decision]) => decision);
  }

  /** The decisions on several questions. */
  checkMany(questions) {
    const now = this.#now();
    const list = Array.from(questions);
    const answers = list.map((question) => this.#fromMemory(CHECK, question, now));
    return answers.includes(undefined) ? this.#ask(CHECK, list, now) : answers;
  }

  /** The decisions on all features for one customer, from one version. */
  entitlements(question) {
    const now = this.#now();
    return this.#fromMemory(ENTITLEMENTS, question, now) ?? this.#ask(ENTITLEMENTS, [question], now).then(([all]) => all);
  }

  /** Waits until a customer is held. What it returns answers at once. */
  async ready(customer) {
    const now = this.#now();
    const anything = { customer, feature: "any" };
    if (this.#fromMemory(CHECK, anything, now) === undefined) {
      await this.#lookFirst(now);
      await this.#read(CHECK, new Map([[0, { question: anything }]]), [], now);
    }
    return new Customer(this, customer);
  }

  /** Looks for a newer snapshot. Returns whether one was accepted. */
  refresh() {
    return this.#look(this.#now());
  }

  /** What is held, what was read, and what went wrong. */
  status() {
    return {
      version: this.#version ?? null, generatedAt: this.generatedAt ?? null, bytes: this.#border.bytes,
      reads: this.#store.nReads, refused: this.#nRefused, failures: this.#nFailed, lastFailure: this.#lastFailure,
    };
  }

  #empty() {
    const { refreshMs = 5_000, heartbeatMs = 60_000, maxBytes = MAX_BYTES } = this.#options;
    this.#border = new Border({ ...this.#options, maxBytes });
    this.#pace = new Pace(refreshMs, heartbeatMs);
    this.#version = this.#made = undefined;
  }

  // The answer from memory, if a question need not wait for anything.
  #fromMemory(kind, question, now) {
    if (this.#version === undefined || this.#pace.isQuiet(now, this.#made)) return undefined;
    if (this.#isForOrigin(question)) return undefined;
    const answer = this.#askEngine(kind, question, now);
    if (answer === undefined || answer instanceof Need || kind.isObstacle(answer)) return undefined;
    if (this.#pace.isDue(now)) this.#lookLater(now);
    return answer;
  }

  #mayUse(customer, feature, consumed) {
    const now = this.#now();
    if (this.#pace.isDue(now)) this.#lookLater(now);
    if (typeof feature === "string" && (consumed === undefined || Number.isSafeInteger(consumed))) {
      try {
        const allowed = this.#border.mayUse(customer, feature, consumed ?? NaN, now);
        if (allowed !== undefined) return allowed;
      } catch (error) {
        this.#mend(error);
      }
    }
    return this.#atOnce(CHECK, { customer, feature, consumed }).allowed;
  }

  // The answer from memory, whatever it is.
  #atOnce(kind, question) {
    const now = this.#now();
    const answer = this.#askEngine(kind, question, now);
    if (this.#pace.isDue(now)) this.#lookLater(now);
    return answer === undefined || answer instanceof Need ? this.#anyhow(kind, this.#border, question, now) : answer;
  }

  // Whether the engine leaves out what a question asks for, so that the origin is asked, if there is one.
  #isForOrigin({ usage, explain, suggest }) {
    return Boolean(this.#options.origin && (usage || ((explain || suggest) && !engine.explains)));
  }

  #askEngine(kind, question, now) {
    try {
      return kind.ask(this.#border, question, now);
    } catch (error) {
      return this.#mend(error);
    }
  }

  // If the engine breaks, which it should not, an empty one takes its place; its memory is lost.
  #mend(error) {
    if (error instanceof MayUseError) throw error;
    this.#report(error);
    this.#empty();
  }

  async #ask(kind, questions, now) {
    const answers = [];
    const open = new Map(questions.map((question, n) => [n, { question }]));
    await this.#lookFirst(now);
    const reasons = await this.#read(kind, open, answers, now);
    if (open.size !== 0) await this.#askOrigin(kind, open, answers);
    const isOld = reasons.some((reason) => reason === "SNAPSHOT_BEHIND" || reason === "SNAPSHOT_EXPIRED");
    if (open.size !== 0 && isOld) await this.#look(this.#now());
    if (open.size !== 0) {
      for (const entry of open.values()) if (this.#isForOrigin(entry.question)) entry.question = reduced(entry.question);
      await this.#read(kind, open, answers, now);
    }
    if (open.size !== 0) {
      const border = await this.#lastResort();
      for (const [n, { question }] of open) answers[n] = this.#anyhow(kind, border, question, now);
    }
    if (this.#pace.isDue(this.#now())) this.#lookLater(this.#now());
    return answers;
  }

  // A look before the answer: if nothing is held, or after a quiet time.
  async #lookFirst(now) {
    if (this.#version === undefined) {
      // Another request may be looking; its promise is not for this one.
      if (this.#pace.isDue(now) || this.#pace.isLooking) await this.#look(now);
    } else if (this.#pace.isQuiet(now, this.#made)) {
      await this.#look(now, LOOK_MS);
    }
  }

  // Answers what it can, and reads the shards that the rest needs. Returns why questions are still open.
  async #read(kind, open, answers, began) {
    for (let round = 0; round < 2 * open.size + 4; round++) {
      const [needs, reasons] = [new Map(), []];
      const answer = (n) => {
        const entry = open.get(n);
        if (this.#isForOrigin(entry.question)) return undefined;
        // In a later version, an alias may be another customer's.
        const customer = entry.version === this.#version ? entry.id : undefined;
        const question = customer ? { ...entry.question, customer } : entry.question;
        const found = this.#askEngine(kind, question, began);
        if (found instanceof Need) {
          if (found.id) Object.assign(entry, { id: found.id, version: this.#version });
          return found;
        }
        if (found !== undefined && !kind.isObstacle(found)) {
          answers[n] = found;
          open.delete(n);
        } else {
          reasons.push(...[found ?? []].flat().map(({ reason }) => reason));
        }
      };
      for (const n of [...open.keys()]) {
        const need = this.#version === undefined ? undefined : answer(n);
        if (need) needs.set(need.hash, [...(needs.get(need.hash) ?? []), n]);
      }
      const left = Math.min(READ_MS, READS_MS - Math.max(0, this.#now() - began));
      if (needs.size === 0 || left <= 0) return reasons;
      try {
        await Promise.all([...needs].slice(0, AT_ONCE).map(async ([hash, waiting]) => {
          const bytes = await this.#store.object(hash, left);
          this.#border.insert({ hash }, bytes);
          // At once, before the next shard takes the place of this one.
          for (const n of waiting) answer(n);
        }));
      } catch (error) {
        if (error instanceof QuestionError) throw error;
        if (isTrap(error)) this.#mend(error);
        else this.#report(error);
        return reasons;
      }
    }
    return [];
  }

  async #askOrigin(kind, open, answers) {
    const { origin } = this.#options;
    if (!origin) return;
    const list = [...open];
    // The origin's isolate has a replica, too, which may be older than this one.
    const newer = ({ question }) => ({ ...question, minVersion: Math.max(question.minVersion ?? 0, this.#version ?? 0) });
    try {
      const found = await within(READ_MS, kind.origin(origin, list.map(([, entry]) => newer(entry))));
      list.forEach(([n], at) => {
        answers[n] = found[at];
        open.delete(n);
      });
    } catch (error) {
      this.#report(error);
    }
  }

  // What answers where neither the store nor the origin can: the fallback, unless what is held is newer.
  async #lastResort() {
    if (this.#options.fallback && this.#fallback === undefined) {
      try {
        this.#verify ??= await verifier(this.#options.publicKeys);
        this.#fallback = await openFallback(this.#options, this.#verify);
      } catch (error) {
        this.#report(error);
        this.#fallback = null;
      }
    }
    const isOlder = this.#fallback && (this.#version ?? 0) <= this.#fallback.version;
    return isOlder ? this.#fallback.border : this.#border;
  }

  #anyhow(kind, border, question, now) {
    const isHeld = border !== this.#border || this.#version !== undefined;
    if (!isHeld && kind === ENTITLEMENTS) return [];
    // Without a snapshot, the policy is the replica's.
    const { onIndeterminate } = this.#options;
    const asked = isHeld || !onIndeterminate ? question : { onIndeterminate, ...question };
    return border.anyhow(() => kind.ask(border, asked, now));
  }

  // Looks when the answer is given.
  #lookLater(now) {
    const looked = this.#look(now);
    try {
      this.#options.waitUntil?.(looked);
    } catch {
      // There is no request whose end could end it.
    }
  }

  // Looks for a newer manifest, and accepts it with its objects. Nothing is thrown.
  async #look(began, ms = READ_MS) {
    this.#pace.begin(began);
    const left = () => (ms === LOOK_MS ? ms - Math.max(0, this.#now() - began) : ms);
    try {
      const accepted = await this.#takeNewer(began, left);
      this.#pace.end(began, false);
      return accepted;
    } catch (error) {
      if (ms === LOOK_MS && left() <= 0) {
        this.#pace.postpone(this.#now());
        return false;
      }
      if (isTrap(error)) this.#mend(error);
      else this.#report(error);
      this.#pace.end(began, error instanceof Outage);
      return false;
    }
  }

  async #takeNewer(began, left) {
    this.#verify ??= await verifier(this.#options.publicKeys);
    const manifest = await this.#store.manifest(left());
    if (!manifest) return false;
    try {
      const { version, generatedAt, key } = this.#border.offer(manifest);
      if (version === this.#version && generatedAt === this.#made) return false;
      const isSigned = await this.#verify(manifest, key);
      const { order, missing } = this.#offer(manifest, isSigned);
      if (order === "older") this.#nRefused += 1;
      if (order !== "newer") return false;
      return this.#accept(manifest, await this.#objects(missing, began, left));
    } catch (error) {
      if (error instanceof SnapshotError && error.code === "SNAPSHOT_INVALID") this.#nRefused += 1;
      throw error;
    }
  }

  // The catalog object and the changed shards that are held, by their hashes.
  async #objects(missing, began, left) {
    const objects = new Map();
    const read = async ({ hash }) => objects.set(hash, await this.#store.object(hash, left()));
    const shards = missing.filter(({ place }) => place !== -1).slice(0, AHEAD);
    await Promise.all(missing.filter(({ place }) => place === -1).map(read));
    for (let at = 0; at < shards.length; at += AT_ONCE) {
      try {
        await Promise.all(shards.slice(at, at + AT_ONCE).map(read));
      } catch (error) {
        // The object may still come, so what is held stays until it is stale. Then one lost object does not block all
        // later versions: the shard is read again when a question needs it.
        if (error instanceof Outage || !this.#border.isStale(began)) throw error;
        this.#report(error);
        break;
      }
    }
    return objects;
  }

  // One step: meanwhile another request may have accepted a manifest.
  #accept(manifest, objects) {
    const { order, missing, version, generatedAt } = this.#offer(manifest, true);
    const needsMore = missing.some(({ place, hash }) => place === -1 && !objects.has(hash));
    if (order !== "newer" || needsMore) return false;
    for (const object of missing) if (objects.has(object.hash)) this.#border.put(object, objects.get(object.hash));
    if (!this.#border.commit()) return false;
    this.#version = version;
    this.#made = generatedAt;
    return true;
  }

  #offer(manifest, isSigned) {
    const { version, generatedAt } = this.#border.offer(manifest);
    return { version, generatedAt, ...this.#border.verify(isSigned, this.#options.audience, false) };
  }

  static {
    mayUse = (replica, customer, feature, consumed) => replica.#mayUse(customer, feature, consumed);
    atOnce = (replica, kind, question) => replica.#atOnce(kind, question);
  }

  #report(error) {
    this.#nFailed += 1;
    this.#lastFailure = String(error?.message ?? error);
    const { onError = (error) => console.error(`mayuse: ${error?.message ?? error}`) } = this.#options;
    onError(error);
  }
}

/** A customer who is held. */
class Customer {
  #replica;
  #customer;

  constructor(replica, customer) {
    this.#replica = replica;
    this.#customer = customer;
  }

  mayUse(feature, consumed) {
    return mayUse(this.#replica, this.#customer, feature, consumed);
  }

  check(question) {
    return atOnce(this.#replica, CHECK, { ...question, customer: this.#customer });
  }

  entitlements(question) {
    return atOnce(this.#replica, ENTITLEMENTS, { ...question, customer: this.#customer });
  }
}
