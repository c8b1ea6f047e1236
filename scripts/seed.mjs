// Imports the demo into the local Worker, if its catalog is empty. Fails as long as the Worker does not answer.
import { readFileSync } from "node:fs";

const [url] = process.argv.slice(2);
try {
  const { snapshot_version: version } = await (await fetch(`${url}/readyz`)).json();
  if (version === 0) {
    const body = readFileSync(new URL("../demo/catalog.json", import.meta.url));
    const headers = { authorization: "Bearer mayuse_demo_key", "content-type": "application/json" };
    const answer = await fetch(`${url}/v1/catalog`, { method: "PUT", headers, body });
    if (!answer.ok) {
      console.error(`The demo was not taken: ${await answer.text()}`);
    }
  }
} catch {
  process.exitCode = 1;
}
