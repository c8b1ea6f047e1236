#!/usr/bin/env bash
# Measures time and size of a snapshot: opening it natively and in Node's wasm against JSON.parse of the same
# catalog, hashing, verifying, memory, compression and changes. Prints Markdown. Takes about 2 minutes.
# scripts/bench-snapshot.sh [CUSTOMERS] [MANY]: opens 100,000 customers, builds and patches 1,000,000 by default.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/env.sh
. scripts/env.sh
# shellcheck source=scripts/lib.sh
. scripts/lib.sh

n=${1:-100000} many=${2:-1000000}
open=$MAYUSE_ROOT/target/release/mayuse-open
folder=$MAYUSE_ROOT/target/snapshot-$n large=$MAYUSE_ROOT/target/snapshot-$many
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT

everything() {
    rm -rf "$folder" "$large"
    mkdir -p "$folder"
    "$open" build "$n" "$folder" >"$results/build"
    target/release/mayuse-generate "$n" >"$folder/catalog.ndjson"
    for _ in 1 2 3 4 5 6 7; do
        "$open" open "$folder/snapshot.myf" >>"$results/native"
        node scripts/bench-snapshot.mjs "$folder" >>"$results/node"
    done
    "$open" build "$many" "$large" >"$results/many"
    "$open" patch "$large/snapshot.myf" 77 >"$results/patch"
}

step snapshot-build "Building the bench" \
    cargo build --profile bench -p mayuse-tests --bin mayuse-open --bin mayuse-generate || die "Try: make test"
step snapshot-wasm "Building the engine for JavaScript, with snapshots" scripts/build.sh npm || die "Try: make test"
step snapshot-run "Measuring, 7 processes of each kind" everything || die "Try: $open build 1000 /tmp/snapshot"

echo
node scripts/bench-snapshot.mjs "$folder" "$results"
cpu=$(sed -n 's/^model name[[:space:]]*: *//p' /proc/cpuinfo 2>/dev/null | head -n 1 || true)
printf '\nMedians of 7 processes. %s, %s cores, load %s; Node %s; %s.\n' "${cpu:-unknown processor}" \
    "$(getconf _NPROCESSORS_ONLN)" "$(cut -d ' ' -f 1 /proc/loadavg 2>/dev/null || echo unknown)" "$(node --version)" "$(rustc --version)"
