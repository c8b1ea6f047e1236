// How an engine is compiled.

/** Compiles an engine from a module, bytes, a response or an address, or a promise of one of them. */
export async function compiled(source) {
  let found = named(await source);
  if (found instanceof WebAssembly.Module) return found;
  if (typeof found === "string" || found instanceof URL) found = await fetch(found);
  if (found instanceof Response) {
    if (!found.ok) throw new Error(`${found.url} answered ${found.status}: there is no engine of mayuse`);
    // Not every server knows the type of wasm, and only with that the engine is compiled while it arrives.
    if (found.headers.get("content-type") === "application/wasm") return WebAssembly.compileStreaming(found);
    found = await found.arrayBuffer();
  }
  return WebAssembly.compile(found);
}

/** What was imported: a namespace has it as its default. */
export const named = (source) => source.default ?? source;
