// Time zones from Intl, as the package makes them, against those of the native command, which has its own database.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { window } from "../../pkg/document-node.js";
import { offsets } from "../../src/intl/zones.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const HOUR = 3_600_000;

/** The days around every change of the clock of a zone from 1970 to 2037, as cases of a vector file. */
function cases(zone) {
  const list = offsets(zone);
  const changes = list.filter((_, n) => n % 2 === 0).map((second) => second * 1000);
  const times = changes.filter((ms) => ms < Date.UTC(2037, 0)).flatMap((ms) => [ms - 13 * HOUR, ms - 1, ms, ms + 25 * HOUR]);
  return times.map((ms, n) => {
    const rule = { type: "CALENDAR", unit: "DAY", interval: 1, time_zone: zone };
    const at = new Date(ms).toISOString();
    const { start, end } = window({ rule, at });
    return { id: `${zone}#${n}`, kind: "window", rule, at, expect: { start, end } };
  });
}

test("the zones of Intl are those of the native database, but for rules that one of them has not learnt yet", () => {
  const zones = Intl.supportedValuesOf("timeZone").filter((zone) => offsets(zone).length !== 0);
  const folder = mkdtempSync(join(tmpdir(), "mayuse-zones-"));
  try {
    const file = join(folder, "zones.json");
    writeFileSync(file, JSON.stringify({ name: "zones", spec_version: 1, cases: zones.flatMap(cases) }));
    const command = join(root, "target/release/mayuse");
    const { stdout } = spawnSync(command, ["conform", file], { encoding: "utf8", maxBuffer: 1 << 28 });
    const differ = new Set([...stdout.matchAll(/^FAILED \S+ (\S+)#\d+$/gm)].map(([, zone]) => zone));
    assert.match(stdout, /\d+ passed, \d+ failed\n$/);
    assert.ok(300 <= zones.length - differ.size, `${differ.size} of ${zones.length} zones differ`);
    assert.ok(differ.size <= 40, [...differ].join(", "));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("a name is spelled as in the database", () => {
  const foreign = ["BST", "PST", "SystemV/PST8PDT", "US/Pacific-New"];
  const misspelt = ["europe/berlin", "asia/kolkata", "ASIA/TOKYO", "Asia/KOLKATA"];
  for (const name of [...foreign, ...misspelt, "Europe/Atlantis", "", "+01:00"]) {
    assert.deepEqual(offsets(name), [], name);
  }
  for (const name of ["Europe/Berlin", "Asia/Kolkata", "Asia/Calcutta", "America/Port-au-Prince", "Etc/GMT+5", "EST5EDT"]) {
    assert.notDeepEqual(offsets(name), [], name);
  }
});
