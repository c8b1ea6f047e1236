// What customers may use, and until when: a question that is asked again costs two look-ups.
//
// The engine tells the outlook of a customer: the number of its holding, which many customers share, and the instant
// until which it stands. It tells the bounds of a holding, one for each feature. A memo is of one version, and is emptied
// when the clock goes back. Where a bound does not say, the engine decides.

/** The most customers that are remembered. Before there are more, all are forgotten. */
const MOST = 2 ** 17;

/** The most outlooks of a holding that are kept, each of another end. */
const MOST_ENDS = 8;

export class Memo {
  /** The places of features in outlooks, by id and code. */
  features;
  /** The outlooks of customers: until when it stands, and the bound of each feature. */
  outlooks = new Map();
  /** The latest instant that was asked about: before it, an outlook may not have stood. */
  latest = -Infinity;
  /** Only decisions can say, until the version changes. */
  ask;
  /** By holding: its outlooks, by the instant until which they stand. */
  #holdings = [];

  /** `features` has the position of each feature. */
  constructor(features) {
    this.features = new Map(Array.from(features, ([name, position]) => [name, position + 1]));
    this.ask = new Float64Array(features.size + 1).fill(NaN);
    this.ask[0] = Infinity;
  }

  /** Notes the instant of a question. */
  at(now) {
    if (!(this.latest <= now)) this.forget();
    this.latest = now;
  }

  /** Forgets all customers. */
  forget() {
    this.outlooks = new Map();
  }

  /** Keeps the outlook of a customer. `holding` is negative if only decisions can say; `boundsOf` tells its bounds. */
  keep(customer, holding, until, now, boundsOf) {
    if (MOST <= this.outlooks.size) this.forget();
    const outlook = holding < 0 ? this.ask : this.#shared(holding, earlier(until, now), boundsOf);
    this.outlooks.set(customer, outlook);
    return outlook;
  }

  // Customers share outlooks, so that the memory of most is a place in the map.
  #shared(holding, until, boundsOf) {
    const shared = (this.#holdings[holding] ??= { bounds: boundsOf(), byEnd: new Map() });
    let outlook = shared.byEnd.get(until);
    if (outlook) return outlook;
    if (shared.byEnd.size === MOST_ENDS) shared.byEnd.clear();
    outlook = Float64Array.of(until, ...shared.bounds);
    shared.byEnd.set(until, outlook);
    return outlook;
  }
}

// A rounder instant that lies in the later half of the time until then: an outlook may end earlier than it need, and
// more customers share one.
function earlier(until, now) {
  if (until === Infinity) return until;
  const step = 2 ** (Math.floor(Math.log2(until - now)) - 1);
  return Math.floor(until / step) * step;
}
