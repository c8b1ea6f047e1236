#!/usr/bin/env bash
# Measures how long a yes outlives the write that took it away, for isolates that are asked every 0.2 to 200 seconds.
# scripts/staleness.sh [SECONDS]: no round begins that would end later; one of each takes a little more than 200.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/env.sh
. scripts/env.sh

scripts/build.sh worker
exec node tests/staleness.mjs "${1:-230}"
