#!/usr/bin/env bash
# Mutates the pure crates in one place after another, and lists the mutations that no native test catches.
#
#   scripts/mutants.sh                     all modules of the list below; goes on where it left off
#   scripts/mutants.sh time amount         some of them, by the name of the file
#   scripts/mutants.sh --table             only prints the table of what was found so far
#   FRESH=1 scripts/mutants.sh time        forgets what was found before
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

# The modules that decide or verify bytes. Each word is a file or a folder below one of the pure crates.
readonly MODULES='time amount billing reset windowing window admit until entitle resolve decide freshness packed replica
    reader publisher manifest keys'

# files_of MODULE: prints its files.
files_of() {
    local crate
    for crate in src/core src/document src/snapshot; do
        if [ -f "$crate/$1.rs" ]; then printf '%s\n' "$crate/$1.rs"; fi
        if [ -d "$crate/$1" ]; then find "$crate/$1" -name '*.rs' | sort; fi
    done
}

# try_module MODULE: runs its remaining mutations.
try_module() {
    local module=$1 file arguments=()
    while read -r file; do arguments+=(--file "$file"); done < <(files_of "$module")
    if [ ${#arguments[@]} -eq 0 ]; then
        printf '%s: there is no such module now\n' "$module"
        return
    fi
    mkdir -p "$RESULTS/$module"
    if [ -n "${FRESH:-}" ]; then rm -rf "$RESULTS/$module/mutants.out" "$RESULTS/$module/mutants.out.old"; fi
    # Debug information and incremental files only cost time here: each change is built once.
    # Laws run fewer cases than in `cargo test`, so a mutation caught here is caught there as well.
    # The baseline runs once per module, and gives the timeout.
    CARGO_PROFILE_DEV_DEBUG=0 CARGO_PROFILE_DEV_OPT_LEVEL=1 CARGO_INCREMENTAL=1 PROPTEST_CASES="${PROPTEST_CASES:-64}" \
        nice -n 19 "$CARGO_MUTANTS" mutants --iterate --jobs 1 --no-shuffle --colors never \
        --output "$RESULTS/$module" --timeout "${TIMEOUT:-180}" --test-package mayuse-tests,mayuse-cli \
        --baseline "${BASELINE:-run}" "${arguments[@]}" -- --tests || true
}

# One row for each module: mutations that compile, are caught, are missed, and are explained in tests/mutants.md.
table() {
    local folder module caught missed explained viable percent
    printf '%-12s %7s %7s %7s %10s %6s\n' module viable caught missed explained caught
    for folder in "$RESULTS"/*/mutants.out; do
        [ -d "$folder" ] || continue
        module=$(basename "$(dirname "$folder")")
        # A resumed run starts new lists and keeps the earlier ones here.
        caught=$(cat "$folder/caught.txt" "$folder/timeout.txt" "$folder/previously_caught.txt" 2>/dev/null | sort -u | wc -l)
        missed=$(wc -l <"$folder/missed.txt")
        explained=$(count_explained "$folder/missed.txt")
        viable=$((caught + missed))
        percent=$((viable == 0 ? 100 : 100 * caught / viable))
        printf '%-12s %7d %7d %7d %10d %5d%%\n' "$module" "$viable" "$caught" "$missed" "$explained" "$percent"
    done
}

# A survivor is explained where tests/mutants.md names it without its line and column, which move.
count_explained() {
    sed 's/:[0-9]*:[0-9]*:/:/' "$1" | while read -r mutant; do
        if grep -qF -- "\`$mutant\`" tests/mutants.md; then printf 'x\n'; fi
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
