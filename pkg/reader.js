// A verified snapshot that answers questions.
import { Border } from "./border.js";
import { init, initLarger } from "./engine.js";
import { ClosedError, SnapshotError, fault } from "./errors.js";
import { required } from "./parameters.js";
import { bytesOf, eachAtOnce, readerOf, unlessAborted } from "./source.js";
import { hasHash, verifier } from "./verify.js";
import { instantAt } from "./words.js";

/** The options of `MayUse.open`. */
const OPTIONS = "publicKeys, audience, minVersion, maxAgeMs, staleAfterMs, onIndeterminate, explains, signal, now";

export class MayUse {
  #border;
  #source;
  #verify;
  #audience;
  #now;
  #version;
  #generatedAt;
  #listeners = new Set();
  /** The last refresh: the next one waits for it. */
  #refreshed = Promise.resolve();

  /** Only `MayUse.open` makes one. */
  constructor(border, source, verify, { audience, now = () => Date.now() }) {
    if (!(border instanceof Border)) throw new TypeError("MayUse.open opens a snapshot");
    this.#border = border;
    this.#source = source;
    this.#verify = verify;
    this.#audience = audience;
    this.#now = now;
  }

  /** Opens a snapshot. */
  static async open(source, options = {}) {
    for (const name in options) {
      if (!OPTIONS.split(", ").includes(name)) throw new TypeError(`${name}: there is no such option; the options are ${OPTIONS}`);
    }
    const { signal, minVersion = 0, explains } = options;
    signal?.throwIfAborted();
    const reader = readerOf(source);
    // The entry of Node says what hashes before its engine is loaded.
    const loading = explains ? initLarger() : init();
    const [, verify] = await unlessAborted(Promise.all([loading, verifier(options.publicKeys)]), signal);
    const opened = new MayUse(new Border(options), reader, verify, options);
    try {
      if (await opened.#take(signal)) return opened;
      throw fault(SnapshotError, "SNAPSHOT_BEHIND", "", `the snapshot is older than version ${minVersion}`);
    } catch (error) {
      opened.close();
      throw error;
    }
  }

  get version() {
    return this.#version;
  }

  get generatedAt() {
    return instantAt([this.#generatedAt], 0);
  }

  /** Whether a customer may use a feature now. */
  mayUse(customer, feature, consumed) {
    const border = this.#open();
    const now = this.#now();
    if (typeof customer === "string" && typeof feature === "string") {
      if (isPlain(consumed)) {
        const allowed = border.mayUse(customer, feature, consumed ?? NaN, now);
        if (allowed !== undefined) return allowed;
      }
    }
    return border.check({ customer, feature, consumed }, now).allowed;
  }

  /** The decision on one question. */
  check(question) {
    return this.#open().check(question, this.#now());
  }

  /** The decision with its trace: each row that was looked at, and what it changed. */
  explain(question) {
    return this.check({ ...question, explain: true });
  }

  /** The decision with what would allow a denied use. */
  suggest(question) {
    return this.check({ ...question, suggest: true });
  }

  /** The decisions on several questions. */
  checkMany(questions) {
    return Array.from(questions, (question) => this.check(question));
  }

  /** The decisions on all features for one customer. */
  entitlements(question) {
    return this.#open().entitlements(question, this.#now());
  }

  /** A question that is asked often. */
  prepare(customer, feature) {
    return new Handle(this, this.#open(), this.#now, required(customer, "customer"), required(feature, "feature"));
  }

  /** Looks for a newer snapshot. Returns whether one was accepted. */
  async refresh({ signal } = {}) {
    this.#open();
    const before = this.#refreshed;
    const refreshed = (async () => {
      await before;
      return this.#source.isOnce ? false : this.#take(signal);
    })();
    this.#refreshed = refreshed.catch(() => {});
    return unlessAborted(refreshed, signal);
  }

  /** Calls the listener after each accepted snapshot. Returns the function that ends it. */
  onChange(listener) {
    this.#open();
    const each = (change) => listener(change);
    this.#listeners.add(each);
    return () => void this.#listeners.delete(each);
  }

  /** Gives the memory back at once. */
  close() {
    this.#border?.free();
    this.#border = undefined;
    this.#listeners.clear();
  }

  #open() {
    if (!this.#border) throw fault(ClosedError, "CLOSED", "", "the snapshot was closed");
    return this.#border;
  }

  // Reads what the source has, and accepts it if it is newer. All waiting lies before the last step, which is one.
  async #take(signal) {
    const source = this.#source;
    const file = source.file && bytesOf(await unlessAborted(source.file(signal), signal));
    const [from, size] = file ? this.#open().range(file) : [];
    const manifest = file ? file.subarray(from, from + size) : await unlessAborted(source.manifest(signal), signal);
    const { version, generatedAt, key } = this.#open().offer(manifest);
    const isSigned = await unlessAborted(this.#verify(manifest, key), signal);
    const border = this.#open();
    const { order, isWhole, size: all, missing } = border.verify(isSigned, this.#audience);
    if (order !== "newer") return false;
    if (file && !isWhole) throw broken("the snapshot lacks a shard that its writer could not make");
    if (file && file.length !== from + size + all) throw broken("the snapshot file is not as long as its manifest says");
    const read = async (object) => {
      const at = file && from + size + object.at;
      const found = file ? file.subarray(at, at + object.size) : source.object(object.hash, signal);
      return hasHash(await unlessAborted(found, signal), object.hash);
    };
    // Each at once, so that the bytes of a shard need not be held twice until all are there.
    await eachAtOnce(missing, read, (object, bytes) => this.#open().put(object, bytes));
    signal?.throwIfAborted();
    if (!this.#open().commit()) return false;
    const previous = this.#version;
    this.#version = version;
    this.#generatedAt = generatedAt;
    for (const listener of [...this.#listeners]) listener({ version, previous });
    return true;
  }
}

if (Symbol.dispose) MayUse.prototype[Symbol.dispose] = MayUse.prototype.close;

/** Whether usage is not stated, or a number that is exact. Other usage is text, or a mistake, which the engine tells. */
const isPlain = (consumed) => consumed === undefined || Number.isSafeInteger(consumed);

const broken = (message) => fault(SnapshotError, "SNAPSHOT_INVALID", "", message);

/** A customer and a feature, with the bound that held when it was last asked for. */
class Handle {
  #border;
  #now;
  #memo;
  #from;
  #until;
  #bound;
  #mayuse;
  #customer;
  #feature;

  constructor(mayuse, border, now, customer, feature) {
    this.#mayuse = mayuse;
    this.#border = border;
    this.#now = now;
    this.#customer = customer;
    this.#feature = feature;
  }

  mayUse(consumed) {
    const now = this.#now();
    if (this.#memo === this.#border.memo && this.#from <= now && now < this.#until && isPlain(consumed)) {
      const bound = this.#bound;
      if (bound === Infinity || consumed < bound) return true;
      if (bound === -Infinity || consumed >= bound) return false;
    }
    return this.#ask(consumed, now);
  }

  check(question) {
    return this.#mayuse.check({ ...question, customer: this.#customer, feature: this.#feature });
  }

  #ask(consumed, now) {
    const { memo } = this.#border;
    if (memo) {
      const { bound, until } = this.#border.outlook(this.#customer, this.#feature, now);
      [this.#memo, this.#from, this.#until, this.#bound] = [memo, now, until, bound];
    }
    return this.#mayuse.mayUse(this.#customer, this.#feature, consumed);
  }
}
