// The border to the engine. Texts of questions are written into its memory, answers are read from it as numbers:
// a text in JSON would take longer than the decision.
import { Decision } from "./decision.js";
import { engine } from "./engine.js";
import { QuestionError, SnapshotError, fault } from "./errors.js";
import { Memo } from "./memo.js";
import { parametersOf } from "./parameters.js";
import { fieldName } from "./questions.js";
import { behind, textAt } from "./words.js";

// The kinds of answers: see `src/wasm/answer.rs` and `src/wasm/ask.rs`.
const PROBLEM = 1;
const NEEDS = 2;

/** The most UTF-16 code units of all texts of a question. The engine has room for three bytes of each. */
const MOST = 16 * 1024;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The digits of a hash. */
const DIGITS = 64;

/** The parameters of most questions. */
const NOTHING = { onIndeterminate: 0, minVersion: NaN, maxAgeMs: NaN };

/** The number of a holding that is none: only decisions can say. A lower number: the customer is not known. */
const ASK = -1;

// Views of the engine's memory. When the memory grows, they end and are made again.
let bytes = new Uint8Array();
let words = new Float64Array();

function view() {
  if (bytes.length !== 0) return;
  bytes = new Uint8Array(engine.memory.buffer);
  words = new Float64Array(engine.memory.buffer);
}

/** Frees what was not closed. Not every runtime has it. */
const left = globalThis.FinalizationRegistry && new FinalizationRegistry((held) => engine.__wbg_held_free(held, 1));

/** A shard that a question needs and the snapshot does not hold: its `hash`; and the id of the alias that was asked. */
export class Need {
  constructor(answer) {
    this.hash = textAt(answer, 4);
    this.id = textAt(answer, behind(answer, 4));
  }
}

/** A snapshot in the engine. */
export class Border {
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
    this.#held = engine.held_new(maxBytes, minVersion, maxAgeMs, staleAfterMs, onIndeterminate === "DENY", isEmbedded);
    this.#input = engine.held_input(this.#held) >>> 0;
    left?.register(this, this.#held, this);
  }

