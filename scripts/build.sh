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

# once FOLDER SOURCES -- COMMAND: runs a wasm build unless nothing it is made of changed since its last one began.
# Only a build that went through to its end leaves the mark, so one that was broken off is done again.
once() {
    local mark=$1/.built began sources=(src/core src/document Cargo.toml Cargo.lock scripts .tools/stamp)
    shift
    while [ "$1" != -- ]; do
        sources+=("$1")
        shift
    done
    shift
    if [ -f "$mark" ] && [ -z "$(find "${sources[@]}" -newer "$mark" -print -quit)" ]; then
        return 0
    fi
    began=$(mktemp)
    rm -f "$mark"
    "$@"
    mv "$began" "$mark"
}

worker() {
    once build src/snapshot src/dialects src/worker openapi.json -- build_worker
    check_fallback
}

# A fallback that nobody believes would be found out only in the outage.
check_fallback() {
    if [ -s fallback.snapshot ]; then
        [ -x target/release/mayuse ] || native
        scripts/check-fallback.sh
    fi
}

build_worker() {
    echo "Building the Worker: build/index.js"
    # worker-build empties its output folder and must stand in the crate.
    quietly wasm_env env -C src/worker worker-build --profile release-wasm --out-dir ../../build
    shrink build/index_bg.wasm
    # Without its blanks, which are a third of it.
    mkdir -p build/assets
    node -p 'JSON.stringify(JSON.parse(fs.readFileSync("openapi.json", "utf8")))' >build/assets/openapi.json
    # The bundle has a fallback, if an empty one.
    [ -f fallback.snapshot ] || : >fallback.snapshot
}

npm_package() { once pkg/wasm src/snapshot src/wasm -- build_npm_package; }

build_npm_package() {
    echo "Building the npm package: pkg/"
    wasm_package full mayuse
    wasm_package reader reader
    # It says `*`, and npm would leave the wasm out of the package.
    rm -f pkg/wasm/.gitignore
}

# wasm_package FEATURE NAME: a build of src/wasm with a feature: pkg/wasm/NAME.js and NAME_bg.wasm. What bundlers would do to
# the glue anyway is done here.
wasm_package() {
    quietly wasm_env wasm-pack build src/wasm --mode no-install --target web --profile release-browser \
        --no-pack --no-typescript --out-dir ../../pkg/wasm --out-name "$2" --no-default-features --features "$1"
    esbuild --log-level=warning --minify --allow-overwrite --format=esm --outfile="pkg/wasm/$2.js" "pkg/wasm/$2.js"
}

# shrink FILE: a pass of wasm-opt, which worker-build leaves out with a profile of our own. The lowest kilobyte of memory is
# the end of the stack, where nothing lies that has an address.
shrink() {
    wasm-opt -Oz --low-memory-unused --enable-bulk-memory --enable-nontrapping-float-to-int --enable-sign-ext \
        --enable-mutable-globals --enable-reference-types --enable-multivalue -o "$1.small" "$1"
    mv "$1.small" "$1"
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
