# shellcheck shell=bash
# The environment of every script here: the project's own tools first. Sourced by bash, from any folder.

MAYUSE_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export MAYUSE_ROOT

# A Node of the project's own lies there only if set-up found that of the machine too old.
case ":$PATH:" in
*":$MAYUSE_ROOT/node_modules/.bin:"*) ;;
*) export PATH="$MAYUSE_ROOT/.tools/node/bin:$MAYUSE_ROOT/node_modules/.bin:$PATH" ;;
esac

# What is built lies where the scripts and tests look for it.
unset CARGO_TARGET_DIR

export WRANGLER_SEND_METRICS=false

# wasm_env COMMAND...: runs a command or function with the compiler that has the wasm target.
# That is the user's own compiler, unless setup.sh had to choose another one for wasm and noted it in .tools/wasm-toolchain.
wasm_env() (
    if [ -r "$MAYUSE_ROOT/.tools/wasm-toolchain" ]; then
        set -a
        # shellcheck source=/dev/null
        . "$MAYUSE_ROOT/.tools/wasm-toolchain"
        set +a
    fi
    "$@"
)
