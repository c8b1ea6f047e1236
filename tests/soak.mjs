// A writer publishes every second while isolates that read it are asked without end: soak.sh says how to run it.
//
// Every version is kept, so that each answer is held against the one that it names. Once in a while the store shows one
// isolate an older manifest, misses objects, or is down.
import { setTimeout as sleep } from "node:timers/promises";
import { JSON_TYPE, start } from "./worker/support.mjs";
import { FEATURES, World, faultyModules, faults, published, stored } from "./worker/world.mjs";

const SECONDS = Number(process.argv[2] ?? 600);
const N_PEOPLE = 300;
const N_READERS = 3;
const N_QUESTIONS = 40;
const PAUSE_MS = 20;
/** Long names take several shards. */
const PREFIX = `cus_${"x".repeat(100)}`;

const settings = { REFRESH_MS: "500", HEARTBEAT_S: "5", SNAPSHOT_GRACE_S: "30" };
const worker = { catalog: null, snapshots: "soak", parts: faultyModules(), bindings: settings };
const started = await start(worker, ...Array.from({ length: N_READERS }, () => ({ ...worker, writer: 0 })));
const [writer, ...readers] = started.workers;
const world = World.of(N_PEOPLE, PREFIX);
/** When each version was acknowledged. */
const writtenAt = new Map();

const end = Date.now() + SECONDS * 1_000;
const isOver = () => end <= Date.now();
const any = (list) => list[Math.floor(Math.random() * list.length)];
const found = { torn: 0, wrong: 0, regressions: 0, checks: 0, unsaid: 0, elsewhere: 0, faults: 0 };
const ages = [];
let nNew = 0;

/** One write: a plan or an alias for somebody, somebody new, or somebody less. */
async function write() {
  const ids = [...world.people.keys()];
  const id = any(ids);
  const { plan, alias } = world.people.get(id);
  const dice = Math.random();
  if (dice < 0.6) {
    await world.subscribe(writer, id, plan === null ? Math.floor(Math.random() * 4) : any([null, (plan + 1) % 4]));
  } else if (dice < 0.75) {
    await world.put(writer, id, alias ? undefined : `${PREFIX}_other_${(nNew += 1)}`);
  } else if (dice < 0.9 || plan !== null) {
    await world.put(writer, `${PREFIX}_new_${(nNew += 1)}`, `${PREFIX}_alias_new_${nNew}`);
  } else {
    await world.remove(writer, id);
  }
  writtenAt.set(world.version, Date.now());
}

async function writeOn() {
  for (let n = 0; !isOver(); n += 1) {
    const next = Date.now() + 1_000;
    await write();
    await sleep(next - Date.now());
  }
}

/** For a few seconds at a time, one isolate sees a store that is not what it should be. */
async function disturb() {
  while (!isOver()) {
    const reader = any(readers);
    const older = (await stored.get(writer, "manifest")).toString("base64");
    await sleep(2_000);
    const of = [
      { call: "get", key: "manifest", kind: "value", value: older },
      { call: "get", key: "o/", kind: "absent" },
      { call: "get", key: "o/", kind: any(["flipped", "short"]) },
      { call: "get", key: "", kind: "down" },
    ];
    await faults(reader, [any(of)]);
    found.faults += 1;
    await sleep(3_000);
    await faults(reader);
  }
}

/** How long a newer version was there when an answer came of an older one. */
const staleness = (version, now) => Math.max(0, now - (writtenAt.get(version + 1) ?? now));

/** Holds a decision against the version that it names. */
function judge(decision, question) {
  found.checks += 1;
  const { source, snapshot_version: version } = decision.freshness;
  if (decision.decision === "INDETERMINATE") {
    found.unsaid += 1;
    found.wrong += decision.allowed ? 1 : 0;
    return undefined;
  }
  const { customer: key, feature } = question;
  const isRight = (of) => world.versions.has(of) && world.mayUse(of, key, feature) === decision.allowed;
  if (!isRight(version)) {
    console.error(`wrong: ${JSON.stringify({ question, decision })}`);
    // What is right in the version beside was put together from two.
    found[isRight(version - 1) || isRight(version + 1) ? "torn" : "wrong"] += 1;
  }
  found.elsewhere += source === "SNAPSHOT" ? 0 : 1;
  return source === "SNAPSHOT" ? version : undefined;
}

/** Asks one isolate without end: much at once, one by one, and all about one customer. */
async function askOn(reader) {
  let highest = 0;
  const keys = () => [...world.people].flatMap(([id, { alias }]) => [id, alias ?? []].flat());
  while (!isOver()) {
    const known = [...keys(), "nobody"];
    const questions = Array.from({ length: N_QUESTIONS }, () => ({ customer: any(known), feature: any(FEATURES) }));
    const sent = { body: JSON.stringify({ questions }), headers: JSON_TYPE };
    const batch = JSON.parse((await reader.send("POST", "/v1/check/batch", sent)).text).results;
    highest = note(batch.map((decision, n) => judge(decision, questions[n])), highest);
    const [{ customer }] = questions;
    // Whoever has just written wants to read that.
    const one = { ...questions[1], ...(Math.random() < 0.1 && { min_version: world.version }) };
    const single = JSON.parse((await reader.send("GET", `/v1/check?${new URLSearchParams(one)}`)).text);
    highest = note([judge(single, one)], highest);
    const isBehind = single.decision !== "INDETERMINATE" && single.freshness.snapshot_version < (one.min_version ?? 0);
    found.wrong += isBehind ? 1 : 0;
    const { data } = JSON.parse((await reader.send("GET", `/v1/customers/${customer}/entitlements`)).text);
    const versions = data.map((decision, n) => judge(decision, { customer, feature: FEATURES[n] }));
    found.torn += new Set(data.map(({ freshness }) => freshness.snapshot_version)).size === 1 ? 0 : 1;
    highest = note(versions, highest);
    await sleep(PAUSE_MS);
  }
}

/** Notes from which versions an isolate answered, none of which is older than what it answered from before. */
function note(versions, highest) {
  const of = versions.filter((version) => version !== undefined);
  const now = Date.now();
  found.regressions += of.filter((version) => version < highest).length;
  ages.push(...new Set(of.map((version) => staleness(version, now))));
  return Math.max(highest, ...of);
}

await world.putAll(writer);
writtenAt.set(world.version, Date.now());
await published(writer, world);
await Promise.all([writeOn(), disturb(), ...started.workers.map(askOn)]);
await started.stop();

ages.sort((a, b) => a - b);
const [median, worst] = [ages[ages.length >> 1], ages.at(-1)];
console.log(
  `${SECONDS} s, ${world.version} versions, ${started.workers.length} isolates, ${found.faults} faults, ` +
    `${found.checks} checks: ${found.torn} torn, ${found.regressions} regressions, ${found.wrong} wrong; ` +
    `${found.elsewhere} from the catalog, ${found.unsaid} unsaid; ` +
    `staleness ${median} ms (median), ${worst} ms (worst)`,
);
process.exitCode = found.torn + found.regressions + found.wrong === 0 && found.checks > 0 ? 0 : 1;
