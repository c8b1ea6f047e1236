// What the command prints of what others wrote, and what it says of itself.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createServer } from "node:http";
import { join } from "node:path";
import { test } from "node:test";
import { file, folder, lines, mayuse } from "./support.mjs";

test("nothing that others wrote reaches the terminal as a command", async (t) => {
  // Names of files, of what is in them, and what a server says: colours, the title, the clipboard, a line turned around.
  const evil = "\u001b]0;x\u0007\u009b31m\u202efdp.";
  const shown = "\\u{1b}]0;x\\u{7}\\u{9b}31m\\u{202e}fdp.";
  const server = createServer((request, response) => {
    request.resume();
    if (request.url.startsWith("/text")) return response.writeHead(500).end(evil);
    const body = JSON.stringify({ error: { code: evil, message: evil, path: evil, problems: [] } });
    const status = request.url.startsWith("/moved") ? 301 : 400;
    response.writeHead(status, { "content-type": "application/json", location: "/x%1b" }).end(body);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => new Promise((resolve) => server.close(resolve).closeAllConnections()));
  const url = `http://127.0.0.1:${server.address().port}`;
  const lines_of = file(`${evil}.ndjson`, lines(2));
  const document = file(`${evil}.json`, JSON.stringify({ format: 1, features: [{ id: evil }], customers: [{ id: "c", name: evil, alias: evil }] }));
  const good = file(`${evil}good.json`, JSON.stringify({ format: 1, customers: [{ id: "c", name: evil }] }));
  const wrong = file(`${evil}wrong.json`, `{"${evil.replaceAll("\u001b", "").replaceAll("\u0007", "")}": }`);
  const said = [];
  for (const args of [
    ["import", lines_of, "--url", url],
    ["import", lines_of, "--url", `${url}/text`],
    ["import", lines_of, "--url", `${url}/moved`],
    ["import", `${lines_of}.none`, "--url", url],
    ["import", document, "--url", url],
    ["export", "--url", url, "-o", `${lines_of}.out`],
    ["export", "--url", url, "-o", join(folder, evil, "out")],
    ["validate", document],
    ["validate", good],
    ["validate", wrong],
    ["check", "--catalog", good, "--customer", evil, "--feature", evil],
    ["entitlements", "--catalog", document, "--customer", "c"],
    ["inspect", document],
    ["diff", good, wrong],
    ["build", document, "-o", join(folder, `${evil}dir`)],
    ["build", good, "-o", join(folder, `${evil}dir`)],
    ["inspect", join(folder, `${evil}dir`)],
    ["publish", join(folder, `${evil}dir`), "--kv", join(folder, `${evil}bulk.json`)],
    ["conform", wrong],
    ["keygen", "-o", join(folder, `${evil}key`)],
    ["keygen", "-o", join(folder, `${evil}key`)],
  ]) {
    const { stdout, stderr } = await mayuse(args, { env: { MAYUSE_SIGNING_KEY: "07".repeat(32) } });
    assert.ok(stdout + stderr, args[0]);
    assert.doesNotMatch(stdout + stderr, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/, `${args}`);
    said.push(stdout + stderr);
  }
  assert.ok(said[0].includes(shown), said[0]);
  assert.match(said[0], /\nTo go on|answered 400 Bad Request/);
  // What is to be typed again is what a shell reads as that name.
  const { stderr } = await mayuse(["import", lines_of, "--url", `${url}/text`]);
  const command = /mayuse import (\$'.*?') --url/.exec(stderr)[1];
  assert.equal(execFileSync("bash", ["-c", `printf %s ${command}`]).toString(), lines_of);
});

test("the command says what it does", async () => {
  const { stdout } = await mayuse(["--help"]);
  assert.match(stdout, /^May this customer use this feature\?\n\nUsage: mayuse /);
});
