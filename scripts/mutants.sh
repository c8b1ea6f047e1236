#!/usr/bin/env bash
# Mutates the pure crates in one place after another, and lists the mutations that no native test catches.
#
#   scripts/mutants.sh                     all modules of the list below; resumes an interrupted run
#   scripts/mutants.sh time amount         some modules, by the names of their files
#   scripts/mutants.sh --table             only prints the table of the results so far
#   FRESH=1 scripts/mutants.sh time        drops earlier results
#   NARROW=1 scripts/mutants.sh time       skips the last tier, which runs all native tests for the remaining changes
#
# Results are in target/mutants/MODULE; tests/mutants.md explains accepted survivors.
# The script installs cargo-mutants into .tools. Neither other scripts nor continuous integration need it.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/env.sh
. scripts/env.sh
# shellcheck source=scripts/lib.sh
. scripts/lib.sh

readonly VERSION=27.1.0
readonly CARGO_MUTANTS=.tools/mutants/bin/cargo-mutants
readonly RESULTS=target/mutants
readonly TREE=$RESULTS/tree

# The modules that decide or verify bytes. Each word is a file or a folder below one of the pure crates.
readonly MODULES='time amount billing reset windowing window valid_until admit decide entitle compose resolve manifest keys
    packed trace query freshness ladder replica reader look asking fetched fallback publisher'

# files_of MODULE: prints its files.
files_of() {
    local crate
    for crate in src/core src/document src/snapshot; do
        if [ -f "$crate/$1.rs" ]; then printf '%s\n' "$crate/$1.rs"; fi
        if [ -d "$crate/$1" ]; then find "$crate/$1" -name '*.rs' | sort; fi
    done
}

# Tests run in tiers, so that most changes are caught within seconds: first the unit tests beside the code; then
# vectors and laws, or snapshots, without tests that read the repository or large data; then, for the remaining
# changes, all native tests.
readonly UNITS='--lib -- --skip tidy::'
readonly DECISIONS='--bin=mayuse --test=all -- --skip tidy:: --skip hostile:: --skip workload::'
# Threads of a follower that is broken wait without an end.
readonly SNAPSHOTS='--test=snapshot -- --skip hostile:: --skip following::threads'
readonly ALL='--lib --bin=mayuse --test=all --test=snapshot --test=dialects -- --skip tidy::'

