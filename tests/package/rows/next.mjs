// Next, built by each of its bundlers and started.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { onPage } from "../browser.mjs";
import { run, tool, work } from "../project.mjs";

const folder = join(work, "next");
const servers = [];

/** Builds with a bundler, starts the server, and returns its address. */
async function started(bundler) {
  const env = { DIST: `.next-${bundler}`, NEXT_TELEMETRY_DISABLED: "1" };
  await run(tool("next"), ["build", `--${bundler}`], { cwd: folder, ...env });
  const server = spawn(tool("next"), ["start", "--port", "0", "--hostname", "localhost"], { cwd: folder, env: { ...process.env, ...env } });
  servers.push(server);
  let said = "";
  return new Promise((resolve, reject) => {
    for (const stream of [server.stdout, server.stderr]) {
      stream.on("data", (text) => {
        said += text;
        const [, found] = /Local:\s+(http:\S+)[^]*Ready/.exec(said) ?? [];
        if (found) resolve(found);
      });
    }
    server.on("exit", () => reject(new Error(said)));
  });
}

/** Stops the servers. */
export async function stop() {
  for (const server of servers.filter(({ exitCode }) => exitCode === null)) {
    server.kill();
    await once(server, "exit");
  }
}

const inPre = (page) => page.evaluate("JSON.parse(document.querySelector('pre').textContent)");

/** The rows of a bundler. The first of them builds and starts. */
function of(bundler, label) {
  let url;
  return [
    [`Next, ${label}, server component`, async () => {
      url = await started(bundler);
      // What Next copies to where the page runs.
      const { files } = JSON.parse(readFileSync(join(folder, `.next-${bundler}/server/app/page.js.nft.json`), "utf8"));
      const engines = files.filter((path) => path.endsWith("_bg.wasm"));
      if (engines.length !== 2) throw new Error(`the engines that Next copies are ${engines}`);
      return onPage(url, inPre);
    }],
    [`Next, ${label}, client page`, () => onPage(new URL("client", url), inPre)],
    [`Next, ${label}, edge route`, async () => {
      const response = await fetch(new URL("api/edge", url));
      if (!response.ok) throw new Error((await response.text()).slice(0, 1000));
      return response.json();
    }],
  ];
}

export const next = [...of("turbopack", "Turbopack"), ...of("webpack", "webpack")];
