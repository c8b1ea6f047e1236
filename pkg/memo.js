// What customers may use, and until when: a question that is asked again costs two look-ups.
//
// The engine tells the outlook of a customer: the number of its holding, which many customers share, and the instant
// until which it stands. It tells the bounds of a holding, one for each feature. A memo is of one version, and is emptied
// when the clock goes back. Where a bound does not say, the engine decides.
//
// A customer is remembered at its second question, because growing the map takes a third of a first one.

/** The most customers that are remembered. Before there are more, all are forgotten. */
const MOST = 2 ** 17;

/** The most outlooks of a holding that are kept, each of another end. */
const MOST_ENDS = 8;

/** So many places of records have a mark, of a bit. Places that are a multiple of 16 MB apart share one. */
const MARKS = 2 ** 20;

export class Memo {
  /** The places of features in outlooks, by id and code. */
  features;
  /** The outlooks of customers: until when it stands, and the bound of each feature. */
  outlooks = new Map();
  /** The latest instant that was asked about: before it, an outlook may not have stood. */
  latest = -Infinity;
  /** Only decisions can say, until the version changes. */
  ask;
  /** By number: the bounds of a holding, as an outlook that has ended, and its outlooks by their ends. */
  holdings = [];
  /** The customer that was learnt last, until when its outlook stands, and its holding, if not only decisions can say. */
  customer;
  until;
  #holding;
  /** The marks of customers that were asked about, by the places of their records. */
  #marks;

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
    this.customer = undefined;
    this.#marks?.fill(0);
  }

  /** Adds the holding with a number. */
  add(number, bounds) {
    return (this.holdings[number] = { bounds: Float64Array.of(-Infinity, ...bounds), byEnd: new Map() });
  }

  /** Takes what a customer has, whose record is at a place. Returns its bounds, as an outlook. */
  learn(customer, place, holding, until, now) {
    this.customer = customer;
    this.until = until;
    this.#holding = holding;
    const at = (place / 16) & (MARKS - 1);
    const bit = 1 << (at & 31);
    this.#marks ??= new Int32Array(MARKS / 32);
    if (this.#marks[at >> 5] & bit) return this.keep(now);
    this.#marks[at >> 5] |= bit;
    return holding ? holding.bounds : this.ask;
  }

  /** Remembers the customer that was learnt last. Returns its outlook. */
  keep(now) {
    if (MOST <= this.outlooks.size) this.outlooks = new Map();
    const outlook = this.#holding ? shared(this.#holding, earlier(this.until, now)) : this.ask;
    this.outlooks.set(this.customer, outlook);
    return outlook;
  }
}

// Customers share outlooks, so that the memory of most is a place in the map.
function shared({ bounds, byEnd }, until) {
  let outlook = byEnd.get(until);
  if (outlook) return outlook;
  if (byEnd.size === MOST_ENDS) byEnd.clear();
  outlook = bounds.slice();
  outlook[0] = until;
  byEnd.set(until, outlook);
  return outlook;
}

// A rounder instant that lies in the later half of the time until then: an outlook may end earlier than it need, and
// more customers share one.
function earlier(until, now) {
  if (until === Infinity) return until;
  const step = 2 ** (Math.floor(Math.log2(until - now)) - 1);
  return Math.floor(until / step) * step;
}
