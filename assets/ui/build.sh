#!/bin/sh
# Builds assets/dist: styles, scripts and icons of the pages. Does nothing when nothing changed. What npm brings lies in
# the cache, outside the checkout, and is fetched only when package-lock.json changed.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
dist="$root/assets/dist"
cache=${HOLDFAST_CACHE:-$HOME/.cache/holdfast}/ui

sum() { sha256sum | cut -d ' ' -f 1; }
want=$(cd "$root" && find assets/ui assets/link/format.mjs templates src/http/pages -type f | LC_ALL=C sort | xargs sha256sum | sum)
[ -e "$root/assets/built/common-passwords.bin" ] && [ "$(cat "$dist/stamp" 2>/dev/null || true)" = "$want" ] && exit 0

lock=$(cd "$here" && cat package.json package-lock.json | sum | cut -c 1-16)
npm="$cache/$lock"
if [ ! -e "$npm/stamp" ]; then
    rm -rf "$npm"
    mkdir -p "$npm"
    cp "$here/package.json" "$here/package-lock.json" "$npm/"
    (cd "$npm" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
    touch "$npm/stamp" # last: a broken install is done again
fi
node "$here/build.mjs" "$npm"
printf '%s\n' "$want" >"$dist/stamp"
