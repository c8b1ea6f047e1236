#!/usr/bin/env bash
# Looks the dependencies up among known advisories, and holds them against deny.toml. Needs the network.
#
# `cargo test` holds licences, sources and versions against the same file (tests/tidy/licences.rs) without it: building
# cargo-deny takes minutes, so it is in neither set-up nor continuous integration.
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
