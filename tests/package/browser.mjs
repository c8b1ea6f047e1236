// Chromium, and a server of files for it.
import { createReadStream, existsSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { chromium } from "playwright-core";
import { here, work } from "./project.mjs";

const TYPES = { ".html": "text/html", ".js": "text/javascript", ".wasm": "application/wasm" };
let browser, server, origin;

/** Starts both. */
export async function open() {
  const binary = join(here, ".chromium/chromium");
  const LD_LIBRARY_PATH = join(here, ".chromium/lib");
  // The sandbox of Chromium does not start for root, and the pages are ours.
  browser = await chromium.launch({ executablePath: binary, args: ["--no-sandbox"], env: { ...process.env, LD_LIBRARY_PATH } });
  server = createServer(({ url }, response) => {
    const path = join(work, "out", normalize(decodeURIComponent(new URL(url, "http://x").pathname)));
    if (!existsSync(path) || !statSync(path).isFile()) return void response.writeHead(404).end();
    response.writeHead(200, { "content-type": TYPES[extname(path)] ?? "application/octet-stream" });
    createReadStream(path).pipe(response);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  origin = `http://localhost:${server.address().port}`;
}

export async function close() {
  await browser?.close();
  server?.closeAllConnections();
  server?.close();
}

/** What pages have when they are done. */
const ANSWERED = "globalThis.answered ?? document.querySelector('pre')?.textContent";

/**
 * Opens a page and returns what `look` returns for it, once `done` is true there. The page is a path below `.work/out`, or an address. An error in
 * the page, a failed request and a message to the console as an error are failures.
 */
export async function onPage(address, look = (page) => page.evaluate("answered"), done = ANSWERED) {
  const page = await browser.newPage();
  const said = [];
  page.on("pageerror", (error) => said.push(String(error)));
  page.on("console", (message) => message.type() === "error" && said.push(message.text()));
  page.on("response", (response) => response.status() >= 400 && said.push(`${response.status()} ${response.url()}`));
  try {
    await page.goto(new URL(address, origin).href);
    await page.waitForFunction(done, null, { timeout: 20_000 });
    const found = await look(page);
    if (said.length > 0) throw new Error("the page said something");
    return found;
  } catch (error) {
    throw new Error([error.message, ...said].join("\n"), { cause: error });
  } finally {
    await page.close();
  }
}
