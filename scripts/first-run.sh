#!/usr/bin/env bash
# Measures the first and the second `make run` until a check is answered, in a new clone with empty caches. Prints a
# table.
# scripts/first-run.sh [test]: with `test`, also measures `make test` after each of them.
#
# The clone has only committed files. It uses this machine's programs on PATH, rustup's toolchain and registry
# settings, but not the caches of cargo and npm, nor .tools, node_modules, build or target.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh

root=$PWD
port=${PORT:-18787}
folder=$(mktemp -d)
url="http://127.0.0.1:$port/v1/check?customer=acme&feature=sso"
running=''
trap 'stop; rm -rf "$folder"' EXIT

# rustup finds its toolchains by this variable, whatever HOME is.
export RUSTUP_HOME=${RUSTUP_HOME:-$HOME/.rustup}
mkdir -p "$folder/home/cargo"
for settings in config.toml config; do
    [ ! -f "${CARGO_HOME:-$HOME/.cargo}/$settings" ] || cp "${CARGO_HOME:-$HOME/.cargo}/$settings" "$folder/home/cargo/"
done
[ ! -f "$HOME/.npmrc" ] || cp "$HOME/.npmrc" "$folder/home/"
export HOME=$folder/home CARGO_HOME=$folder/home/cargo npm_config_cache=$folder/home/npm XDG_CACHE_HOME=$folder/home/cache PORT=$port
unset CARGO_TARGET_DIR

# Ends `make run` and its children, which are one process group.
stop() {
    if [ -n "$running" ]; then
        kill -TERM -- "-$running" 2>/dev/null || true
        wait "$running" 2>/dev/null || true
        running=''
    fi
}

seconds() { printf '%d.%d' $(($1 / 1000)) $(($1 % 1000 / 100)); }
now() { node -p 'Date.now()'; }

# Prints the wall-clock time and the processor time of a command.
row() { printf '| %-46s | %8s s | %10s s |\n' "$@" >>"$folder/table"; }

# begin, then end NAME: measures the time between. `times` prints the processor time of all ended children in minutes
# and seconds; in a subshell it would print nothing.
mark() {
    times >"$folder/times"
    worked=$(tail -n 1 "$folder/times" | sed 's/[ms]/ /g' | awk '{ printf "%d", 1000 * (60 * $1 + $2 + 60 * $3 + $4) }')
    clock=$(now)
}
begin() {
    mark
    worked_before=$worked began=$clock
}
end() {
    mark
    row "$1" "$(seconds "${2:-$((clock - began))}")" "$(seconds $((worked - worked_before)))"
}

# run NAME: runs `make run` until it answers yes.
run() {
    begin
    set -m
    make -C "$folder/clone" run >"$folder/log" 2>&1 &
    running=$!
    set +m
    until curl -sf -H 'x-api-key: mayuse_demo_key' "$url" 2>/dev/null | grep -q '"allowed":true'; do
        kill -0 "$running" 2>/dev/null || { cat "$folder/log"; die "make run ended without an answer"; }
        sleep 0.2
    done
    local took=$(($(now) - began))
    stop
    sed -n -e '/wrangler [0-9]/q' -e 's/^/    | /p' "$folder/log"
    end "$1" "$took"
}

# run_test NAME
run_test() {
    begin
    make -C "$folder/clone" test >"$folder/log" 2>&1 || { tail -n 60 "$folder/log"; die "make test failed"; }
    end "$1"
}

load=$(cut -d ' ' -f 1 /proc/loadavg 2>/dev/null || echo unknown)
git clone --quiet --no-hardlinks "$root" "$folder/clone"
run "make run from nothing, until the first answer"
run "make run again, until the first answer"
if [ "${1-}" = test ]; then
    run_test "make test after it"
    run_test "make test again"
    run "make run after make test"
fi
printf '\n| %-46s | %10s | %12s |\n|---|---:|---:|\n' "$(getconf _NPROCESSORS_ONLN) cores, load before: $load" "by clock" "processors"
cat "$folder/table"
