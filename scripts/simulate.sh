#!/usr/bin/env bash
# Simulates a publisher, a store and readers with faults, one seed after another, on all cores.
# scripts/simulate.sh [STEPS [SEED [RUNS]]]: a hundred runs of a million steps by default, with seeds from SEED.
# A file lists the seeds that this build has finished, so an interrupted run resumes.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/env.sh
. scripts/env.sh

for number in "$@"; do
    if [ $# -gt 3 ] || ! [[ $number =~ ^[0-9]+$ ]]; then
        echo "usage: scripts/simulate.sh [STEPS [SEED [RUNS]]], which are whole numbers" >&2
        exit 2
    fi
done
steps=${1:-1000000} first=${2:-1} runs=${3:-100}
cargo build --quiet --release -p mayuse-tests --bin mayuse-simulate
# A run uses a copy of the program, so that later builds do not change it. Each build has a list of its own.
build=$(sha256sum target/release/mayuse-simulate | cut -c 1-12)
folder=target/simulated/$build
mkdir -p "$folder"
[ -x "$folder/simulate" ] || cp target/release/mayuse-simulate "$folder/simulate"
export folder steps finished=$folder/finished-$steps
touch "$finished"
"$folder/simulate" noticed

one() {
    if "$folder/simulate" "$steps" "$1" >"$folder/seed-$1" 2>&1; then
        echo "$1" >>"$finished"
        echo "seed $1: $steps steps"
    else
        cat "$folder/seed-$1" >&2
        return 255
    fi
}
export -f one
echo "build $build; finished seeds are in $finished"
seq "$first" $((first + runs - 1)) | { grep -vxFf "$finished" || true; } | xargs -r -P "$(nproc)" -I{} bash -c 'one {}'
echo "all of seeds $first to $((first + runs - 1)), $steps steps each"
