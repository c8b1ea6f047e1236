#!/usr/bin/env bash
# Measures the npm package against rivals, in the same run: scripts/bench-peers.sh PATH [ROUNDS] [SIZES] [IDS]
# PATH is the folder of the benchmark of rivals, with adapters/ and lib/; it is copied and stays as it is. By default,
# 3 rounds, 1,000 and 100,000 customers, and hand-written JavaScript alone. IDS `all` are the packages, too: then this
# runs `npm install` in the copy, and takes about a minute a round and size.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/env.sh
. scripts/env.sh
# shellcheck source=scripts/lib.sh
. scripts/lib.sh

from=${1:?the folder of the benchmark of rivals}
rounds=${2:-3} sizes=${3:-1000,100000}
ids=${4:-js-nested,js-full,mayuse-first,mayuse,mayuse-clock,mayuse-check,mayuse-handle}
if [ "$ids" = all ]; then
    ids=js-nested,js-full,mayuse-first,mayuse,mayuse-clock,mayuse-check,mayuse-handle
    ids+=,casl,growthbook,flagd-core,unleash,launchdarkly-node,flipt,devcycle,schematic-sdk,cedar
fi
copy=$MAYUSE_ROOT/target/peers

[ -f "$from/adapters/index.mjs" ] || die "$from has no adapters/index.mjs"
mkdir -p "$copy"
cp -r "$from/adapters" "$from/lib" "$from/package.json" "$copy/"
cp tests/bench/peers/*.mjs "$copy/"
rm -f "$copy"/data/mayuse*

step peers-command "Building the command" cargo build --release -p mayuse-cli || die "Try: make test"
step peers-generate "Building the workload" cargo build --release -p mayuse-tests --bin mayuse-generate || die "Try: make test"
step peers-wasm "Building the npm package" scripts/build.sh npm || die "Try: make test"
case ,$ids, in
*,casl,* | *,growthbook,* | *,flagd*,* | *,unleash,* | *,launchdarkly*,* | *,schematic*,* | *,flipt,* | *,devcycle*,* | *,cedar*,*)
    [ -d "$copy/node_modules" ] || (cd "$copy" && npm install --no-package-lock --no-audit --no-fund --omit=dev)
    ;;
esac
cd "$copy"
node rounds.mjs "$rounds" "$sizes" "$ids"
