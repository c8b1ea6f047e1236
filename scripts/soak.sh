#!/usr/bin/env bash
# Publishes every second while several isolates are asked, and holds every answer against the version that it names.
# scripts/soak.sh [SECONDS]: for ten minutes, unless it is told otherwise.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/env.sh
. scripts/env.sh

scripts/build.sh worker
exec node tests/soak.mjs "${1:-600}"
