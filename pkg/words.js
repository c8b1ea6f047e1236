// Answers of the engine are numbers: see `src/wasm/words.rs`.

const decoder = new TextDecoder();

/** The text at a place: its length in bytes, then six bytes in each number. null for NaN. */
export function textAt(words, at) {
  const length = words[at];
  if (!(length >= 0)) return null;
  const bytes = new Uint8Array(Math.ceil(length / 6) * 6);
  for (let n = 0; n < length; n += 6) {
    const word = words[++at];
    const low = word % 2 ** 24;
    const high = (word - low) / 2 ** 24;
    bytes.set([low, low >> 8, low >> 16, high, high >> 8, high >> 16], n);
  }
  return decoder.decode(bytes.subarray(0, length));
}

/** The place behind the text at a place. */
export const behind = (words, at) => at + 1 + (words[at] >= 0 ? Math.ceil(words[at] / 6) : 0);

/** An amount in digits: itself if it is a whole number, else the text at the place before the half; null for NaN. */
export function amountAt(words, at) {
  const word = words[at];
  return Number.isInteger(word) ? String(word) : word >= 0 ? textAt(words, Math.floor(word)) : null;
}

/** The text behind the answer whose place stands here; null for NaN. */
export const referredAt = (words, at) => (words[at] >= 0 ? textAt(words, Math.floor(words[at])) : null);

/** Texts of instants: few windows are those of many customers. */
const known = new Map();
const MOST_KNOWN = 512;

/** An instant as the wire writes it: milliseconds only where there are some. */
export function instantAt(words, at) {
  const ms = words[at];
  if (!(ms === ms)) return null;
  const text = known.get(ms);
  if (text !== undefined) return text;
  if (known.size === MOST_KNOWN) known.clear();
  const whole = new Date(ms).toISOString();
  const written = ms % 1000 === 0 ? `${whole.slice(0, 19)}Z` : whole;
  known.set(ms, written);
  return written;
}

/** The number at a place; null for NaN. */
export const numberAt = (words, at) => (words[at] === words[at] ? words[at] : null);
