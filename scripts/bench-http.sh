#!/usr/bin/env bash
# Measures the Worker over HTTP in workerd on this machine, compares it with Workers in JavaScript, and prints
# Markdown. Takes about 16 minutes. Variables: ROUNDS=10, SECONDS=3 for each round, CONNECTIONS=1,16,64, ONLY=names of
# Workers (all). Uses wrk if it is installed (Debian: apt-get install wrk), and a client of our own.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/env.sh
. scripts/env.sh

scripts/build.sh worker
command -v wrk >/dev/null || echo "wrk is not installed; measuring with our own client alone"
exec node tests/bench/http.mjs
