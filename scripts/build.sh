#!/usr/bin/env bash
# Builds the native command, the Worker and the npm package, and compares their sizes with size-budget.json.
# scripts/build.sh [native|worker|npm|sizes ...]: builds everything by default.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/env.sh
. scripts/env.sh

native() {
    echo "Building the command: target/release/mayuse"
    cargo build --quiet --release -p mayuse-cli
}

# fresh MARK SOURCES...: succeeds if no source of a wasm build changed since the build of this mark began.
fresh() {
    local mark=$1
    shift
    [ -f "$mark" ] && [ -z "$(find src/core src/document Cargo.toml Cargo.lock scripts package-lock.json .tools/toolchain "$@" \
        -newer "$mark" -print -quit)" ]
}

# marked MARK COMMAND...: writes the mark only if the build succeeds, so an interrupted build runs again.
marked() {
    local mark=$1 began
    shift
    began=$(mktemp)
    rm -f "$mark"
    "$@"
    mv "$began" "$mark"
}

# build/ holds one Worker: the release build for deployment, measurement and tests, or the quick build for `make run`,
# which takes a fifth of the time. A quick build is skipped if the release build is fresh.
worker() {
    local sources=(src/snapshot src/dialects src/intl src/worker openapi.json)
    if [ "${MAYUSE_QUICK-}" != 1 ]; then
        fresh build/.built "${sources[@]}" || { rm -f build/.built-quick && marked build/.built build_worker release-wasm; }
    elif ! fresh build/.built "${sources[@]}" && ! fresh build/.built-quick "${sources[@]}"; then
        rm -f build/.built
        marked build/.built-quick build_worker quick
    fi
    check_fallback
}

# Without this check, a fallback with an untrusted signature would go unnoticed until an outage.
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
    # Bundles one JavaScript file without unused classes of the `worker` crate. Two kinds of lines prevent esbuild
    # from dropping them. Not every runtime supports `import source`, and wasm-bindgen lists a file again for each use
    # of it.
    sed -e 's/^import source /import /' -e '/^if (Symbol\.dispose) /d' \
        -e 's|: new FinalizationRegistry|: /* @__PURE__ */ new FinalizationRegistry|' build/glue/index.js |
        awk '!/^ *"\.\/snippets\/.*: import[0-9]+,$/ || !seen[$1]++' >build/glue/worker.js
    echo 'export { Catalog, __worker_init_state, checkBound, checkNow, fetch, fetchBound } from "./build/glue/worker.js"' |
        quietly esbuild --bundle --format=esm --minify '--external:*.wasm' --outfile=build/index.js
    if [ "$1" = quick ]; then
        cp build/glue/index_bg.wasm build/
    else
        shrink build/glue/index_bg.wasm build/index_bg.wasm --remove-exports="$(unused_exports)" -O
    fi
    # Whitespace is a third of the file.
    mkdir -p build/assets
    node -p 'JSON.stringify(JSON.parse(fs.readFileSync("openapi.json", "utf8")))' >build/assets/openapi.json
    # The bundle needs a fallback file, even an empty one.
    [ -f fallback.snapshot ] || : >fallback.snapshot
}

npm_package() {
    fresh pkg/wasm/.built src/snapshot src/intl src/wasm || marked pkg/wasm/.built build_npm_package
    bundle_for_node
}

# Node takes half a millisecond for each file that it imports. The errors stay in theirs, because mayuse/document has the
# same classes.
bundle_for_node() {
    esbuild --log-level=warning --bundle --platform=node --format=esm "--external:$(pwd -P)/pkg/errors.js" pkg/entry-node.js |
        sed -e 's|"\./pkg/|"../|' -e 's|"\./wasm/|"./|' >pkg/wasm/node.js
}

build_npm_package() {
    # The package holds all that is there.
    rm -rf pkg/wasm
    mkdir -p pkg/wasm
    build_npm full mayuse
    build_reader reader
    build_reader server
    build_reader explain
    build_npm testing testing
}

