#!/bin/sh
# Installs what tests/it/importers imports from, outside the checkout: OpenBao's server and npm `dotenvx`. Does nothing when
# they are there already.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
tools=${HOLDFAST_TEST_TOOLS:-$HOME/.cache/holdfast/tools}/importers
sh "$here/install-openbao.sh" "$tools/openbao"

want=$(cd "$here" && cat install.sh package.json package-lock.json | sha256sum | cut -d ' ' -f 1)
[ "$(cat "$tools/npm/stamp" 2>/dev/null || true)" = "$want" ] && exit 0
rm -rf "$tools/npm"
mkdir -p "$tools/npm"
cp "$here/package.json" "$here/package-lock.json" "$tools/npm/"
(cd "$tools/npm" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
printf '%s\n' "$want" >"$tools/npm/stamp" # last: a broken install is done again
