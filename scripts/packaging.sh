#!/usr/bin/env bash
# Installs the runtimes, bundlers and checkers of the packaging tests into tests/package (git-ignored, 1.9 GB): exactly
# what package-lock.json names. Chromium comes from npm too. Exits silently if they are installed.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/env.sh
. scripts/env.sh
# shellcheck source=scripts/lib.sh
. scripts/lib.sh

folder=tests/package
stamp=$folder/.chromium/.stamp
now=$(git hash-object --no-filters $folder/package-lock.json scripts/packaging.sh)
if [ "$(cat "$stamp" 2>/dev/null)" = "$now" ] && [ -d $folder/node_modules ]; then
    exit 0
fi

# Chromium is compressed in its package, with the libraries that a machine without a desktop lacks.
unpack_chromium() {
    local from=$folder/node_modules/@sparticuz/chromium/bin
    mkdir -p $folder/.chromium
    unbrotli $from/chromium.br >$folder/.chromium/chromium
    unbrotli $from/al2023.tar.br | tar -x -C $folder/.chromium
    chmod +x $folder/.chromium/chromium
}

unbrotli() {
    node -e 'process.stdout.write(zlib.brotliDecompressSync(fs.readFileSync(process.argv[1])))' "$1"
}

rm -rf $folder/.chromium
# Nothing of the packages runs while they are installed.
step packaging "Installing Node 20 to 26, Bun, Deno, Chromium, Vite, webpack and Next into $folder (some 20 seconds)" \
    npm ci --ignore-scripts --prefix $folder || die "Is the npm registry reachable? The packaging tests cannot run without them."
step chromium "Unpacking Chromium into $folder/.chromium" unpack_chromium || die "Is the disk full?"
echo "$now" >"$stamp"
