// How an engine is compiled.

/** Compiles an engine from a module, bytes, a response or an address, or a promise of one of them. */
export async function compiled(source) {
  let found = named(await source);
  if (isModule(found)) return found;
  // For the edge, Next refuses code with `WebAssembly.compile` in it, even if it never runs.
  const { compile, compileStreaming } = WebAssembly;
  if (typeof found === "string" || found instanceof URL) found = await fetch(found);
  // Only a response has it. Node loads all of `fetch` when the class is named, which takes longer than compiling.
  if ("ok" in found) {
    if (!found.ok) throw new Error(`${found.url} answered ${found.status}: there is no engine of mayuse`);
    // Not every server knows the type of wasm, and only with that the engine is compiled while it arrives.
    if (found.headers.get("content-type") === "application/wasm") return compileStreaming(found);
    found = await found.arrayBuffer();
  }
  return compile(found);
}

/** What was imported: a namespace has it as its default. */
export function named(source) {
  const found = source.default ?? source;
  // A module of another realm, as Next gives it to its edge functions, is no instance of this realm's class, for which
  // the glue looks.
  if (isModule(found) && !(found instanceof WebAssembly.Module)) Object.setPrototypeOf(found, WebAssembly.Module.prototype);
  return found;
}

const isModule = (value) => Object.prototype.toString.call(value) === "[object WebAssembly.Module]";
