#!/usr/bin/env bash
# Measures how long a yes outlives the write that took it away, for isolates that are asked every 0.2 to 200 seconds.
# scripts/staleness.sh [SECONDS [INTERVALS]]: no round is begun after so many seconds, 230 unless it is told otherwise, and
# the intervals are those in seconds, with commas between them.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/env.sh
. scripts/env.sh

scripts/build.sh worker
exec node tests/staleness.mjs "${1:-230}" "${2:-0.2,1,5,20,60,200}"
