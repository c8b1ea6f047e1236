#!/usr/bin/env bash
# Fuzzes each target in fuzz/targets for some seconds, from the corpus in the repository and the findings of earlier
# runs (fuzz/found, git-ignored). Prints the speed and the findings.
# scripts/fuzz.sh [SECONDS [TARGET ...]]: 20 seconds and all targets by default.
#
# Needs only cargo and a C++ compiler: libFuzzer comes with a crate, and the flags are those of cargo-fuzz
# without a sanitizer, which a stable compiler accepts. It installs that crate and builds into fuzz/target,
# in about a minute if both are missing.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/env.sh
. scripts/env.sh
# shellcheck source=scripts/lib.sh
. scripts/lib.sh

seconds=${1:-20}
shift || true
targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
    targets=(objects manifest file json document dialects)
fi

command -v c++ >/dev/null || die "libFuzzer is C++ and needs a compiler (c++)" "Debian: apt-get install g++"
host=$(rustc -vV | sed -n 's/^host: //p')
flags=(--cfg fuzzing -Ccodegen-units=1 -Cpasses=sancov-module)
for argument in -sanitizer-coverage-level=4 -sanitizer-coverage-inline-8bit-counters -sanitizer-coverage-pc-table \
    -sanitizer-coverage-trace-compares -simplifycfg-branch-fold-threshold=0; do
    flags+=("-Cllvm-args=$argument")
done

build() {
    # With an explicit target, build scripts are not instrumented.
    RUSTFLAGS="${flags[*]}" cargo build --manifest-path fuzz/Cargo.toml --release --target "$host" \
        "${targets[@]/#/--bin=}"
}

step fuzz-build "Building the fuzz targets, with libFuzzer from its crate, into fuzz/target" build ||
    die "Try: cargo build in fuzz"

n_found=0
for target in "${targets[@]}"; do
    mkdir -p "fuzz/found/$target" "fuzz/artifacts/$target"
    log=fuzz/artifacts/$target.log
    # A gigabyte catches a runaway allocation, and ten seconds catch an endless loop.
    if "fuzz/target/$host/release/$target" "fuzz/found/$target" "fuzz/corpus/$target" -max_total_time="$seconds" \
        -artifact_prefix="fuzz/artifacts/$target/" -rss_limit_mb=1024 -malloc_limit_mb=512 -timeout=10 -max_len=65536 \
        -print_final_stats=1 >"$log" 2>&1; then
        verdict="nothing found"
    else
        verdict="FOUND something: $(grep -m 1 -E 'panicked|ERROR|SUMMARY' "$log" || true)"
        n_found=$((n_found + 1))
    fi
    stat() { sed -n "s/^stat::$1: *//p" "$log"; }
    covered=$(grep -oE 'cov: [0-9]+' "$log" | tail -n 1 || true)
    printf '%-10s %9s executions, %6s a second, %s; %s\n' "$target" "$(stat number_of_executed_units)" \
        "$(stat average_exec_per_sec)" "${covered:-cov: none}" "$verdict"
    case $verdict in FOUND*) printf '    %s; what did it: fuzz/artifacts/%s\n' "$log" "$target" ;; esac
done
[ "$n_found" -eq 0 ] || die "Give the file in fuzz/artifacts to the target by itself, fix it, and keep a test of it."
