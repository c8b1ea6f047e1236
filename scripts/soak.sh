#!/usr/bin/env bash
# Publishes every second while several isolates answer checks, and compares every answer with the version that it names.
# scripts/soak.sh [SECONDS]: ten minutes by default.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/env.sh
. scripts/env.sh

scripts/build.sh worker
exec node tests/soak.mjs "${1:-600}"
