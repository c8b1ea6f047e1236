#!/usr/bin/env bash
# Checks the dependencies against known advisories and deny.toml. Needs the network.
#
# Building cargo-deny takes minutes, so it is in neither set-up nor continuous integration. `cargo test` checks
# licences, sources and versions against the same file without it (tests/tidy/licences.rs).
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/env.sh
. scripts/env.sh
# shellcheck source=scripts/lib.sh
. scripts/lib.sh

readonly VERSION=0.20.2
readonly CARGO_DENY=.tools/deny/bin/cargo-deny

if [ "$(version_of "$CARGO_DENY")" != "$VERSION" ]; then
    step deny "Installing cargo-deny $VERSION (it knows the advisories)" \
        cargo install --locked --root .tools/deny --version "$VERSION" cargo-deny ||
        die "Is the registry reachable?"
fi
"$CARGO_DENY" --all-features check "$@"
