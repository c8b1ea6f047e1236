import { createServer } from "node:http";
import { MayUse } from "mayuse";
import { statusOf } from "mayuse/http";

const { MAYUSE_SNAPSHOT: file, MAYUSE_PUBLIC_KEY: publicKeys, PORT = 8080 } = process.env;
const mayuse = await MayUse.open({ file }, { publicKeys });
setInterval(() => mayuse.refresh().catch(console.error), 60_000).unref();

const server = createServer((request, response) => {
  const customer = request.headers["x-customer"] ?? "nobody";
  const decision = mayuse.check({ customer, feature: "report_builder" });
  response.writeHead(statusOf(decision)).end(decision.allowed ? "Your report." : decision.reason);
});
server.listen(PORT, () => console.log(`http://localhost:${server.address().port}`));
