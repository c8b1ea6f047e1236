/** An engine as Workers import it. Bundlers give an address or bytes, as they are set up: `init` takes each of them. */
declare const engine: WebAssembly.Module;
export default engine;
