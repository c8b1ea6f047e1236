// A KV namespace for the time of a bench: workerd has none of its own, and asks over HTTP for what it is bound to.
const values = new Map();

export default {
  async fetch(request) {
    const key = new URL(request.url).pathname;
    if (request.method === "PUT") {
      values.set(key, await request.arrayBuffer());
    } else if (request.method === "DELETE") {
      values.delete(key);
    } else {
      return values.has(key) ? new Response(values.get(key)) : new Response(null, { status: 404 });
    }
    return new Response();
  },
};
