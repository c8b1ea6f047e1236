// Manifests and snapshot files, read and written independently of the Worker: what src/snapshot/manifest.rs and file.rs
// say they are.
import { createHash, createPrivateKey, createPublicKey, sign } from "node:crypto";

const FORMAT = 1n;
const MANIFEST_FORMAT = 2n;
/** So many digits of a signature. */
const SIGNATURE = 128;

/** The secret with which the local run signs. */
export const LOCAL_SECRET = "6d6179757365206c6f63616c2072756e206d6179757365206c6f63616c207275";

export const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

/** A number: six bits a byte, the lowest first. */
function number(value) {
  let rest = BigInt(value);
  let text = "";
  while (rest >= 64n) {
    text += String.fromCharCode(Number(rest & 63n) | 64);
    rest >>= 6n;
  }
  return text + String.fromCharCode(Number(rest));
}

const text = (value) => number(value.length) + value;
const part = ({ hash, size, n }) => hash + number(size) + number(n);

/** Reads a manifest, and believes it. */
export function readManifest(bytes) {
  const all = Buffer.from(bytes).toString("latin1");
  let at = 3;
  const readNumber = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 6n) {
      const byte = BigInt(all.charCodeAt(at));
      at += 1;
      value |= (byte & 63n) << shift;
      if (byte < 64n) {
        return value;
      }
    }
  };
  const take = (length) => all.slice(at, (at += length));
  const small = () => Number(readNumber());
  const readPart = () => ({ hash: take(64), size: small(), n: small() });
  if (!all.startsWith("mym") || readNumber() !== MANIFEST_FORMAT) {
    throw new Error("no manifest of this format");
  }
  const manifest = { audience: take(small()), version: small(), generatedAt: small() / 2, policies: [small(), small(), small()] };
  manifest.previous = take(small());
  manifest.seed = readNumber();
  manifest.catalog = readPart();
  manifest.bits = small();
  manifest.shards = Array.from({ length: 2 ** manifest.bits }, readPart);
  manifest.key = take(small());
  if (at + SIGNATURE !== all.length) {
    throw new Error("a manifest of another length");
  }
  return manifest;
}

/** Every object of a manifest. */
export const objectsOf = ({ catalog, shards }) => [catalog, ...shards].map(({ hash }) => hash);

/** Writes a manifest, signed with a secret of 64 hexadecimal digits. */
export function writeManifest(manifest, secret = LOCAL_SECRET) {
  const der = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), Buffer.from(secret, "hex")]);
  const key = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  const publicKey = createPublicKey(key).export({ format: "der", type: "spki" }).subarray(-32);
  const { audience, version, generatedAt, policies, previous, seed, catalog, bits, shards } = manifest;
  // The format before it had no audience.
  const begin = audience === undefined ? number(FORMAT) : number(MANIFEST_FORMAT) + text(audience);
  const head = `mym${begin}${[version, generatedAt * 2, ...policies].map(number).join("")}${text(previous)}`;
  const table = number(seed) + part(catalog) + number(bits) + shards.map(part).join("");
  const unsigned = head + table + text(sha256(publicKey).slice(0, 16));
  return Buffer.from(unsigned + sign(null, Buffer.from(unsigned, "latin1"), key).toString("hex"), "latin1");
}

/** A snapshot in one piece, as it is deployed with a Worker to fall back on. */
export const snapshotFile = (manifest, objects) =>
  Buffer.concat([Buffer.from(`myf${number(FORMAT)}${number(manifest.length)}`, "latin1"), manifest, ...objects]);
