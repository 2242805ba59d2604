#!/bin/sh
# Installs what `make bench-ui` measures pages with: Lighthouse and playwright-core, pinned, outside the checkout. The
# browser is Debian's chromium. Does nothing when all is there. Its name is not install.sh on purpose: `make test` runs
# those.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
tools=${HOLDFAST_BENCH_TOOLS:-$HOME/.cache/holdfast/tools}/bench-ui
want=$(cd "$here" && cat install-ui.sh ui/package.json ui/package-lock.json | sha256sum | cut -d ' ' -f 1)
[ "$(cat "$tools/stamp" 2>/dev/null || true)" = "$want" ] && exit 0

rm -rf "$tools"
mkdir -p "$tools"
cp "$here/ui/package.json" "$here/ui/package-lock.json" "$tools/"
(cd "$tools" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
printf '%s\n' "$want" >"$tools/stamp" # last: a broken install is done again