  /** Where in a file its manifest is: the place and the size. */
  range(file) {
    view();
    const head = file.subarray(0, 32);
    bytes.set(head, this.#input);
    const [, , at, size] = this.#told(engine.held_range(this.#held, head.length));
    return [at, size];
  }

  /** Reads a manifest. Tells its version, its time, and the id of the key that it claims to be signed with. */
  offer(manifest) {
    const told = this.#told(engine.held_offer(this.#held, given(manifest), manifest.length));
    return { version: told[2], generatedAt: told[3], key: textAt(told, 4) };
  }

  /** Takes the outcome of verifying the offered manifest. Tells what is missing; see `src/wasm/held.rs`. */
  verify(isSigned, audience = "", all = true) {
    // The engine would take another value for no audience, and has no room for a longer text.
    if (typeof audience !== "string" || MOST < audience.length) throw new TypeError("audience: expected a short text");
    view();
    const told = this.#told(engine.held_verify(this.#held, isSigned, this.#text(audience, this.#input), all));
    const order = ["newer", "same", "older"][told[2]];
    const missing = [];
    if (order !== "newer") return { order, missing };
    const [address, length] = told.slice(-2);
    const hashes = decoder.decode(bytes.subarray(address, address + length));
    for (let at = 5; at < told.length - 2; at += 3) {
      const digits = missing.length * DIGITS;
      missing.push({ place: told[at], at: told[at + 1], size: told[at + 2], hash: hashes.slice(digits, digits + DIGITS) });
    }
    return { order, isWhole: told[3] === 1, size: told[4], missing };
  }

  /** Takes a missing object, whose hash was compared. */
  put({ place }, object) {
    engine.held_put(this.#held, place, given(object), object.length);
  }

  /** Accepts the verified manifest with the objects that were put. Returns whether it is newer. */
  commit() {
    if (this.#told(engine.held_commit(this.#held))[2] !== 1) return false;
    this.#codes = [];
    this.#features = new Map();
    const features = new Map();
    const told = this.#told(engine.held_features(this.#held));
    for (let at = 2; at < told.length; at++) {
      const [id, code] = [textAt(told, at), textAt(told, (at = behind(told, at)))];
      const name = textAt(told, (at = behind(told, at)));
      at = behind(told, at);
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
    view();
    engine.held_insert(this.#held, this.#text(hash, this.#input), given(shard), shard.length);
  }

  /** What `ask` returns, if questions whose shards are not held are answered as INDETERMINATE. */
  anyhow(ask) {
    engine.held_giveUp(this.#held, true);
    try {
      return ask();
    } finally {
      engine.held_giveUp(this.#held, false);
    }
  }

  /** Whether the snapshot is stale. */
  isStale(now) {
    return engine.held_isStale(this.#held, now) !== 0;
  }

  /** The bytes of the opened shards. */
  get bytes() {
    return engine.held_bytes(this.#held);
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
    if (bytes.length === 0) view();
    const length = this.#text(customer, this.#input);
    const at = engine.held_outlook(this.#held, length, now) >>> 3;
    if (bytes.length === 0) view();
    const number = words[at];
    // Names that nobody has are not remembered, of which there are many.
    if (number < ASK) return memo.ask;
    const [until, place] = [words[at + 1], words[at + 2]];
    const holding = number === ASK ? undefined : (memo.holdings[number] ?? memo.add(number, this.#bounds(length, now)));
    return memo.learn(customer, place, holding, until === until ? until : Infinity, now);
  }

  #bounds(length, now) {
    return this.#told(engine.held_bounds(this.#held, length, now)).slice(2);
  }

  #mayUse(customer, feature, consumed, now) {
    if (MOST < customer.length + feature.length) return undefined;
    if (bytes.length === 0) view();
    const first = this.#text(customer, this.#input);
    const second = this.#text(feature, this.#input + first);
    const found = engine.held_mayUse(this.#held, first, second, consumed, now);
    return found === 2 ? undefined : found === 1;
  }

  /** The decision on a question, or the shard that it needs. */
  check(question, now) {
    const parameters = parametersOf(question);
    return this.#ask(question, required("feature", question.feature), parameters, now);
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

  #ask({ customer, consumed }, feature, { texts, onIndeterminate, minVersion, maxAgeMs } = NOTHING, now) {
    if (bytes.length === 0) view();
    let length = required("customer", customer).length + feature.length;
    if (texts) for (const text of texts) length += text?.length ?? 0;
    if (MOST < length) throw fault(QuestionError, "TOO_LARGE", "", `more than ${MOST} characters`);
    const first = this.#text(customer, this.#input);
    const second = this.#text(feature, this.#input + first);
    if (texts) this.#texts(texts, this.#input + first + second);
    const amount = Number.isSafeInteger(consumed) ? consumed : NaN;
    const hasTexts = texts !== undefined;
    const at = engine.held_check(this.#held, first, second, hasTexts, amount, onIndeterminate, minVersion, maxAgeMs, now);
    if (bytes.length === 0) view();
    const answer = copied(at >>> 3);
    if (answer[1] === PROBLEM) throw new QuestionError([problem(answer)]);
    return answer[1] === NEEDS ? new Need(answer) : new Decision(answer, customer, this.#features);
  }

  /** Gives the memory back. */
  free() {
    this.memo = undefined;
    left?.unregister(this);
    engine.__wbg_held_free(this.#held, 0);
    this.#held = 0;
    // What is being asked has no place any more: a getter of the question may have closed the snapshot.
    this.#input = Infinity;
  }

  #told(address) {
    view();
    const told = copied(address >>> 3);
    if (told[1] === PROBLEM) throw new SnapshotError([{ ...problem(told), code: "SNAPSHOT_INVALID" }]);
    return told;
  }

  // Texts that may be undefined, each after its length and one more.
  #texts(texts, at) {
    for (const text of texts) {
      const length = text === undefined ? 0 : this.#text(text, at + 2) + 1;
      bytes[at] = length & 255;
      bytes[at + 1] = length >> 8;
      at += 2 + Math.max(0, length - 1);
    }
  }

  // Writes a text, and returns its length in bytes. Most texts are short and ASCII.
  #text(text, at) {
    const { length } = text;
    if (64 < length) return encoded(text, at);
    for (let n = 0; n < length; n++) {
      const code = text.charCodeAt(n);
      if (127 < code) return encoded(text, at);
      bytes[at + n] = code;
    }
    return length;
  }
}

// The address of a copy of these bytes, which the engine owns then.
function given(object) {
  const at = engine.__wbindgen_malloc(object.length, 1) >>> 0;
  view();
  bytes.set(object, at);
  return at;
}

function encoded(text, at) {
  // Half a character would become another one.
  if (/\p{Surrogate}/u.test(text)) throw fault(QuestionError, "INVALID", "", "the text has half a character");
  return encoder.encodeInto(text, bytes.subarray(at)).written;
}

function required(name, value) {
  if (typeof value === "string") return value;
  if (value === undefined || value === null) throw fault(QuestionError, "MISSING", name, "a required field is missing");
  throw fault(QuestionError, "WRONG_TYPE", name, `expected a string, found ${typeof value}`);
}

// A copy of an answer: the engine writes the next one over it.
function copied(at) {
  const length = words[at];
  const copy = new Array(length);
  for (let n = 0; n < length; n++) copy[n] = words[at + n];
  return copy;
}

function problem(answer) {
  const path = behind(answer, 2);
  return { code: textAt(answer, 2), path: fieldName(textAt(answer, path)), message: textAt(answer, behind(answer, path)) };
}
