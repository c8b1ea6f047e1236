#!/usr/bin/env bash
# Builds and starts the Worker at http://127.0.0.1:8787 with the demo data, and prints what to try.
# PORT=N scripts/run.sh: at another port, with a catalog of its own.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/env.sh
. scripts/env.sh
port=${PORT:-8787}
# Two runs must not write to one database.
state=.wrangler/state
again="make run"
[ "$port" = 8787 ] || { state=.wrangler/state-$port; again="PORT=$port make run"; }

# Otherwise the demo would go to the server that has the port.
node scripts/front.mjs "$port"

# A quick build is larger and slower than the release build. A fresh release build is used instead: see
# scripts/build.sh.
export MAYUSE_QUICK=1
scripts/build.sh worker

# Once the Worker answers: imports the demo into an empty catalog, and prints what to try below wrangler's own output.
greet() {
    local url=http://127.0.0.1:$port
    until node scripts/seed.mjs "$url"; do
        # wrangler has this shell's process id, and may have ended.
        kill -0 $$ 2>/dev/null || return 0
        sleep 0.25
    done
    cat <<TEXT

mayuse answers at $url (Ctrl-C stops it). Every request needs a key; here it is mayuse_demo_key. Five questions to try:

  a yes         curl -H 'x-api-key: mayuse_demo_key' '$url/v1/check?customer=acme&feature=sso'
  a no          curl -H 'x-api-key: mayuse_demo_key' '$url/v1/check?customer=paused&feature=sso'
  a metered one curl -H 'x-api-key: mayuse_demo_key' '$url/v1/check?customer=acme&feature=api_calls&consumed=199999'
  a value       curl -H 'x-api-key: mayuse_demo_key' '$url/v1/check?customer=umbrella&feature=retention_days'
  what would allow it
                curl -H 'x-api-key: mayuse_demo_key' '$url/v1/check?customer=hobby&feature=exports&consumed=3&suggest=true'

Everything one customer may use:  curl -H 'x-api-key: mayuse_demo_key' '$url/v1/customers/acme/entitlements?consumed=0'
The catalog as it is:           curl -H 'x-api-key: mayuse_demo_key' '$url/v1/catalog'
The demo again from the start:    rm -r $state, then $again
Who is in the demo: demo/README.md. Write to it: docs/quickstart.md. The whole API: $url/openapi.json

TEXT
}
greet &

# wrangler lets a request hide its host name, and a page of another host can point its name at this machine. So wrangler
# listens on another port, and the demo key is valid only with the pass that the front adds.
pass=$(node -p 'crypto.randomUUID()')
inner=$(node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })')
node scripts/front.mjs "$port" "$inner" "$pass" $$ &

# wrangler rebuilds the Worker when its sources change. Without the variable it downloads data that only matters in
# production.
# LOCAL_RUN makes the demo key valid, on this machine only.
exec env CLOUDFLARE_CF_FETCH_ENABLED=false wrangler dev --ip 127.0.0.1 --port "$inner" --var "LOCAL_RUN:$pass" \
    --persist-to "$state" --show-interactive-dev-session=false
