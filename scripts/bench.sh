#!/usr/bin/env bash
# Measures the time of decisions, of writing them, of windows and of loading. Counts instructions per decision if
# valgrind is installed. Prints Markdown. Takes about 4 minutes.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/env.sh
. scripts/env.sh
# shellcheck source=scripts/lib.sh
. scripts/lib.sh

target=${CARGO_TARGET_DIR:-target}
case $target in /*) ;; *) target=$MAYUSE_ROOT/$target ;; esac
export CRITERION_HOME=$target/criterion
count=$target/release/mayuse-count
counts=$(mktemp)
trap 'rm -f "$counts"' EXIT

# instructions CASE TIMES: prints the instructions of the whole run.
instructions() {
    valgrind --tool=callgrind --callgrind-out-file=/dev/null "$count" "$1" "$2" 2>&1 |
        sed -n 's/.*Collected *: *\([0-9]*\).*/\1/p'
}

count_all() {
    local name once twice
    while read -r name; do
        once=$(instructions "$name" 1000)
        twice=$(instructions "$name" 2000)
        [ -n "$once" ] && [ -n "$twice" ] || die "valgrind counted nothing of: $name"
        # The two runs differ only by a thousand decisions.
        printf '%s\t%d\n' "$name" $(((twice - once) / 1000)) >>"$counts"
    done < <("$count")
}

step bench-build "Building the benches, with the settings of \`cargo bench\`" \
    cargo build --profile bench -p mayuse-tests --bin mayuse-count --bench decide || die "Try: make test"
rm -rf "$CRITERION_HOME/decide" "$CRITERION_HOME/write" "$CRITERION_HOME/window" "$CRITERION_HOME/load"
step bench-time "Measuring (1 s of warm-up and 2 s each)" \
    cargo bench --quiet -p mayuse-tests --bench decide -- --noplot --warm-up-time 1 --measurement-time 2 ||
    die "Try: cargo bench -p mayuse-tests"
if command -v valgrind >/dev/null; then
    step bench-count "Counting instructions" count_all || die "Try: scripts/bench.sh with valgrind off PATH"
fi

echo
node --input-type=module - "$CRITERION_HOME" "$counts" <<'JS'
import fs from "node:fs";
const [home, counts] = process.argv.slice(2);
const read = (...path) => JSON.parse(fs.readFileSync([home, ...path].join("/"), "utf8"));
const names = (group) => fs.readdirSync(`${home}/${group}`).filter((name) => name !== "report");
const median = (...path) => read(...path, "new/estimates.json").median.point_estimate;
const ns = (value) => value.toFixed(value < 100 ? 1 : 0);
const row = (...cells) => console.log(`| ${cells.join(" | ")} |`);

const counted = new Map(fs.readFileSync(counts, "utf8").trim().split("\n").map((line) => line.split("\t")));
const order = [...counted.keys()];
const place = (name) => (order.indexOf(name) + 1 || Infinity);
// Warm: the same thousand questions again and again. Cold: 65,536 questions about different customers, in no cache.
row("case", "ns at 1,000", "at 100,000, warm", "ratio", "at 100,000, cold", "instructions");
row("---", "---:", "---:", "---:", "---:", "---:");
for (const name of names("decide").sort((a, b) => place(a) - place(b) || (a < b ? -1 : 1))) {
  const [small, warm, cold] = ["1000", "100000 warm", "100000 cold"].map((column) => median("decide", name, column));
  const count = counted.get(name) ?? "valgrind not installed";
  row(name, ns(small), ns(warm), (warm / small).toFixed(2), ns(cold), count);
}
for (const name of names("write")) row(`written as JSON: ${name}`, ns(median("write", name)), "", "", "", "");
for (const name of names("window")) row(`window: ${name}`, ns(median("window", name)), "", "", "", "");

const [ours, yardstick] = [median("load", "catalog"), median("load", "yardstick")].map((ns) => ns / 1e6);
const bytes = read("load", "catalog", "new/benchmark.json").throughput.Bytes;
console.log(`
Loading 10,000 customers (${(bytes / 1e6).toFixed(1)} MB): ${ours.toFixed(1)} ms read and compiled; \
serde_json::Value of the same text: ${yardstick.toFixed(1)} ms; ratio ${(ours / yardstick).toFixed(2)}.`);
JS
cpu=$(sed -n 's/^model name[[:space:]]*: *//p' /proc/cpuinfo 2>/dev/null | head -n 1 || true)
printf '\nMedians. %s, %s cores; %s.\n' "${cpu:-unknown processor}" "$(getconf _NPROCESSORS_ONLN)" "$(rustc --version)"