# try_module MODULE: runs the remaining changes of a module, in a copy of the working tree, which stays unchanged.
try_module() {
    local module=$1 file arguments=() tiers=("$DECISIONS" "$ALL") tier
    while read -r file; do arguments+=(--file "$file"); done < <(files_of "$module")
    if [ ${#arguments[@]} -eq 0 ]; then
        printf '%s: there is no such module now\n' "$module"
        return
    fi
    case ${arguments[1]} in
    src/snapshot/* | src/core/packed/*) tiers=("$UNITS" "$SNAPSHOTS" "$ALL") ;;
    esac
    mkdir -p "$RESULTS/$module"
    if [ -n "${FRESH:-}" ]; then rm -rf "${RESULTS:?}/$module"/*; fi
    # The files get the present time: with an older time, cargo would use the build of an earlier change.
    rm -rf "$TREE"
    mkdir -p "$TREE"
    git ls-files -coz --exclude-standard | tar -c --null --ignore-failed-read -T - | tar -x -m -C "$TREE"
    # Otherwise cargo would build the programs of the tests for every change, although no test runs them.
    sed -i '/^\[\[bin\]\]/,/^$/d' "$TREE/tests/Cargo.toml"
    for tier in "${tiers[@]}"; do
        if [ "$tier" = "$ALL" ] && [ -n "${NARROW:-}" ]; then continue; fi
        change "$tier"
        [ -s "$RESULTS/$module/mutants.out/missed.txt" ] || break
    done
}

# change TESTS: uses `module` and `arguments` of its caller. TESTS are targets, `--`, and the tests to skip.
change() {
    local packages targets skipped
    case $1 in
    "$UNITS") packages=(mayuse-core mayuse-snapshot) ;;
    "$DECISIONS") packages=(mayuse-tests mayuse-cli) ;;
    "$SNAPSHOTS") packages=(mayuse-tests) ;;
    *) packages=(mayuse-tests mayuse-cli mayuse-core mayuse-document mayuse-snapshot mayuse-dialects) ;;
    esac
    read -ra targets <<<"${1%% -- *}"
    read -ra skipped <<<"${1##* -- }"
    (
        export CARGO_TARGET_DIR=$PWD/$RESULTS/build PROPTEST_CASES="${PROPTEST_CASES:-16}"
        # If the tests fail without a change, every change would count as caught.
        (cd "$TREE" && nice -n 10 cargo test -q --profile mutants "${packages[@]/#/--package=}" "${targets[@]}" \
            -- "${skipped[@]}" >"$PWD/../baseline.txt" 2>&1) ||
            die "The tests fail without a change: $RESULTS/baseline.txt"
        nice -n 10 "$CARGO_MUTANTS" mutants --in-place --dir "$TREE" --iterate --no-shuffle --colors never \
            --profile mutants --output "$RESULTS/$module" --baseline skip --timeout "${TIMEOUT:-60}" \
            --test-package "$(IFS=,; printf '%s' "${packages[*]}")" "${targets[@]/#/--cargo-arg=}" \
            "${arguments[@]}" -- -- "${skipped[@]}" || true
    )
    # The next run starts new lists, which no longer tell earlier caught changes from changes that do not compile.
    cat "$RESULTS/$module/mutants.out/unviable.txt" >>"$RESULTS/$module/unviable.txt"
}

# One row for each module: the changes that compile, and of these the caught, missed, and explained in
# tests/mutants.md. The share counts explained survivors as caught, because no test can catch them.
table() {
    local folder module caught missed explained viable percent
    if ! compgen -G "$RESULTS/*/mutants.out" >/dev/null; then
        echo "There are no results yet: scripts/mutants.sh time amount makes those of two modules."
        return
    fi
    printf '%-12s %7s %7s %7s %10s %6s\n' module viable caught missed explained caught
    for folder in "$RESULTS"/*/mutants.out; do
        [ -d "$folder" ] || continue
        module=$(basename "$(dirname "$folder")")
        # The changes of earlier runs, without those that did not compile.
        caught=$(cat "$folder/caught.txt" "$folder/timeout.txt" "$folder/previously_caught.txt" 2>/dev/null | sort -u |
            comm -23 - <(cat "$folder"/../unviable.txt "$folder/unviable.txt" 2>/dev/null | sort -u) | wc -l)
        missed=$(wc -l <"$folder/missed.txt")
        explained=$(count_explained "$folder/missed.txt")
        missed=$((missed - explained))
        viable=$((caught + missed + explained))
        percent=$((viable == 0 ? 100 : 100 * (caught + explained) / viable))
        printf '%-12s %7d %7d %7d %10d %5d%%\n' "$module" "$viable" "$caught" "$missed" "$explained" "$percent"
    done
}

# A survivor is explained if tests/mutants.md names it, without its line and column, which change.
count_explained() {
    sed 's/:[0-9]*:[0-9]*:/:/' "$1" | while read -r mutant; do
        # A bar in a table is escaped.
        if grep -qF -- "\`${mutant//|/\\|}\`" tests/mutants.md; then printf 'x\n'; fi
    done | wc -l
}

if [ "${1:-}" = --table ]; then
    table
    exit
fi
if [ ! -x "$CARGO_MUTANTS" ] || [ "$(version_of "$CARGO_MUTANTS" mutants)" != "$VERSION" ]; then
    step mutants "Installing cargo-mutants $VERSION (it makes the changes)" \
        cargo install --locked --root .tools/mutants --version "$VERSION" cargo-mutants ||
        die "Is the registry reachable? No other script needs this one."
fi
# shellcheck disable=SC2086
for module in ${*:-$MODULES}; do
    printf '\n== %s\n' "$module"
    try_module "$module"
done
table
