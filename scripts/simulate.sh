#!/usr/bin/env bash
# Simulates a publisher with everything that may come in between, and prints its seeds.
# scripts/simulate.sh [STEPS [SEED [RUNS]]]: a hundred runs of a million steps, unless it is told otherwise.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/env.sh
. scripts/env.sh

exec cargo run --quiet --release -p mayuse-tests --bin mayuse-simulate -- "${1:-1000000}" "${2:-1}" "${3:-100}"
