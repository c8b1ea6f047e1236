#!/usr/bin/env bash
# Builds the native command, the Worker and the npm package, and holds their sizes against size-budget.json.
# scripts/build.sh [native|worker|npm|sizes ...]: without an argument, all of it.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/env.sh
. scripts/env.sh

native() {
    echo "Building the command: target/release/mayuse"
    cargo build --quiet --release -p mayuse-cli
}

# Whether nothing a wasm build is made of is newer than its output.
up_to_date() {
    local output=$1
    shift
    [ -f "$output" ] && [ -z "$(find "$@" src/core Cargo.toml Cargo.lock scripts .tools/stamp -newer "$output" -print -quit)" ]
}

worker() {
    ! up_to_date build/index.js src/worker demo openapi.json || return 0
    echo "Building the Worker: build/index.js"
    # worker-build empties its output folder and must stand in the crate.
    quietly wasm_env env -C src/worker worker-build --profile release-wasm --out-dir ../../build
}

npm_package() {
    ! up_to_date pkg/wasm/mayuse_bg.wasm src/wasm || return 0
    echo "Building the npm package: pkg/"
    quietly wasm_env wasm-pack build src/wasm --mode no-install --target web --profile release-browser \
        --no-pack --no-typescript --out-dir ../../pkg/wasm --out-name mayuse
    # It says `*`, and npm would leave the wasm out of the package.
    rm -f pkg/wasm/.gitignore
}

# Shows the output only of what fails.
quietly() {
    local log
    log=$(mktemp)
    if ! "$@" >"$log" 2>&1; then
        cat "$log" >&2
        rm -f "$log"
        return 1
    fi
    rm -f "$log"
}

sizes() {
    node scripts/sizes.mjs
}

for part in "${@:-all}"; do
    case $part in
    all)
        native
        worker
        npm_package
        sizes
        ;;
    native) native ;;
    worker) worker ;;
    npm) npm_package ;;
    sizes) sizes ;;
    *) echo "unknown part: $part (native, worker, npm or sizes)" >&2 && exit 2 ;;
    esac
done
