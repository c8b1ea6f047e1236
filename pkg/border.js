// The border to the engine. Texts of questions are written into its memory, answers are read from it as numbers:
// a text in JSON would take longer than the decision.
import { Decision } from "./decision.js";
import { engine } from "./engine.js";
import { QuestionError, SnapshotError, fault } from "./errors.js";
import { Memo } from "./memo.js";
import { copied, given, textIn, view, write, writeAll } from "./memory.js";
import { SUGGESTS, parametersOf, required } from "./parameters.js";
import { fieldName } from "./questions.js";
import { behind, textAt } from "./words.js";

// The kinds of answers: see `src/wasm/answer.rs` and `src/wasm/ask.rs`.
const PROBLEM = 1;
const NEEDS = 2;

/** The most UTF-16 code units of all texts of a question. The engine has room for three bytes of each. */
const MOST = 16 * 1024;

/** The digits of a hash. */
const DIGITS = 64;

/** The parameters of most questions. */
const NOTHING = { parts: 0, onIndeterminate: 0, minVersion: NaN, maxAgeMs: NaN };

/** The number of a holding that is none: only decisions can say. A lower number: the customer is not known. */
const ASK = -1;

/** Frees what was not closed. Not every runtime has it. */
const left = globalThis.FinalizationRegistry && new FinalizationRegistry(([engine, held]) => engine.calls.__wbg_held_free(held, 1));

/** A shard that a question needs and the snapshot does not hold: its `hash`; and the id of the alias that was asked. */
export class Need {
  constructor(answer) {
    this.hash = textAt(answer, 4);
    this.id = textAt(answer, behind(answer, 4));
  }
}

/** A snapshot in the engine. */
export class Border {
  #engine = engine;
  /** The address of the `Held` of `src/wasm/held.rs`; 0 when it is freed. */
  #held;
  #input;
  /** The codes of all features. */
  #codes = [];
  /** The features by the numbers that stand for them in decisions, another table for each version. */
  #features = new Map();
  /** Another one for each version. */
  memo = new Memo(new Map());

