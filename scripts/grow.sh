#!/usr/bin/env bash
# Imports customers under load, and prints how long publishing them takes.
# scripts/grow.sh [CUSTOMERS ...]: one run for each number, 20,000 by default.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/env.sh
. scripts/env.sh

scripts/build.sh worker
for n in "${@:-20000}"; do
    node tests/growing.mjs "$n"
done