# build_npm FEATURES NAME: builds pkg/wasm/NAME.js and pkg/wasm/NAME_bg.wasm from src/wasm with these features.
build_npm() {
    engine "$1" "pkg/wasm" "$2"
    # Bundlers would minify the glue in the same way, and put the zones of src/intl into it.
    esbuild --log-level=warning --bundle --minify --allow-overwrite --format=esm --outfile="pkg/wasm/$2.js" "pkg/wasm/$2.js"
    shrink_npm "$2_bg.wasm" "pkg/wasm"
}

# build_reader NAME: builds pkg/wasm/NAME_bg.wasm. It is without glue, of which it would use little: pkg/border.js calls
# the engine itself.
build_reader() {
    engine "$1" build/engines "$1"
    shrink_npm "$1_bg.wasm" build/engines \
        --remove-exports=__abort_handler,__instance_terminated,__wbindgen_externrefs,__wbindgen_free,__wbindgen_start
}

# engine FEATURES FOLDER NAME
engine() {
    echo "Building the npm package's engine (about a minute): pkg/wasm/$3_bg.wasm"
    wasm web release-browser mayuse-wasm "$2" "$3" --no-default-features --features "$1"
}

# shrink_npm FILE FROM FLAGS...: the control flow is rebuilt from its graph twice, which shortens it. The Worker's has
# exceptions, which this pass cannot read. A function with one caller is inlined only if it is tiny: locals of long
# functions have long indices.
shrink_npm() {
    local file=$1 from=$2
    shift 2
    shrink "$from/$file" "pkg/wasm/$file" "$@" -O --flatten --rereloop -Oz --flatten --rereloop -Oz \
        --one-caller-inline-max-function-size=30
}

# wasm worker|web PROFILE CRATE FOLDER NAME FLAGS...: builds a crate as WebAssembly with its JavaScript glue.
wasm() {
    local kind=$1 profile=$2 crate=$3 folder=$4 name=$5 tool flags
    shift 5
    quietly cargo build --profile tools --package mayuse-glue &
    tool=$!
    # Three passes of the compiler that make the npm package's engine a little faster, and larger.
    [ "$kind" != web ] || flags="-Cllvm-args=-disable-lsr -Cllvm-args=-enable-pre=false -Cllvm-args=-simplifycfg-sink-common=false"
    quietly wasm_env env WASM_BINDGEN_USE_JS_SYS=1 CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS="${flags-}" \
        cargo build --lib --profile "$profile" \
        --target wasm32-unknown-unknown --package "$crate" "$@"
    wait "$tool"
    mkdir -p "$folder"
    target/tools/mayuse-glue "$kind" "target/wasm32-unknown-unknown/$profile/${crate//-/_}.wasm" "$folder" "$name"
}

# The exports that only the dropped classes of the Worker's JavaScript called.
unused_exports() {
    node -p 'const [all, used] = ["glue/index.js", "index.js"].map((name) => fs.readFileSync(`build/${name}`, "utf8"));
        [...new Set(all.match(/(?<=\bwasm\.)\w+/g))].filter((name) => !used.includes(name)).join()'
}

# shrink FROM TO FLAGS...: runs passes of wasm-opt, then orders the functions. The lowest kilobyte of memory is the end
# of the stack and holds no addressed data.
shrink() {
    local from=$1 to=$2
    shift 2
    command -v wasm-opt >/dev/null || { echo "wasm-opt is missing, which make run goes without: make setup" >&2 && return 1; }
    optimise "$@" -Oz -o "$to.small" "$from"
    node scripts/order.mjs "$to.small"
    optimise --reorder-functions-by-name --strip-debug --strip-producers --strip-target-features -o "$to.small" "$to.small"
    mv "$to.small" "$to"
}

optimise() {
    wasm-opt "$@" --low-memory-unused --enable-bulk-memory --enable-nontrapping-float-to-int --enable-sign-ext \
        --enable-mutable-globals --enable-reference-types --enable-multivalue --enable-exception-handling
}

# Shows the output of failing commands only.
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
