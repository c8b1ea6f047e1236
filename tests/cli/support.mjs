// The command, run without holding up the servers in this process, and files for it.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
export const binary = process.env.MAYUSE_BIN ?? join(root, "target/release/mayuse");
export const folder = mkdtempSync(join(tmpdir(), "mayuse-import-"));
after(() => rmSync(folder, { recursive: true, force: true }));
export const KEY = "mayuse_demo_key";
const PROXIES = ["http_proxy", "https_proxy", "all_proxy"].flatMap((name) => [name, name.toUpperCase()]);

/**
 * Runs the command. Of it, the key and what else is in its environment, what it reads on standard input, what a shell does before it,
 * and what is done with its process meanwhile.
 */
export function mayuse(args, { input = "", key = KEY, env: more, shell, meanwhile = () => {} } = {}) {
  const env = { ...process.env, MAYUSE_KEY: key, ...more };
  PROXIES.forEach((name) => delete env[name]);
  const [command, given] = shell ? ["/bin/sh", ["-c", `${shell}; exec "$0" "$@"`, binary, ...args]] : [binary, args];
  const child = spawn(command, given, { cwd: root, env });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (data) => (stdout += data));
  child.stderr.on("data", (data) => (stderr += data));
  child.stdin.on("error", () => {});
  if (input !== null) child.stdin.end(input);
  meanwhile(child);
  return new Promise((resolve) => {
    child.on("close", (status) => {
      // Colour and progress are for terminals.
      assert.doesNotMatch(stdout + stderr, /[\u001b\r]/);
      if (status === 2) assert.equal(stdout, "", "a failure prints nothing where answers go");
      resolve({ status, stdout, stderr });
    });
  });
}

/** Writes a file for one test or several, and gives its path. */
export function file(name, text) {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

export const line = (n, more = {}) => `${JSON.stringify({ kind: "customer", id: `c${n}`, name: "x".repeat(100), ...more })}\n`;
export const lines = (n) => Array.from({ length: n }, (_, i) => line(i)).join("");
