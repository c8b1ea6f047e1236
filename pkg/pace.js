// When a replica looks for a newer manifest. The rules are those of docs/replication.md.

/** The times of the looks of a replica, in milliseconds since 1970. */
export class Pace {
  #refreshMs;
  #quietMs;
  /** Up to a quarter of an added wait, so that isolates do not all come back at the same time. */
  #chance = Math.random() / 4;
  #lookedAt;
  #endedAt;
  #waitMs;
  #nOutages = 0;

  constructor(refreshMs, heartbeatMs) {
    this.#refreshMs = this.#waitMs = refreshMs;
    this.#quietMs = Math.max(2 * refreshMs, heartbeatMs);
  }

  /** Whether a look is due. After a clock that went backward it is. */
  isDue(now) {
    return this.#lookedAt === undefined || now < this.#lookedAt || this.#lookedAt + this.#waitMs <= now;
  }

  /** Whether a look has begun and not ended. */
  get isLooking() {
    return this.#lookedAt !== this.#endedAt;
  }

  /** Whether a question waits for a look: the last one is long ago, or the snapshot, made at that time, is old. */
  isQuiet(now, made) {
    const last = this.#endedAt;
    if (last === undefined) return true;
    return last + this.#waitMs <= now && (made + this.#quietMs <= now || last + this.#quietMs <= now);
  }

  begin(now) {
    this.#lookedAt = now;
  }

  /** Ends a look. While the store fails, looks become rarer, but never rarer than a quiet time. */
  end(began, isOutage) {
    this.#endedAt = began;
    this.#nOutages = isOutage ? this.#nOutages + 1 : 0;
    const grown = Math.min(this.#refreshMs * 2 ** Math.max(0, this.#nOutages - 1), this.#quietMs);
    this.#waitMs = grown - (grown - this.#refreshMs) * this.#chance;
  }

  /** Ends a look that a question did not wait for any longer: the next begins after its answer. */
  postpone(now) {
    this.#endedAt = now;
    this.#lookedAt = undefined;
  }
}
