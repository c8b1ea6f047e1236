// Starts a Worker that has a replica of its own, and calls it.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** The modules of a Worker that imports `mayuse/cloudflare`, bundled as wrangler does it. */
export async function ownModules(entry = `${root}tests/worker/own.mjs`) {
  const bundled = await build({
    entryPoints: [entry], bundle: true, format: "esm", write: false, external: ["*.wasm", "cloudflare:*"],
    alias: { "mayuse/cloudflare": `${root}pkg/cloudflare-workerd.js` },
  });
  const contents = bundled.outputFiles[0].text;
  return [
    { type: "ESModule", path: "own.mjs", contents },
    { type: "CompiledWasm", path: "wasm/server_bg.wasm", contents: readFileSync(`${root}pkg/wasm/server_bg.wasm`) },
  ];
}

/** Calls the Worker. `own(options)` returns what calls a replica with these options. */
export function caller(worker) {
  const post = async (sent) => {
    const { status, text } = await worker.send("POST", "/", { body: JSON.stringify(sent), key: null });
    if (status !== 200) throw new Error(text);
    return JSON.parse(text);
  };
  return {
    own: (options) => (call, ...args) => post({ options, call, args }),
    ready: (options, customer, features, more) => post({ options, call: "ready", args: [customer], features, ...more }),
    faults: (faults = [], more) => post({ faults, ...more }),
    put: (key, bytes) => post({ put: key, value: Buffer.from(bytes).toString("base64") }),
  };
}
