// Node reads the engine from beside this file when a snapshot is opened, and has hashes and signatures that answer at
// once: Web Cryptography takes longer to pass a shard to another thread than to hash it. The package offers this and all
// that it imports as one file, wasm/node.js, which scripts/build.sh makes.
import { readFileSync } from "node:fs";
import { engineAt } from "./engine.js";
import { verifyWith } from "./verify.js";

engineAt(
  () => loaded(readFileSync(new URL("./wasm/server_bg.wasm", import.meta.url))),
  () => loaded(readFileSync(new URL("./wasm/explain_bg.wasm", import.meta.url))),
);
export * from "./slim.js";

function loaded(engine) {
  // Another thread compiles it meanwhile.
  const module = WebAssembly.compile(engine);
  // Not imported, because that takes milliseconds, and who only imports this may never open a snapshot.
  const crypto = globalThis.process?.getBuiltinModule?.("node:crypto");
  // Node before 20.16 has no such function.
  if (crypto?.hash) {
    verifyWith({
      hash: (bytes) => crypto.hash("sha256", bytes, "hex"),
      isSigned: (key, signature, signed) => crypto.verify(null, signed, publicKey(key), signature),
      // The first use of a regular expression takes longer than all of this.
      fromHex(text) {
        const bytes = Buffer.from(text, "hex");
        return bytes.toString("hex") === text.toLowerCase() ? bytes : undefined;
      },
    });
  }
  return module;
}

function publicKey(key) {
  const x = Buffer.from(key).toString("base64url");
  return { key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" };
}
