// Requests per second of the Worker, beside Workers written in JavaScript that answer the same questions. Each is
// measured for a few seconds in turn, round after round, since a machine is not equally fast all the time; compared is
// what was measured in the same round. Started by scripts/bench-http.sh.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { ask, SERVERS, start } from "./http/servers.mjs";
import { catalog, questions, reference, snapshot } from "./http/workload.mjs";

const number = (name, otherwise) => Number(process.env[name] ?? otherwise);
const N_CUSTOMERS = number("CUSTOMERS", 10_000);
const N_QUESTIONS = 4_096;
const N_VERIFIED = 500;
const ROUNDS = number("ROUNDS", 10);
const SECONDS = number("SECONDS", 3);
const CONNECTIONS = (process.env.CONNECTIONS ?? "1,16,64").split(",").map(Number);
const names = SERVERS.map(({ name }) => name);
const asked = process.env.ONLY?.split(",") ?? names;
const unknown = asked.filter((name) => !names.includes(name));
if (unknown.length > 0) {
  throw new Error(`ONLY: no Worker is called ${unknown.join(" or ")}; there are ${names.join(", ")}`);
}

const here = (name) => new URL(`http/${name}`, import.meta.url).pathname;
const runs = (command, ...args) => {
  try {
    execFileSync(command, args, { stdio: "ignore" });
    return true;
  } catch (error) {
    return error.code !== "ENOENT";
  }
};
const isPinned = process.platform === "linux" && cpus().length > 1 && runs("taskset", "-V");
const hasWrk = runs("wrk", "-v");
/** The words before a command that keep it on one core. */
const onCore = (n) => (isPinned ? ["taskset", "-c", String(n)] : []);
const run = (command, args, env = {}) => {
  const words = [...onCore(1), command, ...args];
  return execFileSync(words[0], words.slice(1), { encoding: "utf8", env: { ...process.env, ...env } });
};
const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b);
  return (sorted[Math.floor((sorted.length - 1) / 2)] + sorted[Math.ceil((sorted.length - 1) / 2)]) / 2;
};

/** The time a process has had of the processor, in microseconds; nothing where the system does not say. */
function cpuTime(pid) {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ");
    // In ticks of ten milliseconds, its own and the system's on its behalf.
    return (Number(fields[11]) + Number(fields[12])) * 10_000;
  } catch {
    return Number.NaN;
  }
}

/** A load generator gives requests per second, how many, and a latency in milliseconds, half of all being faster. */
const LOADS = {
  wrk({ port, targets, key = "" }, nConnections, seconds) {
    const args = ["-t1", `-c${nConnections}`, `-d${seconds}s`, "--latency", "-s", here("requests.lua")];
    const out = run("wrk", [...args, `http://127.0.0.1:${port}`], { TARGETS: targets, KEY: key });
    const [, p50, unit] = /50%\s+([\d.]+)(us|ms|s)/.exec(out);
    const nBad = /Non-2xx or 3xx responses: (\d+)|Socket errors/.exec(out) ? 1 : 0;
    const [perSecond, nAnswers] = [/Requests\/sec:\s+([\d.]+)/, /(\d+) requests in/].map((found) => Number(found.exec(out)[1]));
    return { perSecond, nAnswers, p50: p50 * { us: 1e-3, ms: 1, s: 1e3 }[unit], nBad };
  },
  "closed loop"({ port, targets, key }, nConnections, seconds) {
    const args = [here("load.mjs"), port, nConnections, seconds, targets, ...(key ? [key] : [])].map(String);
    return JSON.parse(run(process.execPath, args));
  },
};

/** Answers must be right before it matters how fast they are. */
async function verify(server, list, allowed) {
  for (const question of server.isEcho ? [] : list.slice(0, N_VERIFIED)) {
    const { status, headers, text } = await ask(server.port, "GET", server.target(question), server);
    const isRight = status === 200 && JSON.parse(text).allowed === allowed(question);
    // What is answered from memory has no id: it is told by that.
    if (!isRight || headers["x-request-id"] !== undefined) {
      throw new Error(`${server.name}: ${server.target(question)}: ${status} ${text} ${JSON.stringify(headers)}`);
    }
  }
}

const folder = mkdtempSync(join(tmpdir(), "mayuse-bench-"));
const held = snapshot(N_CUSTOMERS);
const list = questions(held, N_QUESTIONS);
const started = [];
try {
  for (const server of SERVERS.filter(({ name }) => asked.includes(name))) {
    const targets = join(folder, `${server.name}.txt`);
    writeFileSync(targets, list.map(server.target).join("\n"));
    const to = { folder, pin: onCore(0), snapshot: held, catalog: catalog(held), questions: list };
    const one = await start(server, to);
    started.push({ ...one, targets });
  }
  for (const server of started) {
    await verify(server, list, reference(held));
    LOADS["closed loop"](server, 16, Math.min(2, SECONDS));
  }
  for (const load of hasWrk ? Object.keys(LOADS) : ["closed loop"]) {
    for (const nConnections of CONNECTIONS) {
      measure(load, nConnections);
    }
  }
  const pinned = isPinned ? "server and load each on a core of its own" : "cores not pinned";
  console.log(`\n${N_CUSTOMERS} customers, ${N_QUESTIONS} questions, ${ROUNDS} rounds of ${SECONDS} s each; ${pinned}.`);
  console.log(`${cpus()[0]?.model.trim()}, ${cpus().length} cores; Node ${process.version} for the closed loop.`);
} finally {
  started.forEach(({ stop }) => stop());
  rmSync(folder, { recursive: true, force: true });
}

/** Prints the table of one way to ask. */
function measure(load, nConnections) {
  const rounds = started.map(() => []);
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [n, server] of started.entries()) {
      const before = cpuTime(server.pid);
      const result = LOADS[load](server, nConnections, SECONDS);
      result.cpu = (cpuTime(server.pid) - before) / result.nAnswers;
      if (result.nBad) {
        throw new Error(`${server.name}: answers that are none, at ${nConnections} connections`);
      }
      rounds[n].push(result);
    }
  }
  const columns = ["requests/s", "ratio to JavaScript check", "from, to", "median latency, ms", "processor, µs a request"];
  console.log(`\n| ${[`${load}, ${nConnections} connections`, ...columns].join(" | ")} |`);
  console.log("|---|---:|---:|---:|---:|---:|");
  const rival = rounds[started.findIndex(({ name }) => name === "check")];
  for (const [n, { what }] of started.entries()) {
    const ratios = rounds[n].map(({ perSecond }, round) => perSecond / (rival?.[round].perSecond ?? Number.NaN));
    const spread = rival ? `${Math.min(...ratios).toFixed(2)}, ${Math.max(...ratios).toFixed(2)}` : "";
    const ratio = rival ? median(ratios).toFixed(2) : "";
    const [perSecond, p50, cpu] = ["perSecond", "p50", "cpu"].map((name) => median(rounds[n].map((one) => one[name])));
    console.log(
      `| ${what} | ${perSecond.toFixed(0)} | ${ratio} | ${spread} | ${p50.toFixed(3)} | ${cpu.toFixed(1)} |`,
    );
  }
}
