# shellcheck shell=bash
# Small functions for scripts. Source it after env.sh.

die() {
    printf '%s\n' "$@" >&2
    exit 1
}

# at_least 1.95.0 1.91: succeeds if the first version is not older than the second.
at_least() {
    [ "$(printf '%s\n%s\n' "$2" "$1" | LC_ALL=C sort -t. -k1,1n -k2,2n -k3,3n | head -n 1)" = "$2" ]
}

# version_of rustc: prints 1.95.0, or nothing if rustc is missing or does not run.
version_of() {
    { "$@" --version 2>/dev/null || true; } | sed -n '1s/^[^0-9]*\([0-9.]*\).*/\1/p'
}

# step NAME WHAT-AND-WHY COMMAND...: prints what and why, runs the command with its output in .tools/log/NAME.log, and
# prints the time. If the command fails, it shows the end of the log and returns 1; the caller prints what to try
# next.
step() {
    local log=.tools/log/$1.log started=$SECONDS
    printf '%s ... ' "$2"
    shift 2
    mkdir -p "$MAYUSE_ROOT/.tools/log"
    if "$@" >"$MAYUSE_ROOT/$log" 2>&1 </dev/null; then
        printf '%d s\n' $((SECONDS - started))
        return 0
    fi
    printf 'failed after %d s\n' $((SECONDS - started))
    tail -n 15 "$MAYUSE_ROOT/$log" | sed 's/^/    | /'
    printf '    (all of it: %s)\n' "$log"
    return 1
}
