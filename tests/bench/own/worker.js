// A user's Worker with a replica. A request asks many questions in a loop, because the clock of a Worker stands still.
import { createReplica } from "mayuse/cloudflare";

let questions;
let customers;

/** What a question costs the loop, and nothing else. */
const none = ({ customer, feature, usage }) => customer.length + feature.length + usage > 0;

async function asked(what, n, own) {
  const replica = own();
  let allowed = 0;
  const ask = (yes) => {
    if (yes) allowed += 1;
  };
  for (let at = 0; at < n; at++) {
    const question = questions[at % questions.length];
    const { customer, feature, usage } = question;
    switch (what) {
      case "none":
        ask(none(question));
        break;
      case "mayUse":
        ask(customers.get(customer).mayUse(feature, usage));
        break;
      case "check": {
        const decision = replica.check({ customer, feature, consumed: usage });
        if (decision instanceof Promise) throw new Error("it is not held");
        ask(decision.allowed);
        break;
      }
      case "createReplica and check":
        ask(own().check({ customer, feature, consumed: usage }).allowed);
        break;
      case "await check":
        ask((await replica.check({ customer, feature, consumed: usage })).allowed);
        break;
      case "all of check": {
        const { allowed, reason, limit, remaining, period } = replica.check({ customer, feature, consumed: usage });
        if (reason === undefined || (limit !== undefined && remaining === undefined) || period?.resetAt === undefined && limit) throw new Error("fields");
        ask(allowed);
        break;
      }
    }
  }
  return allowed;
}

export default {
  async fetch(request, env) {
    const { pathname, searchParams } = new URL(request.url);
    if (request.method === "PUT") {
      await env.SNAPSHOTS.put(pathname.slice(1), request.body);
      return new Response();
    }
    const own = () => createReplica({ kv: env.SNAPSHOTS, publicKeys: env.PUBLIC_KEY, refreshMs: 86_400_000 });
    if (request.method === "POST") {
      questions = await request.json();
      customers = new Map();
      for (const { customer } of questions) customers.set(customer, await own().ready(customer));
      return Response.json(own().status());
    }
    return Response.json(await asked(searchParams.get("what"), Number(searchParams.get("n")), own));
  },
};
