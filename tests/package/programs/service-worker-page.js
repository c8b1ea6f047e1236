// Asks the service worker that the page's address names.
const type = new URLSearchParams(location.search).get("type");

globalThis.answered = (async () => {
  const { installing } = await navigator.serviceWorker.register(`sw-${type}.js`, { type });
  await new Promise((resolve) => {
    const look = () => installing.state === "activated" && resolve();
    installing.addEventListener("statechange", look);
    look();
  });
  const { port1, port2 } = new MessageChannel();
  installing.postMessage("", [port2]);
  return new Promise((resolve) => (port1.onmessage = ({ data }) => resolve(data)));
})();
