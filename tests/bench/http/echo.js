// The limit: what the runtime itself takes.
export default {
  fetch() {
    return new Response("ok");
  },
};
