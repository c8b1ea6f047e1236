#!/usr/bin/env bash
# Simulates a publisher with all kinds of faults, and prints the seeds.
# scripts/simulate.sh [STEPS [SEED [RUNS]]]: a hundred runs of a million steps by default.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/env.sh
. scripts/env.sh

exec cargo run --quiet --release -p mayuse-tests --bin mayuse-simulate -- "${1:-1000000}" "${2:-1}" "${3:-100}"
