// Signatures and hashes, by the platform's own functions.
import { SnapshotError, fault } from "./errors.js";

/** The digits of a signature, at the end of a manifest. */
const SIGNATURE = 128;

/** The SHA-256 of bytes in digits, whether a key has signed bytes with Ed25519: by Web Cryptography; the bytes of digits. */
let platform = {
  async hash(bytes) {
    return hex(new Uint8Array(await subtle().digest("SHA-256", bytes)));
  },
  async isSigned(key, signature, signed) {
    const imported = await subtle().importKey("raw", key, "Ed25519", false, ["verify"]);
    return subtle().verify("Ed25519", imported, signature, signed);
  },
  fromHex: (text) =>
    /^([0-9a-f]{2})+$/i.test(text) ? Uint8Array.from(text.match(/../g), (digits) => parseInt(digits, 16)) : undefined,
};

/** Says which functions the platform has instead, which need not return promises. */
export function verifyWith(functions) {
  platform = functions;
}

/** A way to verify manifests that one of these keys has signed. The keys are texts of 64 hexadecimal digits. */
export async function verifier(publicKeys) {
  const list = typeof publicKeys === "string" ? [publicKeys] : Array.from(publicKeys ?? []);
  const keys = new Map();
  for (const text of list) {
    // A file of a key ends with a line break.
    const bytes = platform.fromHex(`${text}`.trim());
    if (bytes?.length !== 32) throw new TypeError("publicKeys: expected keys of 64 hexadecimal digits");
    keys.set((await platform.hash(bytes)).slice(0, 16), bytes);
  }
  if (keys.size === 0) throw new TypeError("publicKeys: expected at least one key");
  return async (manifest, id) => {
    const key = keys.get(id);
    if (!key) throw fault(SnapshotError, "SNAPSHOT_INVALID", "", `the manifest is signed with key id ${id}, which none of publicKeys has`);
    const signed = manifest.length - SIGNATURE;
    const signature = platform.fromHex(new TextDecoder().decode(manifest.subarray(signed)));
    return platform.isSigned(key, signature, manifest.subarray(0, signed));
  };
}

/** An object, or a promise of it where hashes are promises. Throws unless it has the hash that names it. */
export function hasHash(object, hash) {
  const compared = (found) => {
    if (found === hash) return object;
    throw fault(SnapshotError, "SNAPSHOT_INVALID", "", `the object ${hash} is damaged`);
  };
  const found = platform.hash(object);
  return found.then?.(compared) ?? compared(found);
}

// Pages that are not served over HTTPS have none.
function subtle() {
  const found = globalThis.crypto?.subtle;
  if (!found) throw new Error("verifying a snapshot takes Web Cryptography: serve this page over HTTPS");
  return found;
}

const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
