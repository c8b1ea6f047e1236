// The rival: a check from a snapshot that is part of the Worker. It asks for no key.
import { decider } from "decide.js";
import text from "snapshot.json";

const decide = decider(JSON.parse(text));
const headers = { "content-type": "application/json" };

export default {
  async fetch(request) {
    const query = new URL(request.url).searchParams;
    const decision = decide(query.get("c"), query.get("f"), Number(query.get("u")), Date.now());
    return new Response(JSON.stringify(decision), { headers });
  },
};
