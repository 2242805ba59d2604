#!/bin/sh
# Installs the real parsers that tests/it/format_differential.rs compares ours with, outside the checkout.
# Does nothing when they are there already.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
tools=${HOLDFAST_TEST_TOOLS:-$HOME/.cache/holdfast/tools}/formats
want=$(cd "$here" && cat install.sh package.json package-lock.json requirements.txt | sha256sum | cut -d ' ' -f 1)
[ "$(cat "$tools/stamp" 2>/dev/null || true)" = "$want" ] && exit 0

rm -rf "$tools"
mkdir -p "$tools/npm"
cp "$here/package.json" "$here/package-lock.json" "$tools/npm/"
(cd "$tools/npm" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
python3 -m venv "$tools/venv"
"$tools/venv/bin/python" -m pip install --quiet --require-hashes --only-binary :all: -r "$here/requirements.txt"
printf '%s\n' "$want" >"$tools/stamp" # last: a broken install is done again
