#!/usr/bin/env bash
# Measures how long a yes outlives the write that revokes it, for isolates with a check every 0.2 to 200 seconds.
# scripts/staleness.sh [SECONDS [INTERVALS]]: starts no round after SECONDS, 230 by default; INTERVALS are the seconds
# between checks, separated by commas.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/env.sh
. scripts/env.sh

scripts/build.sh worker
exec node tests/staleness.mjs "${1:-230}" "${2:-0.2,1,5,20,60,200}"
