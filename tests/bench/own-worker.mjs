// What a check costs in a user's own Worker, in workerd: a request that asks many questions, beside the same request that
// asks none. Every round measures all of them in turn; "none, again" says how far two measurements of the same thing are
// apart. Started by scripts/bench-own-worker.sh.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { start } from "../worker/support.mjs";
import { ownModules } from "../worker/own-support.mjs";
import { catalog, questions, reference, snapshot } from "./http/workload.mjs";

const number = (name, otherwise) => Number(process.env[name] ?? otherwise);
const N_CUSTOMERS = number("CUSTOMERS", 10_000);
const N_QUESTIONS = number("QUESTIONS", 4_096);
const ROUNDS = number("ROUNDS", 9);
const N = number("N", 400_000);
const CASES = ["none", "none, again", "mayUse", "check", "createReplica and check", "await check", "all of check"];

const folder = mkdtempSync(join(tmpdir(), "mayuse-bench-"));
const command = fileURLToPath(new URL("../../target/release/mayuse", import.meta.url));
const run = (args, secret) => execFileSync(command, args, { encoding: "utf8", env: { ...process.env, MAYUSE_SIGNING_KEY: secret } });
const median = (list) => list.toSorted((a, b) => a - b)[list.length >> 1];
let running;
try {
  const held = snapshot(N_CUSTOMERS);
  writeFileSync(join(folder, "catalog.json"), JSON.stringify(catalog(held)));
  const key = JSON.parse(run(["keygen", "--json"]));
  run(["build", join(folder, "catalog.json"), "-o", join(folder, "snapshot")], key.secret);
  running = await start({
    parts: await ownModules(fileURLToPath(new URL("own/worker.js", import.meta.url))), catalog: null, snapshots: "bench",
    bindings: { PUBLIC_KEY: key.public },
  });
  const [worker] = running.workers;
  const send = async (method, path, body = "") => {
    const { status, text } = await worker.send(method, path, { body, key: null });
    if (status !== 200) throw new Error(text.slice(0, 1_000));
    return text;
  };
  for (const name of readdirSync(join(folder, "snapshot"), { recursive: true }).filter((name) => /^(manifest|o\/.+)$/.test(name))) {
    await send("PUT", `/${name}`, readFileSync(join(folder, "snapshot", name)));
  }
  const list = questions(held, N_QUESTIONS);
  const status = JSON.parse(await send("POST", "/", JSON.stringify(list)));
  const right = list.filter(reference(held)).length * (N / N_QUESTIONS);
  const times = new Map(CASES.map((name) => [name, []]));
  for (let round = -2; round < ROUNDS; round++) {
    for (const name of CASES) {
      const n = Math.floor(N / N_QUESTIONS) * N_QUESTIONS;
      const begun = performance.now();
      const allowed = Number(await send("GET", `/?what=${encodeURIComponent(name.split(",")[0])}&n=${n}`));
      const took = ((performance.now() - begun) * 1e6) / n;
      if (!name.startsWith("none") && allowed !== Math.round(right * (n / N))) throw new Error(`${name}: ${allowed} are allowed, not ${right}`);
      if (0 <= round) times.get(name).push(took);
    }
  }
  const none = times.get("none");
  console.log(`\n| asked | ns a question | more than none | from, to |\n|---|---:|---:|---:|`);
  for (const [name, list] of times) {
    const more = list.map((ns, round) => ns - none[round]);
    const [least, most] = [Math.min(...more), Math.max(...more)].map(Math.round);
    console.log(`| ${name} | ${Math.round(median(list))} | ${Math.round(median(more))} | ${least}, ${most} |`);
  }
  console.log(`\n${N_CUSTOMERS} customers, ${list.length} questions, ${ROUNDS} rounds of ${N} each, ${status.bytes} bytes of customers held.`);
  console.log(`${cpus()[0]?.model.trim()}, ${cpus().length} cores; workerd.`);
} finally {
  await running?.stop();
  rmSync(folder, { recursive: true, force: true });
}
