#!/bin/sh
# Installs the graders that tests/it/render_graders.rs holds the rendered objects against, outside the checkout.
# Does nothing when they are there already.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
tools=${HOLDFAST_TEST_TOOLS:-$HOME/.cache/holdfast/tools}/manifests
want=$(cd "$here" && cat install.sh requirements.txt | sha256sum | cut -d ' ' -f 1)
[ "$(cat "$tools/stamp" 2>/dev/null || true)" = "$want" ] && exit 0

rm -rf "$tools"
mkdir -p "$tools"
python3 -m venv "$tools/venv"
"$tools/venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$here/requirements.txt"
printf '%s\n' "$want" >"$tools/stamp" # last: a broken install is done again
