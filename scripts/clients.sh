#!/usr/bin/env bash
# Installs the released clients of Meteroid and Commet into tests/clients (git-ignored) for tests: exactly the files
# that requirements.txt and package-lock.json name. Exits silently if they are installed.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/env.sh
. scripts/env.sh
# shellcheck source=scripts/lib.sh
. scripts/lib.sh

folder=tests/clients
stamp=$folder/.venv/.stamp
now="$(uname -sm) $(git hash-object --no-filters $folder/requirements.txt $folder/package-lock.json)"
if [ "$(cat "$stamp" 2>/dev/null)" = "$now" ] && [ -d $folder/node_modules ] && $folder/.venv/bin/python --version >/dev/null 2>&1; then
    exit 0
fi

at_least "$(version_of python3)" 3.10 ||
    die "The tests of released clients need Python 3.10 or later with venv (here: $(version_of python3))." \
        "Debian: apt-get install python3-venv; Fedora: dnf install python3; macOS: brew install python"
rm -rf $folder/.venv $folder/node_modules
step clients-venv "Making a virtual environment in $folder/.venv" python3 -m venv $folder/.venv ||
    die "Python is there without its module venv. Debian: apt-get install python3-venv"
step clients-pip "Installing meteroid and commet-sdk from PyPI into it" $folder/.venv/bin/python -m pip install \
    --disable-pip-version-check --require-hashes --only-binary :all: --no-deps --requirement $folder/requirements.txt ||
    die "Is the Python package index reachable? The tests of released clients cannot run without them."
step clients-npm "Installing @commet/node into $folder/node_modules" npm ci --prefix $folder ||
    die "Is the npm registry reachable? The tests of released clients cannot run without them."
echo "$now" >"$stamp"
