#!/usr/bin/env bash
# Checks that the fallback is complete and signed with a key that the Worker trusts.
# scripts/check-fallback.sh [FILE] [WRANGLER_TOML]: checks the deployed files by default. The keys are those in the
# variable MAYUSE_SNAPSHOT_KEYS, else those of SNAPSHOT_KEYS in wrangler.toml, of any environment.
set -euo pipefail
cd "$(dirname "$0")/.."
file=${1:-fallback.snapshot}
config=${2:-wrangler.toml}
mayuse=${MAYUSE_BIN:-target/release/mayuse}

# An empty file means no fallback.
[ -s "$file" ] || exit 0
keys=${MAYUSE_SNAPSHOT_KEYS:-$(sed -n 's/^ *"\{0,1\}SNAPSHOT_KEYS"\{0,1\} *= *"\([^"]*\)".*/\1/p' "$config" | paste -sd' ' -)}
if [ -z "$keys" ]; then
    # Without keys the Worker trusts its own signing key, which is a secret.
    echo "$file: looked through, but not verified: no SNAPSHOT_KEYS in $config, and no MAYUSE_SNAPSHOT_KEYS." >&2
fi
if ! shown=$("$mayuse" inspect "$file" ${keys:+--keys "$keys"} 2>&1); then
    echo "$shown" >&2
    echo "$file: nobody could fall back on it. Make another one: mayuse build CATALOG -o DIR --key KEY --file $file" >&2
    exit 1
fi
