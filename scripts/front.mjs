// The proxy of `make run`: forwards requests under this machine's own name to wrangler. A page of another host can
// point its name here, and wrangler lets it hide that name; so this proxy adds a pass to each request.
// Given a port alone, it only tries whether it can listen there.
import { createServer, request } from "node:http";

const [port, inner, pass, parent] = process.argv.slice(2);
const LOCAL = /^(https?:\/\/)?(localhost|127\.0\.0\.1|\[::1\])(:[0-9]+)?$/;

const server = createServer((asked, answer) => {
  const { host = "", origin } = asked.headers;
  const hides = Object.keys(asked.headers).some((name) => name.startsWith("mf-"));
  if (!LOCAL.test(host) || (origin !== undefined && !LOCAL.test(origin)) || hides) {
    const message = "the local run answers this machine alone: ask it at 127.0.0.1 or localhost";
    answer.writeHead(403, { "content-type": "application/json" }).end(JSON.stringify({ error: { code: "FORBIDDEN", message } }));
    return;
  }
  const headers = { ...asked.headers, "x-mayuse-local": pass };
  const options = { host: "127.0.0.1", port: inner, method: asked.method, path: asked.url, headers };
  const passed = request(options, (got) => {
    answer.writeHead(got.statusCode, got.rawHeaders);
    got.pipe(answer);
  });
  passed.on("error", () => answer.destroy());
  answer.on("close", () => passed.destroy());
  asked.pipe(passed);
});
const isTrial = inner === undefined;
server.on("error", ({ code }) => {
  const why = code === "EADDRINUSE" ? "is taken, perhaps by another `make run`" : `cannot be used (${code})`;
  console.error(`Port ${port} ${why}; choose another, such as: PORT=${Number(port) + 1} make run`);
  if (!isTrial) {
    process.kill(Number(parent));
  }
  process.exit(1);
});
server.listen(Number(port), "127.0.0.1", () => isTrial && process.exit());

// wrangler has the process id of the shell that started this.
setInterval(() => {
  try {
    process.kill(Number(parent), 0);
  } catch {
    process.exit();
  }
}, 500);
