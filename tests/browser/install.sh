#!/bin/sh
# Installs what tests/it/link_page.rs drives a browser and judges a page with, outside the checkout. The browser itself
# is Debian's chromium, which preflight installs or names. Does nothing when all is there already.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
tools=${HOLDFAST_TEST_TOOLS:-$HOME/.cache/holdfast/tools}/browser
want=$(cd "$here" && cat install.sh package.json package-lock.json | sha256sum | cut -d ' ' -f 1)
[ "$(cat "$tools/stamp" 2>/dev/null || true)" = "$want" ] && exit 0

rm -rf "$tools"
mkdir -p "$tools/npm"
cp "$here/package.json" "$here/package-lock.json" "$tools/npm/"
(cd "$tools/npm" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
printf '%s\n' "$want" >"$tools/stamp" # last: a broken install is done again
