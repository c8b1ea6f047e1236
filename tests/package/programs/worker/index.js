import { answer, vectors } from "../full.js";

export default {
  async fetch(request) {
    return Response.json(request.method === "POST" ? vectors(await request.json()) : await answer());
  },
};
