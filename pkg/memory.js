// An engine and its memory: texts are written into it, answers are read from it as numbers.
import { QuestionError, fault } from "./errors.js";
import { named } from "./load.js";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export class Engine {
  /** The functions of the engine, under the names that wasm-bindgen gives them. */
  calls;
  /** Whether it has traces and suggestions. */
  explains;
  /** Views of the memory. When the memory grows, they end and are made again. */
  bytes = new Uint8Array();
  words = new Float64Array();

  /** From a module or bytes. */
  constructor(source) {
    const found = named(source);
    const module = found instanceof WebAssembly.Module ? found : new WebAssembly.Module(found);
    const imports = {};
    for (const { module: from, name } of WebAssembly.Module.imports(module)) imports[from] = { [name]: stopped };
    this.calls = new WebAssembly.Instance(module, imports).exports;
    this.explains = this.calls.explains() !== 0;
  }
}

// The only function that the engine imports. It is called where the engine may not go on.
function stopped() {
  throw new Error("the engine of mayuse was used while it answered, or after it was freed");
}

/** Makes the views again if the memory has grown. */
export function view(engine) {
  if (engine.bytes.length !== 0) return;
  const { buffer } = engine.calls.memory;
  engine.bytes = new Uint8Array(buffer);
  engine.words = new Float64Array(buffer);
}

/** A copy of an answer: the engine writes the next one over it. */
export function copied(engine, address) {
  view(engine);
  const { words } = engine;
  const at = address >>> 3;
  const length = words[at];
  const copy = new Array(length);
  for (let n = 0; n < length; n++) copy[n] = words[at + n];
  return copy;
}

/** The text at an address, with so many bytes: JavaScript reads texts among numbers slowly. */
export const textIn = ({ bytes }, address, length) => decoder.decode(bytes.subarray(address, address + length));

/** The address of a copy of these bytes, which the engine owns then. */
export function given(engine, object) {
  const at = engine.calls.__wbindgen_malloc(object.length, 1) >>> 0;
  view(engine);
  engine.bytes.set(object, at);
  return at;
}

/** Writes a text, and returns its length in bytes. Most texts are short and ASCII. */
export function write({ bytes }, text, at) {
  const { length } = text;
  if (64 < length) return encoded(bytes, text, at);
  for (let n = 0; n < length; n++) {
    const code = text.charCodeAt(n);
    if (127 < code) return encoded(bytes, text, at);
    bytes[at + n] = code;
  }
  return length;
}

/** Writes texts that may be undefined, each after its length and one more. */
export function writeAll(engine, texts, at) {
  for (const text of texts) {
    const length = text === undefined ? 0 : write(engine, text, at + 2) + 1;
    engine.bytes[at] = length & 255;
    engine.bytes[at + 1] = length >> 8;
    at += 2 + Math.max(0, length - 1);
  }
}

function encoded(bytes, text, at) {
  // Half a character would become another one.
  if (/\p{Surrogate}/u.test(text)) throw fault(QuestionError, "INVALID", "", "the text has half a character");
  return encoder.encodeInto(text, bytes.subarray(at)).written;
}
