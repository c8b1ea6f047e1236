#!/usr/bin/env bash
# Looks whether the snapshot to fall back on could be fallen back on: whole, and signed with a key that the Worker believes.
# scripts/check-fallback.sh [FILE] [WRANGLER_TOML]: without arguments, what is deployed. The keys are those in the variable
# MAYUSE_SNAPSHOT_KEYS, else those of SNAPSHOT_KEYS in wrangler.toml, of whatever environment.
set -euo pipefail
cd "$(dirname "$0")/.."
file=${1:-fallback.snapshot}
config=${2:-wrangler.toml}
mayuse=${MAYUSE_BIN:-target/release/mayuse}

# An empty one is none.
[ -s "$file" ] || exit 0
keys=${MAYUSE_SNAPSHOT_KEYS:-$(sed -n 's/^ *"\{0,1\}SNAPSHOT_KEYS"\{0,1\} *= *"\([^"]*\)".*/\1/p' "$config" | paste -sd' ' -)}
if [ -z "$keys" ]; then
    # Then the Worker believes the key with which it signs, and that is a secret.
    echo "$file: looked through, but not verified: no SNAPSHOT_KEYS in $config, and no MAYUSE_SNAPSHOT_KEYS." >&2
fi
if ! shown=$("$mayuse" inspect "$file" ${keys:+--keys "$keys"} 2>&1); then
    echo "$shown" >&2
    echo "$file: nobody could fall back on it. Make another one: mayuse build CATALOG -o DIR --key KEY --file $file" >&2
    exit 1
fi