  /** A snapshot without a manifest. Its opened shards have at most `maxBytes`; by default, all are kept. */
  constructor({ minVersion = 0, maxAgeMs = NaN, staleAfterMs = NaN, onIndeterminate, maxBytes = NaN, isEmbedded = false }) {
    const { calls } = engine;
    this.#held = calls.held_new(maxBytes, minVersion, maxAgeMs, staleAfterMs, onIndeterminate === "DENY", isEmbedded);
    this.#input = calls.held_input(this.#held) >>> 0;
    left?.register(this, [engine, this.#held], this);
  }

  /** Where in a file its manifest is: the place and the size. */
  range(file) {
    const head = file.subarray(0, 32);
    view(this.#engine);
    this.#engine.bytes.set(head, this.#input);
    const [, , at, size] = this.#told(this.#engine.calls.held_range(this.#held, head.length));
    return [at, size];
  }

  /** Reads a manifest. Tells its version, its time, and the id of the key that it claims to be signed with. */
  offer(manifest) {
    const { calls } = this.#engine;
    const told = this.#told(calls.held_offer(this.#held, given(this.#engine, manifest), manifest.length));
    return { version: told[2], generatedAt: told[3], key: textAt(told, 4) };
  }

  /** Takes the outcome of verifying the offered manifest. Tells what is missing; see `src/wasm/held.rs`. */
  verify(isSigned, audience = "", all = true) {
    // The engine would take another value for no audience, and has no room for a longer text.
    if (typeof audience !== "string" || MOST < audience.length) throw new TypeError("audience: expected a short text");
    const length = this.#write(audience);
    const told = this.#told(this.#engine.calls.held_verify(this.#held, isSigned, length, all));
    const order = ["newer", "same", "older"][told[2]];
    const missing = [];
    if (order !== "newer") return { order, missing };
    const hashes = textIn(this.#engine, ...told.slice(-2));
    for (let at = 5; at < told.length - 2; at += 3) {
      const digits = missing.length * DIGITS;
      missing.push({ place: told[at], at: told[at + 1], size: told[at + 2], hash: hashes.slice(digits, digits + DIGITS) });
    }
    return { order, isWhole: told[3] === 1, size: told[4], missing };
  }

  /** Takes a missing object, whose hash was compared. */
  put({ place }, object) {
    this.#engine.calls.held_put(this.#held, place, given(this.#engine, object), object.length);
  }

  /** Accepts the verified manifest with the objects that were put. Returns whether it is newer. */
  commit() {
    if (this.#told(this.#engine.calls.held_commit(this.#held))[2] !== 1) return false;
    this.#codes = [];
    this.#features = new Map();
    const features = new Map();
    const told = this.#told(this.#engine.calls.held_features(this.#held));
    for (let at = 2; at < told.length; at += 6) {
      const [id, code, name] = [0, 2, 4].map((n) => textIn(this.#engine, told[at + n], told[at + n + 1]));
      this.#features.set(told[at], { id, code, name });
      // An id goes before a code.
      features.set(id, this.#codes.push(code) - 1);
    }
    this.#codes.forEach((code, place) => features.has(code) || features.set(code, place));
    this.memo = new Memo(features);
    return true;
  }

  /** Takes a shard that a question needed. Its hash was compared. */
  insert({ hash }, shard) {
    const length = this.#write(hash);
    this.#engine.calls.held_insert(this.#held, length, given(this.#engine, shard), shard.length);
  }

  /** What `ask` returns, if questions whose shards are not held are answered as INDETERMINATE. */
  anyhow(ask) {
    const { calls } = this.#engine;
    calls.held_giveUp(this.#held, true);
    try {
      return ask();
    } finally {
      calls.held_giveUp(this.#held, false);
    }
  }

  /** Whether the snapshot is stale. */
  isStale(now) {
    return this.#engine.calls.held_isStale(this.#held, now) !== 0;
  }

  /** The bytes of the opened shards. */
  get bytes() {
    return this.#engine.calls.held_bytes(this.#held);
  }

  /** Whether a customer may use a feature; undefined if `check` says more. `consumed` is a safe integer or NaN. */
  mayUse(customer, feature, consumed, now) {
    const memo = this.memo;
    memo.at(now);
    let outlook = memo.outlooks.get(customer);
    if (outlook === undefined || !(now < outlook[0])) outlook = this.#learn(customer, now);
    const bound = outlook[memo.features.get(feature)];
    if (bound === Infinity || consumed < bound) return true;
    if (bound === -Infinity || consumed >= bound) return false;
    return this.#mayUse(customer, feature, consumed, now);
  }

  /** What `mayUse` goes by, to be kept by a handle: a bound, and the instant until which it stands. */
  outlook(customer, feature, now) {
    const memo = this.memo;
    memo.at(now);
    const outlook = this.#learn(customer, now);
    return { bound: outlook[memo.features.get(feature)], until: outlook === memo.ask ? Infinity : memo.until };
  }

  // Asks the engine for the outlook of a customer.
  #learn(customer, now) {
    const memo = this.memo;
    // The second question in a row.
    if (customer === memo.customer && now < memo.until) return memo.keep(now);
    if (MOST < customer.length) return memo.ask;
    const engine = this.#engine;
    const length = this.#write(customer);
    const at = engine.calls.held_outlook(this.#held, length, now) >>> 3;
    view(engine);
    const { words } = engine;
    const number = words[at];
    // Names that nobody has are not remembered, of which there are many.
    if (number < ASK) return memo.ask;
    const [until, place] = [words[at + 1], words[at + 2]];
    const holding = number === ASK ? undefined : (memo.holdings[number] ?? memo.add(number, this.#bounds(length, now)));
    return memo.learn(customer, place, holding, until === until ? until : Infinity, now);
  }

  #bounds(length, now) {
    return this.#told(this.#engine.calls.held_bounds(this.#held, length, now)).slice(2);
  }

  #mayUse(customer, feature, consumed, now) {
    if (MOST < customer.length + feature.length) return undefined;
    const first = this.#write(customer);
    const second = write(this.#engine, feature, this.#input + first);
    const found = this.#engine.calls.held_mayUse(this.#held, first, second, consumed, now);
    return found === 2 ? undefined : found === 1;
  }

  /** The decision on a question, or the shard that it needs. */
  check(question, now) {
    const parameters = parametersOf(question);
    return this.#ask(question, required(question.feature, "feature"), parameters, now);
  }

  /** The decisions on all features for one customer, or the shard that they need. */
  entitlements(question, now) {
    const parameters = parametersOf(question, true);
    const list = [];
    for (const feature of this.#codes) {
      const decision = this.#ask(question, feature, parameters, now);
      if (decision instanceof Need) return decision;
      list.push(decision);
    }
    return list;
  }

  #ask({ customer, consumed }, feature, { parts, texts, onIndeterminate, minVersion, maxAgeMs } = NOTHING, now) {
    const engine = this.#engine;
    let length = required(customer, "customer").length + feature.length;
    if (texts) for (const text of texts) length += text?.length ?? 0;
    if (MOST < length) throw fault(QuestionError, "TOO_LARGE", "", `more than ${MOST} characters`);
    const first = this.#write(customer);
    const second = write(engine, feature, this.#input + first);
    if (texts) writeAll(engine, texts, this.#input + first + second);
    const amount = Number.isSafeInteger(consumed) ? consumed : NaN;
    const at = engine.calls.held_check(this.#held, first, second, parts, amount, onIndeterminate, minVersion, maxAgeMs, now);
    const answer = copied(engine, at);
    if (answer[1] === PROBLEM) throw new QuestionError([problem(answer)]);
    if (answer[1] === NEEDS) return new Need(answer);
    const decision = new Decision(answer, customer, this.#features);
    // At the end of the answer is where suggestions and the trace are, which are JSON: they are long and rare.
    return parts < SUGGESTS ? decision : Object.assign(decision, JSON.parse(textIn(engine, ...answer.slice(-2))));
  }

  /** Gives the memory back. */
  free() {
    this.memo = undefined;
    left?.unregister(this);
    this.#engine.calls.__wbg_held_free(this.#held, 0);
    this.#held = 0;
    // What is being asked has no place any more: a getter of the question may have closed the snapshot.
    this.#input = Infinity;
  }

  #told(address) {
    const told = copied(this.#engine, address);
    if (told[1] === PROBLEM) throw new SnapshotError([{ ...problem(told), code: "SNAPSHOT_INVALID" }]);
    return told;
  }

  // Writes a text at the beginning of the input.
  #write(text) {
    view(this.#engine);
    return write(this.#engine, text, this.#input);
  }
}

function problem(answer) {
  const path = behind(answer, 2);
  return { code: textAt(answer, 2), path: fieldName(textAt(answer, path)), message: textAt(answer, behind(answer, path)) };
}
