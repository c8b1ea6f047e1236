#!/usr/bin/env bash
# Measures the Worker over HTTP on this machine, in workerd, beside Workers written in JavaScript, and prints Markdown.
# Takes about 16 minutes: ROUNDS=10 of SECONDS=3 for each of the Workers ONLY names (all), CONNECTIONS=1,16,64, with wrk
# where it is installed (Debian: apt-get install wrk) and a client of our own.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/env.sh
. scripts/env.sh

scripts/build.sh worker
command -v wrk >/dev/null || echo "wrk is not installed; measuring with our own client alone"
exec node tests/bench/http.mjs
