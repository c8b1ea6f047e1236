// The entry says where the engine is.
import "./entry-workerd.js";

export * from "./cloudflare.js";
