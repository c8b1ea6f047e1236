// load.mjs PORT CONNECTIONS SECONDS TARGETS [KEY]: asks on as many connections, on each the next question once the last
// is answered, and prints how many were answered and how long the caller waited, as JSON.
import { readFileSync } from "node:fs";
import { connect } from "node:net";

const [port, nConnections, seconds] = process.argv.slice(2, 5).map(Number);
const [targets, key] = process.argv.slice(5);
const header = key ? `x-api-key: ${key}\r\n` : "";
const requests = readFileSync(targets, "utf8")
  .trim()
  .split("\n")
  .map((target) => Buffer.from(`GET ${target} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\n${header}\r\n`));

/** How many answers took so many microseconds; the last one counts all that took longer. */
const took = new Uint32Array(2_000_000);
let [nAnswers, nBad, next, open, over] = [0, 0, 0, nConnections, false];
const began = performance.now();

/** Where an answer ends, or nothing while it is not all there. */
function isWhole(text) {
  const end = text.indexOf("\r\n\r\n");
  const length = end < 0 ? null : /\r\ncontent-length: *(\d+)/i.exec(text.slice(0, end));
  return end >= 0 && (length ? end + 4 + Number(length[1]) <= text.length : text.endsWith("0\r\n\r\n"));
}

for (let n = 0; n < nConnections; n += 1) {
  const socket = connect(port, "127.0.0.1");
  let [text, sent] = ["", 0];
  const ask = () => {
    sent = performance.now();
    socket.write(requests[next++ % requests.length]);
  };
  socket.setNoDelay(true);
  socket.on("connect", ask);
  socket.on("data", (chunk) => {
    text += chunk.latin1Slice();
    if (!isWhole(text)) {
      return;
    }
    took[Math.min(took.length - 1, Math.round((performance.now() - sent) * 1000))] += 1;
    nAnswers += 1;
    nBad += text.startsWith("HTTP/1.1 200") ? 0 : 1;
    text = "";
    if (over) {
      socket.end();
    } else {
      ask();
    }
  });
  socket.on("error", () => (nBad += 1));
  socket.on("close", () => {
    open -= 1;
    if (open === 0) {
      report();
    }
  });
}
setTimeout(() => (over = true), seconds * 1000);

function report() {
  const perSecond = nAnswers / ((performance.now() - began) / 1000);
  const within = (share) => {
    let sum = 0;
    return took.findIndex((n) => (sum += n) >= nAnswers * share) / 1000;
  };
  console.log(JSON.stringify({ perSecond, nAnswers, p50: within(0.5), p99: within(0.99), p999: within(0.999), nBad }));
}
