#!/usr/bin/env bash
# Measures what a check costs in a user's own Worker, with `mayuse/cloudflare`, in workerd on this machine, and prints
# Markdown. Takes about half a minute. Variables: ROUNDS=9, N=400000 questions a round, CUSTOMERS=10000, QUESTIONS=4096.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/env.sh
. scripts/env.sh

scripts/build.sh native npm
exec node tests/bench/own-worker.mjs
