#!/usr/bin/env bash
# Installs what the other scripts need into ./.tools and ./node_modules, both git-ignored.
# scripts/setup.sh [run|all]: what `make run` needs, or, without an argument, what building and testing everything needs.
# Says nothing and ends at once when there is nothing to do. To start from scratch: rm -rf .tools node_modules
#
# The first `make test` installs more: the released clients that tests run into tests/clients (scripts/clients.sh), and
# the runtimes, bundlers and Chromium of the packaging tests into tests/package (scripts/packaging.sh).
#
# Only two things can reach outside the repository, each said when it is done: `rustup` may add a target and components to
# your toolchain, and on Debian `apt-get install` a compiler for wasm where rustup cannot give the target.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/versions.env
. scripts/versions.env
# shellcheck source=scripts/env.sh
. scripts/env.sh
# shellcheck source=scripts/lib.sh
. scripts/lib.sh

export RUST_BACKTRACE=0        # so that a log ends with the error
for_what=${1:-all}
tools=$MAYUSE_ROOT/.tools
choice=$tools/wasm-toolchain   # read by wasm_env
wasm_lib=lib/rustlib/wasm32-unknown-unknown/lib
std_crate=$tools/wasm-std      # where Debian's std is built for wasm

# --- nothing to do? ---

# Everything on which the installed state depends.
state() {
    cat scripts/versions.env scripts/setup.sh
    rustc -vV
    wasm_env rustc -vV
    node --version
    git hash-object --no-filters package-lock.json
}

all_there() {
    local bin bins=(esbuild wrangler)
    [ "$for_what" = run ] || bins+=(tsc wasm-opt)
    for bin in "${bins[@]}"; do
        [ -x "node_modules/.bin/$bin" ] || return 1
    done
    wasm_std_there
}

wasm_std_there() { ls "$(wasm_env rustc --print sysroot)/$wasm_lib"/libstd-*.rlib; }

# What was installed for everything is enough for `make run`.
for stamp in "$tools/stamp-$for_what" "$tools/stamp-all"; do
    if [ -f "$stamp" ] && [ "$(state 2>/dev/null)" = "$(cat "$stamp")" ] && all_there >/dev/null 2>&1; then
        exit 0
    fi
done

# --- what only the user can install ---

missing=''
need() { missing+=$'\n'"  $1"$'\n'"      $2"; }

rust=$(version_of rustc)
node=$(version_of node)
if ! command -v cargo >/dev/null || [ -z "$rust" ]; then
    need "Rust $MIN_RUST or later (cargo and rustc)" "https://rustup.rs; if it is installed: is ~/.cargo/bin on PATH, does rustc --version work?"
elif ! at_least "$rust" "$MIN_RUST"; then
    need "Rust $MIN_RUST or later (here: $rust)" "rustup update stable; a distribution's older one: https://rustup.rs"
fi
# npm has Node for Linux, and runs on an older one.
arch=$(uname -m | sed 's/x86_64/x64/; s/aarch64/arm64/')
case $(uname -s)-$arch in
Linux-x64 | Linux-arm64) [ -n "$node" ] || need "Node $MIN_NODE or later" "https://nodejs.org/en/download; Debian: apt-get install nodejs npm" ;;
*) at_least "${node:-0}" "$MIN_NODE" || need "Node $MIN_NODE or later (here: ${node:-none})" "https://nodejs.org/en/download" ;;
esac
command -v npm >/dev/null || need "npm" "comes with https://nodejs.org/en/download; Debian: apt-get install npm"
command -v git >/dev/null || need "git" "Debian: apt-get install git; macOS: xcode-select --install"
command -v cc >/dev/null || need "a C compiler and linker (cc)" "Debian: apt-get install build-essential; macOS: xcode-select --install"

has_apt() { command -v apt-get >/dev/null && { [ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null; }; }

[ -z "$missing" ] || die "Set-up needs these first (nothing was changed):$missing" "Then run it again: make setup"

# --- steps ---

as_root() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi; }

