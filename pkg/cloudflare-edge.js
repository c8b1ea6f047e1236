// The entry says where the engine is, as Vite takes it.
import "./entry-edge.js";

export * from "./cloudflare.js";
