#!/usr/bin/env bash
# Builds and starts the Worker at http://127.0.0.1:8787 with the demo data, and prints what to try.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/env.sh
. scripts/env.sh
port=${PORT:-8787}

# Printed once the Worker answers, below what wrangler itself has to say.
greet() {
    local url=http://127.0.0.1:$port
    until node --eval "fetch('$url/readyz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"; do
        # wrangler has this shell's number, and may be gone.
        kill -0 $$ 2>/dev/null || return 0
        sleep 0.25
    done
    cat <<TEXT

mayuse answers at $url (Ctrl-C stops it). Three questions to try:

  a yes         curl '$url/v1/check?customer=acme&feature=sso'
  a no          curl '$url/v1/check?customer=paused&feature=sso'
  a metered one curl '$url/v1/check?customer=acme&feature=api_calls&consumed=199999'

Everything one customer may use: curl '$url/v1/customers/acme/entitlements?consumed=0'
Who is in the demo: demo/README.md. The whole API: $url/openapi.json

TEXT
}
greet &

# wrangler builds the Worker, now and whenever its sources change. Without the variable it asks the network for data
# that only matters in production.
exec env CLOUDFLARE_CF_FETCH_ENABLED=false wrangler dev --ip 127.0.0.1 --port "$port" --show-interactive-dev-session=false
