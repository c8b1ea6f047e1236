import { answer } from "./slim.js";

addEventListener("install", () => skipWaiting());
addEventListener("message", (event) => {
  event.waitUntil(
    answer("mayuse.wasm", "document.wasm").then(
      (answer) => event.ports[0].postMessage(answer),
      (error) => event.ports[0].postMessage(String(error)),
    ),
  );
});