# --no-remove: fail rather than take a package away from the user.
apt_install() {
    local install=(env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-remove --no-install-recommends "$@")
    as_root "${install[@]}" || { as_root apt-get update && as_root "${install[@]}"; }
}

# What `make test` checks formatting and lints with.
rust_components() {
    cargo fmt --version >/dev/null 2>&1 && cargo clippy --version >/dev/null 2>&1 && return
    if from_rustup; then
        step components "Adding rustfmt and clippy to your Rust toolchain (rustup component add)" \
            rustup component add rustfmt clippy && return
    elif has_apt; then
        step components "Installing rustfmt and clippy (apt-get install)" apt_install rustfmt rust-clippy && return
    fi
    die "make test needs rustfmt and clippy for your Rust toolchain; install them, then run it again: make setup"
}

# A Node of the project's own, where the machine's is older than wrangler takes. The package is a binary, and nothing of it runs
# while it is installed.
node_of_our_own() {
    local ours
    ours=$(version_of "$tools/node/bin/node")
    if [ -n "$ours" ] && [ "$ours" != "$NODE_VERSION" ] || ! at_least "$(version_of node)" "$MIN_NODE"; then
        rm -rf "$tools/node"
        step node "Installing Node $NODE_VERSION from npm into .tools/node (wrangler needs $MIN_NODE, yours is $(version_of node))" \
            npm install --no-save --no-package-lock --prefix "$tools/node" "node-linux-$arch@$NODE_VERSION" ||
            die "Is the npm registry reachable? Otherwise install Node $MIN_NODE or later: https://nodejs.org/en/download"
        ln -sfn "node_modules/node-linux-$arch/bin" "$tools/node/bin"
        hash -r
        at_least "$(version_of node)" "$MIN_NODE" ||
            die "That Node does not run here. Install Node $MIN_NODE or later: https://nodejs.org/en/download"
    fi
}

npm_packages() {
    local stamp=node_modules/.lock-stamp now include=--include=dev names="wrangler, esbuild, wasm-opt and tsc"
    now="$(uname -sm) $(git hash-object --no-filters package-lock.json)"
    case $(cat "$stamp" 2>/dev/null) in
    "all $now" | "$for_what $now") return ;;
    esac
    if [ "$for_what" = run ]; then
        include=--omit=dev names="wrangler and esbuild"
    fi
    rm -f "$stamp"
    step npm "Installing $names into node_modules (some seconds)" npm ci "$include" ||
        die "Try: npm ci, with the network (or the registry in .npmrc) reachable; then make setup"
    echo "$for_what $now" >"$stamp"
}

# --- the wasm target ---

# Links a small program, with LTO because a std without bitcode fails only there.
wasm_probe() {
    echo '#[no_mangle] pub extern "C" fn f(n: usize) -> usize { format!("{n}").len() }' |
        rustc --crate-name probe --crate-type cdylib --edition 2021 --target wasm32-unknown-unknown -Clto=fat \
            ${CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER:+"-Clinker=$CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER"} \
            -o "$tools/probe.wasm" -
}

wasm_ready() { { wasm_std_there && wasm_env wasm_probe; } >"$tools/log/wasm-probe.log" 2>&1; }

# The rustc on PATH is rustup's, so rustup can change it.
from_rustup() { [ "$(rustup which rustc 2>/dev/null)" -ef "$(rustc --print sysroot)/bin/rustc" ]; }

wasm_target() {
    wasm_ready && return
    rm -f "$choice"
    wasm_ready && return
    from_rustup && step wasm-rustup "Adding the wasm target to your Rust toolchain (rustup target add)" \
        rustup target add wasm32-unknown-unknown && wasm_ready && return
    has_apt && debian_wasm && return
    rm -f "$choice"
    die "There is no working wasm32-unknown-unknown target (the last try: .tools/log/wasm-probe.log). By hand, one of these:" \
        "  rustup    rustup target add wasm32-unknown-unknown" \
        "  Debian    make setup as root or with sudo, so that it may install rustc-web, cargo-web, rust-web-src and lld-22" \
        "  Fedora    dnf install rust-std-static-wasm32-unknown-unknown lld" \
        "  Arch      pacman -S rust-wasm lld" \
        "Then run it again: make setup"
}

