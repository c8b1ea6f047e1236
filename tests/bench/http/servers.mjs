// The Workers that are compared, each in a workerd of its own, without anything in front of it.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { dirname, join } from "node:path";

const file = (path) => new URL(`../../../${path}`, import.meta.url).pathname;

/** The key of the bench; its hash is in the table that our Worker gets, it itself in the rival's. */
export const KEY = "bench_0123456789abcdefghijklmnopqrstuvwxyz";
const SHA256 = createHash("sha256").update(KEY).digest("hex");

/** Where the parts of mayuse's Worker lie; it is started as it was built. */
const OURS = ["src/worker/shim.mjs", "src/worker/rpc.mjs", "build/index.js", "fallback.snapshot", "build/index_bg.wasm"];
const OUR_BINDINGS = {
  API_KEYS: JSON.stringify([{ name: "bench", sha256: SHA256, scopes: ["check", "catalog"], class: "bench" }]),
  SNAPSHOT_SIGNING_KEY: SHA256,
  // The catalog does not change while it is measured.
  REFRESH_MS: "86400000",
};
/** How long it may take until a catalog is published. */
const PUBLISHED_WITHIN_MS = 300_000;

const own = ({ customer, feature, usage }) => `/v1/check?customer=${customer}&feature=${feature}&consumed=${usage}`;
const query = ({ customer, feature, usage }) => `/check?c=${customer}&f=${feature}&u=${usage}`;
const path = ({ customer, feature, usage }) => `/${customer}/${feature}/${usage}`;

/** Each with the modules it is made of, how it is asked, and whether with a key. The first two are what is compared. */
export const SERVERS = [
  { name: "mayuse", what: "mayuse, with a key", modules: OURS, target: own, key: KEY },
  { name: "check", what: "JavaScript check", modules: ["check.js", "decide.js", "snapshot.json"], target: query },
  {
    name: "check-key",
    what: "JavaScript check, with a key",
    modules: ["check-key.js", "decide.js", "snapshot.json", "keys.json"],
    target: query,
    key: KEY,
  },
  { name: "check-lean", what: "JavaScript, yes or no only", modules: ["check-lean.js", "decide.js", "snapshot.json"], target: path },
  { name: "echo", what: "JavaScript echo", modules: ["echo.js"], target: query, isEcho: true },
];

/** workerd itself, and not the script npm puts around it, so that it can be stopped. */
function workerd() {
  const require = createRequire(import.meta.url);
  const system = { linux: "linux", darwin: "darwin", win32: "windows" }[process.platform];
  return require.resolve(`@cloudflare/workerd-${system}-${process.arch === "x64" ? "64" : "arm64"}/bin/workerd`);
}

const freePort = () =>
  new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

/** Asks once, on a connection of its own. */
export function ask(port, method, target, { body = "", key, type } = {}) {
  return new Promise((resolve, reject) => {
    const typed = type ? { "content-type": type } : {};
    const headers = { "content-length": Buffer.byteLength(body), ...(key ? { "x-api-key": key } : {}), ...typed };
    const sent = request({ host: "127.0.0.1", port, method, path: target, headers, agent: false }, (answer) => {
      const chunks = [];
      answer.on("data", (chunk) => chunks.push(chunk));
      answer.on("end", () => {
        resolve({ status: answer.statusCode, headers: answer.headers, text: Buffer.concat(chunks).toString() });
      });
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

/** What workerd is told: the modules, and for ours the bindings, the object and the store of snapshots. */
function config({ name, modules }, port) {
  const kinds = [["wasm", /wasm$/], ["text", /json$/], ["data", /snapshot$/], ["esModule", /./]];
  const kind = (module) => kinds.find(([, end]) => end.test(module))[0];
  const listed = modules.map((module) => `(name = "${module}", ${kind(module)} = embed "${module}")`);
  const bindings = Object.entries(OUR_BINDINGS).map(([key, value]) => `(name = "${key}", text = ${JSON.stringify(value)})`);
  const object = `(name = "CATALOG", durableObjectNamespace = "Catalog")`;
  const store = `(name = "SNAPSHOTS", kvNamespace = "kv")`;
  const ours = `, bindings = [${[...bindings, object, store].join(", ")}],
    durableObjectNamespaces = [(className = "Catalog", uniqueKey = "catalog", enableSql = true)],
    durableObjectStorage = (localDisk = "disk")`;
  const services = `, (name = "disk", disk = (path = "disk", writable = true)), (name = "kv", worker = .kv)`;
  const isOurs = name === "mayuse";
  const date = readFileSync(file("wrangler.toml"), "utf8").match(/^compatibility_date = "(.+)"$/m)[1];
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .worker)${isOurs ? services : ""}],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")]
);
const worker :Workerd.Worker = (
  modules = [${listed.join(", ")}], compatibilityDate = "${date}"${isOurs ? ours : ""}
);
${isOurs ? `const kv :Workerd.Worker = (modules = [(name = "kv.js", esModule = embed "kv.js")], compatibilityDate = "${date}");` : ""}
`;
}

/** Starts one of them in a folder of its own; `pin` are words before the command. */
export async function start(server, { folder, pin, snapshot, catalog, questions }) {
  const home = join(folder, server.name);
  mkdirSync(join(home, "disk"), { recursive: true });
  const made = { "snapshot.json": JSON.stringify(snapshot), "keys.json": JSON.stringify([[KEY, ["check"]]]) };
  const isOurs = server.name === "mayuse";
  for (const module of [...server.modules, ...(isOurs ? ["kv.js"] : [])]) {
    const to = join(home, module);
    mkdirSync(dirname(to), { recursive: true });
    if (made[module]) {
      writeFileSync(to, made[module]);
    } else {
      copyFileSync(file(OURS.includes(module) ? module : `tests/bench/http/${module}`), to);
    }
  }
  const port = await freePort();
  writeFileSync(join(home, "config.capnp"), config(server, port));
  const command = [...pin, workerd(), "serve", "config.capnp"];
  const child = spawn(command[0], command.slice(1), { cwd: home, stdio: ["ignore", "ignore", "inherit"] });
  for (let n = 0; n < 400 && !(await ask(port, "GET", "/healthz").catch(() => null)); n += 1) {
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  if (isOurs) {
    await hold(port, catalog, questions);
  }
  return { ...server, port, pid: child.pid, stop: () => child.kill("SIGTERM") };
}

/** Tells our Worker its catalog, and asks it everything once the long way: after that it has all of it in memory. */
async function hold(port, { format, ladder, ...lists }, questions) {
  const entities = Object.entries(lists).flatMap(([list, all]) => all.map((one) => ({ kind: list.slice(0, -1), ...one })));
  const body = [{ kind: "settings", ladder }, ...entities].map((line) => JSON.stringify(line)).join("\n");
  const { status, text } = await ask(port, "POST", "/v1/catalog/import", { body, key: KEY, type: "application/x-ndjson" });
  if (status !== 200) {
    throw new Error(`the catalog was not taken: ${status} ${text}`);
  }
  const end = Date.now() + PUBLISHED_WITHIN_MS;
  for (let ready = {}; ready.published_version !== JSON.parse(text).snapshot_version; ) {
    if (end < Date.now()) {
      throw new Error(`it is not published: ${JSON.stringify(ready)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
    ready = JSON.parse((await ask(port, "GET", "/readyz")).text);
  }
  for (const question of questions) {
    await ask(port, "GET", own(question), { key: KEY });
  }
}
