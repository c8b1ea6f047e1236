// Names the functions of a wasm file in an order in which similar code stands side by side; `wasm-opt
// --reorder-functions-by-name` then moves them. gzip finds only repetitions that are less than 32 KB apart.
// node scripts/order.mjs FILE
import { readFileSync, writeFileSync } from "node:fs";

const [file] = process.argv.slice(2);
const bytes = readFileSync(file);
const [IMPORTS, CODE] = [2, 10];
/** So many bytes are compared at once. */
const RUN = 6;
/** As many bytes as gzip looks back, less some for what is repeated. */
const WINDOW = 30_000;
/** Counted with the runs of each function, so that tiny ones are not all alike. */
const TINY = 8;

function* sections() {
  for (let at = 8; at < bytes.length; ) {
    const [size, from] = number(at + 1);
    yield { id: bytes[at], start: at, from, to: from + size };
    at = from + size;
  }
}

/** Reads a number, and where it ends. */
function number(at) {
  let [value, shift] = [0, 0];
  for (; ; shift += 7) {
    const byte = bytes[at++];
    value += (byte & 127) * 2 ** shift;
    if (byte < 128) return [value, at];
  }
}

function written(value) {
  const out = [];
  for (; value > 127; value >>= 7) out.push((value & 127) | 128);
  return [...out, value];
}

/** The number of imported functions, which come first. */
function imported({ from }) {
  let [left, at] = number(from);
  let functions = 0;
  const text = (at) => number(at).reduce((length, start) => length + start);
  const limits = (at) => number(bytes[at] & 1 ? number(at + 1)[1] : at + 1)[1];
  for (; left > 0; left--) {
    at = text(text(at));
    const kind = bytes[at++];
    functions += kind === 0 ? 1 : 0;
    at = [(at) => number(at)[1], (at) => limits(at + 1), limits, (at) => at + 2, (at) => number(at + 1)[1]][kind](at);
  }
  return functions;
}

/** The runs of bytes in each function. */
function runs({ from }) {
  let [left, at] = number(from);
  const functions = [];
  for (; left > 0; left--) {
    const [size, start] = number(at);
    at = start + size;
    const found = new Set();
    for (let n = start; n + RUN <= at; n++) found.add(bytes.readUIntBE(n, RUN));
    functions.push({ size, runs: [...found], shared: 0, place: functions.length });
  }
  return functions;
}

/** Puts the smallest function first, then always the one that shares most of its runs with those in the window. */
function ordered(functions) {
  const users = new Map();
  for (const one of functions) {
    for (const run of one.runs) users.get(run)?.push(one) ?? users.set(run, [one]);
  }
  const held = new Map();
  const hold = (one, step) => {
    for (const run of one.runs) {
      const times = (held.get(run) ?? 0) + step;
      held.set(run, times);
      if (times === (step > 0 ? 1 : 0)) for (const other of users.get(run)) other.shared += step;
    }
  };
  const likeness = (one) => one.shared / (one.runs.length + TINY);
  const [order, left] = [[], new Set(functions)];
  let next = functions.reduce((least, one) => (one.size < least.size ? one : least));
  for (let [first, size] = [0, 0]; next; ) {
    order.push(next);
    left.delete(next);
    hold(next, 1);
    size += next.size;
    for (; size > WINDOW && first < order.length - 1; first++) {
      hold(order[first], -1);
      size -= order[first].size;
    }
    next = undefined;
    for (const one of left) if (!next || likeness(one) > likeness(next)) next = one;
  }
  return order;
}

const all = [...sections()];
const first = imported(all.find(({ id }) => id === IMPORTS));
const order = ordered(runs(all.find(({ id }) => id === CODE)));
const names = [];
order.forEach(({ place }, rank) => (names[place] = [...Buffer.from(String(rank).padStart(6, "0"))]));
const list = names.flatMap((name, n) => [...written(first + n), name.length, ...name]);
const map = [...written(names.length), ...list];
const section = [4, ...Buffer.from("name"), 1, ...written(map.length), ...map];
const kept = all.filter(({ id, from }) => id !== 0 || bytes.toString("latin1", from, from + 5) !== "\x04name");
const parts = kept.map(({ start, to }) => bytes.subarray(start, to));
writeFileSync(file, Buffer.concat([bytes.subarray(0, 8), ...parts, Buffer.from([0, ...written(section.length), ...section])]));
