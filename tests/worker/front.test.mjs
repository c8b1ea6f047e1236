// The local run from outside: what `make run` listens with, before a Worker that wants its pass.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { request } from "node:http";
import { createServer } from "node:net";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { DEMO_KEY, start } from "./support.mjs";

const PASS = "a pass of this run";
let started;
let front;
let port;

before(async () => {
  started = await start({ bindings: { LOCAL_RUN: PASS }, catalog: null });
  port = await new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port: free } = server.address();
      server.close(() => resolve(free));
    });
  });
  const script = new URL("../../scripts/front.mjs", import.meta.url).pathname;
  front = spawn(process.execPath, [script, port, started.worker.target.port, PASS, process.pid], { stdio: "inherit" });
  for (let status; status !== 200; status = await ask(port, {}).catch(() => sleep(50))) {}
});
after(async () => {
  front.kill();
  await started.stop();
});

/** The status of a request with the demo key. */
function ask(to, headers) {
  return new Promise((resolve, reject) => {
    const options = { host: "127.0.0.1", port: to, path: "/v1/catalog", headers: { "x-api-key": DEMO_KEY, ...headers } };
    const sent = request(options, (answer) => {
      answer.resume();
      answer.on("end", () => resolve(answer.statusCode));
    });
    sent.on("error", reject).end();
  });
}

test("only what is asked of this machine under its own name comes through", async () => {
  const hidden = { host: "evil.example.com", "mf-original-url": "http://localhost/v1/catalog" };
  const foreign = [hidden, { "mf-original-url": hidden["mf-original-url"] }, { host: "evil.example.com" }, { origin: "http://evil.example.com" }];
  for (const headers of foreign) {
    assert.equal(await ask(port, headers), 403, JSON.stringify(headers));
  }
  for (const headers of [{}, { host: "localhost" }, { host: "[::1]" }, { origin: `http://localhost:${port}` }]) {
    assert.equal(await ask(port, headers), 200, JSON.stringify(headers));
  }
});

test("the demo key alone does not get past the front", async () => {
  const inner = started.worker.target.port;
  for (const headers of [{}, { "x-mayuse-local": "1" }, { "x-mayuse-local": "" }, { host: "localhost" }]) {
    assert.equal(await ask(inner, headers), 401, JSON.stringify(headers));
  }
  assert.equal(await ask(inner, { "x-mayuse-local": PASS }), 200);
});

test("a local run at a port that is taken stops with a sentence, and greets nobody", async () => {
  const script = fileURLToPath(new URL("../../scripts/run.sh", import.meta.url));
  const run = spawn(script, { env: { ...process.env, PORT: String(port) }, stdio: ["ignore", "pipe", "pipe"] });
  const said = { stdout: "", stderr: "" };
  run.stdout.on("data", (data) => (said.stdout += data));
  run.stderr.on("data", (data) => (said.stderr += data));
  const status = await new Promise((resolve) => run.on("close", resolve));
  const stderr = `Port ${port} is taken, perhaps by another \`make run\`; choose another, such as: PORT=${port + 1} make run\n`;
  assert.deepEqual({ status, ...said }, { status: 1, stdout: "", stderr });
});