# Debian's rustc-web comes without a std for wasm but with its source. It lies in /usr/bin, after rustup's on PATH.
debian_wasm() {
    step wasm-debian "Installing Debian's Rust compiler, std's source and a wasm linker (apt-get install; no wasm target otherwise)" \
        apt_install rustc-web cargo-web rust-web-src lld-22 || return
    if ! at_least "$(version_of /usr/bin/rustc)" "$MIN_RUST"; then
        echo "Debian's Rust is older than $MIN_RUST; is its security archive among the apt sources?"
        return 1
    fi
    if from_rustup; then
        step wasm-link "Naming it debian-wasm for rustup (your default toolchain stays)" rustup toolchain link debian-wasm /usr || return
        echo 'RUSTUP_TOOLCHAIN=debian-wasm' >"$choice"
    else
        mkdir -p "$tools/debian-rust"
        ln -sf /usr/bin/cargo /usr/bin/rustc /usr/bin/rustdoc "$tools/debian-rust/"
        # shellcheck disable=SC2016 # expanded by wasm_env
        echo 'PATH="$MAYUSE_ROOT/.tools/debian-rust:$PATH"' >"$choice"
    fi
    echo 'CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=wasm-ld-22' >>"$choice"
    wasm_ready && return   # built for another checkout
    step wasm-std "Building std for wasm, once (about 1 minute)" build_std &&
        step wasm-copy "Copying it into /usr/$wasm_lib" copy_std && wasm_ready
}

build_std() {
    rm -rf "$std_crate" && mkdir -p "$std_crate/src" && touch "$std_crate/src/lib.rs" &&
        printf '[package]\nname = "empty"\nversion = "0.0.0"\nedition = "2021"\n\n[workspace]\n' >"$std_crate/Cargo.toml" &&
        env -u CARGO_ENCODED_RUSTFLAGS PATH="/usr/bin:$PATH" CARGO_TARGET_DIR="$std_crate/target" \
            RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Cembed-bitcode=yes CARGO_PROFILE_RELEASE_CODEGEN_UNITS=1 \
            cargo build --manifest-path "$std_crate/Cargo.toml" --release \
            -Zbuild-std=std,panic_abort,panic_unwind --target wasm32-unknown-unknown
}

copy_std() {
    local deps=$std_crate/target/wasm32-unknown-unknown/release/deps
    rm -f "$deps"/libempty-*.rlib && as_root mkdir -p "/usr/$wasm_lib" && as_root rm -f "/usr/$wasm_lib"/*.rlib &&
        as_root cp "$deps"/*.rlib "/usr/$wasm_lib/" && rm -rf "$std_crate"
}

# --- all of it ---

mkdir -p "$tools/log"
node_of_our_own
wasm_target
if [ -f "$choice" ]; then
    echo "Wasm builds use Debian's Rust $(version_of /usr/bin/rustc), as noted in .tools/wasm-toolchain; native builds keep yours, $rust."
else
    echo "Wasm builds use your own Rust, $rust."
fi
[ "$for_what" = run ] || rust_components
npm_packages
rm -f "$tools/probe.wasm"
# What is built for wasm is built anew with another compiler.
compiler=$(wasm_env rustc -vV)
[ "$(cat "$tools/toolchain" 2>/dev/null)" = "$compiler" ] || echo "$compiler" >"$tools/toolchain"
state >"$tools/stamp-$for_what"
case $for_what in
run) echo "Set-up for make run done in $SECONDS s." ;;
*) echo "Set-up done in $SECONDS s. The first make test also installs released clients into tests/clients, and runtimes, bundlers and Chromium into tests/package." ;;
esac
