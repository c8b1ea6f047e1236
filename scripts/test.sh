#!/usr/bin/env bash
# Runs all checks, the fastest first. Continuous integration runs this script.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/env.sh
. scripts/env.sh
export RUST_BACKTRACE=0

heading() { printf '\n== %s (%d s)\n' "$1" "$SECONDS"; }

heading "formatting and lints"
cargo fmt --all --check
cargo fmt --manifest-path fuzz/Cargo.toml --check
cargo clippy --quiet --workspace --all-targets -- -D warnings

heading "unit, law, differential and hygiene tests"
cargo test --quiet

heading "a million steps of a publisher and its readers with everything that may come in between"
cargo build --quiet --release -p mayuse-tests --bin mayuse-simulate
# Seeds that found a fault once come first.
target/release/mayuse-simulate noticed
# Two runs on two cores. The seeds are printed, and follow only from these numbers.
target/release/mayuse-simulate 500000 1 >target/simulated-1 & first=$!
target/release/mayuse-simulate 500000 2
wait "$first"
cat target/simulated-1

heading "fuzzing, for a moment"
scripts/fuzz.sh 5

heading "documentation"
RUSTDOCFLAGS='-D warnings' cargo doc --quiet --no-deps -p mayuse-core -p mayuse-document -p mayuse-snapshot -p mayuse-dialects \
    -p mayuse --features mayuse/document

heading "builds and sizes"
scripts/build.sh

heading "what would be deployed"
# Builds the bundle without an upload. The printed size is that of the whole Worker, the sum that `sizes` prints.
for environment in '' staging; do
    WRANGLER_SEND_METRICS=false wrangler deploy --dry-run --outdir target/deploy --env "$environment" | grep -E 'Total Upload|env\.'
done

heading "vectors against the native core"
target/release/mayuse conform tests/vectors

heading "the command line, also against the Worker"
node --test --test-reporter=spec tests/cli/*.test.mjs

heading "the contract with the APIs it stands in for"
node --test --test-reporter=spec tests/contracts/*.test.mjs

heading "the released clients of Meteroid and Commet"
scripts/clients.sh
node --test --test-reporter=spec tests/clients/*.test.mjs

heading "the npm package, packed and installed, in Node"
node --test --test-reporter=spec tests/npm/*.test.mjs

heading "the npm package in every environment that it is for"
if [ "$(uname -sm)" = "Linux x86_64" ]; then
    scripts/packaging.sh
    node --test --test-reporter=spec tests/package/*.test.mjs
else
    echo "Not run: its runtimes and its Chromium are those for Linux on x86_64. Continuous integration runs it."
fi

heading "the Worker in workerd"
node --test --test-reporter=spec tests/worker/*.test.mjs

printf '\nAll tests passed in %d s.\n' "$SECONDS"
