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

# fresh MARK SOURCES...: nothing that a wasm build is made of changed since the one that left the mark began.
fresh() {
    local mark=$1
    shift
    [ -f "$mark" ] && [ -z "$(find src/core src/document Cargo.toml Cargo.lock scripts package-lock.json .tools/toolchain "$@" \
        -newer "$mark" -print -quit)" ]
}

# marked MARK COMMAND...: only a build that went through to its end leaves the mark, so one that was broken off is done again.
marked() {
    local mark=$1 began
    shift
    began=$(mktemp)
    rm -f "$mark"
    "$@"
    mv "$began" "$mark"
}

# In build/ lies one Worker: the one that is deployed, measured and tested, or, for `make run`, one that is built in a fifth of
# the time. Whoever can do with the second takes the first where that is fresh.
worker() {
    local sources=(src/snapshot src/dialects src/worker openapi.json)
    if [ "${MAYUSE_QUICK-}" != 1 ]; then
        fresh build/.built "${sources[@]}" || { rm -f build/.built-quick && marked build/.built build_worker release-wasm; }
    elif ! fresh build/.built "${sources[@]}" && ! fresh build/.built-quick "${sources[@]}"; then
        rm -f build/.built
        marked build/.built-quick build_worker quick
    fi
    check_fallback
}

# A fallback that nobody believes would be found out only in the outage.
check_fallback() {
    if [ -s fallback.snapshot ]; then
        [ -x target/release/mayuse ] || native
        scripts/check-fallback.sh
    fi
}

# build_worker PROFILE
build_worker() {
    case $1 in
    quick) echo "Building the Worker, little optimised (about a minute, after a change some seconds): build/index.js" ;;
    *) echo "Building the Worker (2 to 3 minutes): build/index.js" ;;
    esac
    wasm worker "$1" mayuse-worker build/glue index
    # One file of JavaScript, without the classes of the Worker's library that nothing here uses: two kinds of lines keep esbuild
    # from leaving them out. Not every runtime knows `import source`, and wasm-bindgen lists a file again for each use of it.
    sed -e 's/^import source /import /' -e '/^if (Symbol\.dispose) /d' \
        -e 's|: new FinalizationRegistry|: /* @__PURE__ */ new FinalizationRegistry|' build/glue/index.js |
        awk '!/^ *"\.\/snippets\/.*: import[0-9]+,$/ || !seen[$1]++' >build/glue/worker.js
    echo 'export { Catalog, __worker_init_state, checkNow, fetch } from "./build/glue/worker.js"' |
        quietly esbuild --bundle --format=esm --minify '--external:*.wasm' --outfile=build/index.js
    if [ "$1" = quick ]; then
        cp build/glue/index_bg.wasm build/
    else
        shrink build/glue/index_bg.wasm build/index_bg.wasm --remove-exports="$(unused_exports)" -O
    fi
    # Without its blanks, which are a third of it.
    mkdir -p build/assets
    node -p 'JSON.stringify(JSON.parse(fs.readFileSync("openapi.json", "utf8")))' >build/assets/openapi.json
    # The bundle has a fallback, if an empty one.
    [ -f fallback.snapshot ] || : >fallback.snapshot
}

npm_package() {
    fresh pkg/wasm/.built src/snapshot src/wasm || marked pkg/wasm/.built build_npm_package
}

build_npm_package() {
    build_npm full mayuse
    build_npm reader reader
}

# build_npm FEATURES NAME [FOLDER]: FOLDER/NAME.js and FOLDER/NAME_bg.wasm, from src/wasm with these features.
build_npm() {
    local folder=${3-pkg/wasm}
    echo "Building the npm package's engine (about a minute): $folder/$2.js"
    wasm web release-browser mayuse-wasm "$folder" "$2" --no-default-features --features "$1"
    # Bundlers would do the same to the glue.
    esbuild --log-level=warning --minify --allow-overwrite --format=esm --outfile="$folder/$2.js" "$folder/$2.js"
    # Twice, its control flow is built anew from its graph, which is shorter; the Worker's has exceptions, which that pass cannot
    # read. A function that is called once stays a function unless it is tiny: the locals of long functions have long indices.
    shrink "$folder/$2_bg.wasm" "$folder/$2_bg.wasm" -O --flatten --rereloop -Oz --flatten --rereloop -Oz \
        --one-caller-inline-max-function-size=30
}

# wasm worker|web PROFILE CRATE FOLDER NAME FLAGS...: a crate as WebAssembly, with the JavaScript around it.
wasm() {
    local kind=$1 profile=$2 crate=$3 folder=$4 name=$5 tool
    shift 5
    quietly cargo build --profile tools --package mayuse-glue &
    tool=$!
    quietly wasm_env env WASM_BINDGEN_USE_JS_SYS=1 cargo build --lib --profile "$profile" \
        --target wasm32-unknown-unknown --package "$crate" "$@"
    wait "$tool"
    mkdir -p "$folder"
    target/tools/mayuse-glue "$kind" "target/wasm32-unknown-unknown/$profile/${crate//-/_}.wasm" "$folder" "$name"
}

# What the Worker's JavaScript called before the classes that nothing uses were left out, and no longer calls.
unused_exports() {
    node -p 'const [all, used] = ["glue/index.js", "index.js"].map((name) => fs.readFileSync(`build/${name}`, "utf8"));
        [...new Set(all.match(/(?<=\bwasm\.)\w+/g))].filter((name) => !used.includes(name)).join()'
}

# shrink FROM TO FLAGS...: passes of wasm-opt. The lowest kilobyte of memory is the end of the stack, where nothing lies that has
# an address. Functions whose names are alike are alike, and compress better side by side.
shrink() {
    local from=$1 to=$2
    shift 2
    command -v wasm-opt >/dev/null || { echo "wasm-opt is missing, which make run goes without: make setup" >&2 && return 1; }
    wasm-opt "$@" -Oz --low-memory-unused --reorder-functions-by-name --strip-producers --strip-target-features \
        --enable-bulk-memory --enable-nontrapping-float-to-int --enable-sign-ext --enable-mutable-globals \
        --enable-reference-types --enable-multivalue --enable-exception-handling -o "$to.small" "$from"
    mv "$to.small" "$to"
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
    bench) build_npm full mayuse target/bench-wasm ;; # for scripts/bench-snapshot.sh
    *) echo "unknown part: $part (native, worker, npm or sizes)" >&2 && exit 2 ;;
    esac
done
