// Snapshots that the command builds.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const command = fileURLToPath(new URL("../../target/release/mayuse", import.meta.url));
const run = (args, secret) =>
  execFileSync(command, args, { encoding: "utf8", stdio: "pipe", env: { ...process.env, MAYUSE_SIGNING_KEY: secret } });

/** A new key: its `secret`, and its `public` half. */
export const newKey = () => JSON.parse(run(["keygen", "--json"]));

const root = mkdtempSync(join(tmpdir(), "mayuse-snapshots-"));
process.on("exit", () => rmSync(root, { recursive: true, force: true }));
let n = 0;

/**
 * Builds a snapshot of a document. `more` are further arguments of `mayuse build`. Returns the folder, and the bytes of
 * the file.
 */
export function build(document, { secret }, ...more) {
  const place = join(root, `${(n += 1)}`);
  writeFileSync(`${place}.json`, JSON.stringify(document));
  run(["build", `${place}.json`, "-o", place, "--file", `${place}.snapshot`, ...more], secret);
  return { folder: place, path: `${place}.snapshot`, file: new Uint8Array(readFileSync(`${place}.snapshot`)) };
}
