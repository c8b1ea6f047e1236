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
const OURS = ["src/worker/shim.mjs", "build/index.js", "build/index_bg.wasm"];
const OUR_BINDINGS = {
  API_KEYS: JSON.stringify([{ name: "bench", sha256: SHA256, scopes: ["check", "catalog"], class: "bench" }]),
  HELD_ROUTE: "1",
};

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
export function ask(port, method, target, { body = "", key } = {}) {
  return new Promise((resolve, reject) => {
    const headers = { "content-length": Buffer.byteLength(body), ...(key ? { "x-api-key": key } : {}) };
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

/** What workerd is told: the modules, and for ours the bindings and the object. */
function config({ name, modules }, port) {
  const kind = (module) => [/wasm$/, /json$/, /./].findIndex((end) => end.test(module));
  const listed = modules.map((module) => `(name = "${module}", ${["wasm", "text", "esModule"][kind(module)]} = embed "${module}")`);
  const bindings = Object.entries(OUR_BINDINGS).map(([key, value]) => `(name = "${key}", text = ${JSON.stringify(value)})`);
  const object = `(name = "CATALOG", durableObjectNamespace = "Catalog")`;
  const ours = `, bindings = [${[...bindings, object].join(", ")}],
    durableObjectNamespaces = [(className = "Catalog", uniqueKey = "catalog", enableSql = true)],
    durableObjectStorage = (localDisk = "disk")`;
  const disk = `, (name = "disk", disk = (path = "disk", writable = true))`;
  const isOurs = name === "mayuse";
  const date = readFileSync(file("wrangler.toml"), "utf8").match(/^compatibility_date = "(.+)"$/m)[1];
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .worker)${isOurs ? disk : ""}],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")]
);
const worker :Workerd.Worker = (
  modules = [${listed.join(", ")}], compatibilityDate = "${date}"${isOurs ? ours : ""}
);
`;
}

/** Starts one of them in a folder of its own; `pin` are words before the command. */
export async function start(server, { folder, pin, snapshot, catalog }) {
  const home = join(folder, server.name);
  mkdirSync(join(home, "disk"), { recursive: true });
  const made = { "snapshot.json": JSON.stringify(snapshot), "keys.json": JSON.stringify([[KEY, ["check"]]]) };
  for (const module of server.modules) {
    const to = join(home, module);
    mkdirSync(dirname(to), { recursive: true });
    if (made[module]) {
      writeFileSync(to, made[module]);
    } else {
      copyFileSync(file(module.includes("/") ? module : `tests/bench/http/${module}`), to);
    }
  }
  const port = await freePort();
  writeFileSync(join(home, "config.capnp"), config(server, port));
  const command = [...pin, workerd(), "serve", "config.capnp"];
  const child = spawn(command[0], command.slice(1), { cwd: home, stdio: ["ignore", "ignore", "inherit"] });
  for (let n = 0; n < 400 && !(await ask(port, "GET", "/healthz").catch(() => null)); n += 1) {
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  if (server.name === "mayuse") {
    await hold(port, catalog);
  }
  return { ...server, port, pid: child.pid, stop: () => child.kill("SIGTERM") };
}

/** Tells our Worker its catalogue, and asks once the long way, after which it knows the keys. */
async function hold(port, catalog) {
  const { status, text } = await ask(port, "PUT", "/held", { body: JSON.stringify(catalog) });
  if (status !== 200 || !JSON.parse(text).held) {
    throw new Error(`the catalogue was not taken: ${status} ${text}`);
  }
  await ask(port, "GET", "/v1/check", { key: KEY });
}
