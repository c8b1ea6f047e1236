# shellcheck shell=bash
# The environment of every script: puts the project's own tools first. Source it in bash, from any folder.

MAYUSE_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export MAYUSE_ROOT

# Set-up installs a Node there only if the machine's Node is too old.
case ":$PATH:" in
*":$MAYUSE_ROOT/node_modules/.bin:"*) ;;
*) export PATH="$MAYUSE_ROOT/.tools/node/bin:$MAYUSE_ROOT/node_modules/.bin:$PATH" ;;
esac

# The scripts and tests expect build output in this folder.
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
