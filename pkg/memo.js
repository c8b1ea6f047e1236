// What customers may use, and until when: a question that is asked again costs two look-ups.
//
// The engine tells the outlook of a customer: the number of its holding, which many customers share, and the instant
// until which it stands. It tells the bounds of a holding, one for each feature. A memo is of one version, and is emptied
// when the clock goes back. Where a bound does not say, the engine decides.

/** The most customers that are remembered. Before there are more, all are forgotten. */
const MOST = 2 ** 17;

const NOTHING = new Float64Array();

export class Memo {
  /** The positions of features by id and code. */
  features;
  /** By customer: the `bounds` that hold, and `until` when. */
  outlooks = new Map();
  /** The latest instant that was asked about: before it, an outlook may not have stood. */
  latest = -Infinity;
  /** Those of each holding that stand for ever, and those that ended last. */
  #forever = [];
  #ending = [];

  constructor(features) {
    this.features = features;
  }

  /** Forgets all customers. */
  forget() {
    this.outlooks = new Map();
    this.#ending = [];
  }

  /** Keeps the outlook of a customer. `holding` is negative if only decisions can say; `boundsOf` tells its bounds. */
  keep(customer, holding, until, boundsOf) {
    if (MOST <= this.outlooks.size) this.forget();
    const outlook = holding < 0 ? ASK : this.#shared(holding, until, boundsOf);
    this.outlooks.set(customer, outlook);
    return outlook;
  }

  // Customers share outlooks, so that the memory of most is a place in the map.
  #shared(holding, until, boundsOf) {
    const forever = (this.#forever[holding] ??= { bounds: boundsOf(), until: Infinity });
    if (until === Infinity) return forever;
    const last = this.#ending[holding];
    if (last?.until === until) return last;
    return (this.#ending[holding] = { bounds: forever.bounds, until });
  }
}

/** Only decisions can say, until the version changes. */
const ASK = { bounds: NOTHING, until: Infinity };
