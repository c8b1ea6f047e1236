// The packed package in a Worker of one's own, in workerd, with a real KV namespace.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Miniflare, NoOpLog } from "miniflare";
import { install } from "../support/packed.mjs";
import { build, newKey } from "../support/snapshots.mjs";

const demo = JSON.parse(readFileSync(new URL("../../demo/catalog.json", import.meta.url), "utf8"));
const key = newKey();
let package_, miniflare, url;

const MAIN = `
import { MayUse } from "./mayuse/entry-workerd.js";

let held;
const options = { publicKeys: "${key.public}", now: () => Date.parse("2026-11-20T12:00:00Z") };

export default {
  async fetch(request, env) {
    const { pathname, searchParams } = new URL(request.url);
    if (request.method === "PUT") return new Response(await env.SNAPSHOTS.put(pathname.slice(1), await request.arrayBuffer()));
    try {
      held ??= await MayUse.open({ kv: env.SNAPSHOTS }, options);
      if (pathname === "/refresh") return Response.json(await held.refresh());
      return Response.json(held.check(Object.fromEntries(searchParams)));
    } catch ({ name, code, message }) {
      return Response.json({ name, code, message }, { status: 500 });
    }
  },
};`;

before(async () => {
  package_ = install();
  const folder = join(package_.project, "node_modules/mayuse");
  const file = (name) => readFileSync(join(folder, name));
  const scripts = readdirSync(folder).filter((name) => name.endsWith(".js"));
  const parts = [
    ["main.js", { type: "esm", contents: MAIN }],
    ...scripts.map((name) => [`mayuse/${name}`, { type: "esm", contents: file(name).toString() }]),
    ["mayuse/wasm/server_bg.wasm", { type: "wasm", contents: file("wasm/server_bg.wasm") }],
  ];
  const config = {
    name: "shop",
    compatibilityDate: /^compatibility_date = "(.+)"$/m.exec(readFileSync(new URL("../../wrangler.toml", import.meta.url), "utf8"))[1],
    manifest: { mainModule: "main.js", modulesRoot: "/", modules: Object.fromEntries(parts) },
    env: { SNAPSHOTS: { type: "kv", id: "snapshots" } },
  };
  miniflare = new Miniflare({ log: new NoOpLog(), workers: [{ config, dev: { unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }] } }] });
  await miniflare.ready;
  url = (await miniflare.unsafeGetDirectURL("shop")).origin;
});
after(async () => {
  await miniflare?.dispose();
  package_.remove();
});

const put = async ({ folder }) => {
  for (const name of [...readdirSync(join(folder, "o")).map((name) => `o/${name}`), "manifest"]) {
    assert.equal((await fetch(`${url}/${name}`, { method: "PUT", body: readFileSync(join(folder, name)) })).status, 200);
  }
};
const get = async (path) => (await fetch(`${url}${path}`)).json();

test("a Worker opens a snapshot from KV, answers, and takes a newer one", async () => {
  const question = "/?customer=acme&feature=api_calls&consumed=199999";
  assert.deepEqual(await get(question), { name: "SnapshotError", code: "SNAPSHOT_MISSING", message: "manifest is not there" });
  await put(build(demo, key, "--at", "2026-11-20", "--version", "1"));
  const { reason, remaining, freshness } = await get(question);
  assert.deepEqual([reason, remaining, freshness.source, freshness.snapshotVersion], ["WITHIN_LIMIT", "1", "SNAPSHOT", 1]);
  assert.equal(await get("/refresh"), false);
  const archived = demo.customers.map((customer) => (customer.id === "cus_acme" ? { ...customer, archived_at: "2026-01-01T00:00:00Z" } : customer));
  await put(build({ ...demo, customers: archived }, key, "--at", "2026-11-20", "--version", "2"));
  assert.equal((await get(question)).reason, "WITHIN_LIMIT");
  assert.equal(await get("/refresh"), true);
  assert.equal((await get(question)).reason, "CUSTOMER_ARCHIVED");
});
