// A snapshot that is deployed with a program, for when nothing else answers.
import { Border } from "./border.js";
import { SnapshotError, fault } from "./errors.js";
import { bytesOf } from "./source.js";
import { hasHash } from "./verify.js";

/** Opens the bytes of a snapshot file, all of it. Returns its border and its version. */
export async function openFallback({ fallback, audience, ...options }, verify) {
  const border = new Border({ ...options, maxBytes: NaN, isEmbedded: true });
  const file = bytesOf(fallback);
  const [from, size] = border.range(file);
  const manifest = file.subarray(from, from + size);
  const { version, key } = border.offer(manifest);
  const { order, missing } = border.verify(await verify(manifest, key), audience);
  if (order !== "newer") throw fault(SnapshotError, "SNAPSHOT_BEHIND", "", "the fallback is older than `minVersion`");
  for (const object of missing) {
    const bytes = file.subarray(from + size + object.at).subarray(0, object.size);
    await hasHash(bytes, object.hash);
    border.put(object, bytes);
  }
  border.commit();
  return { border, version };
}
