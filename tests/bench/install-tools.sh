#!/usr/bin/env bash
# Installs what `make bench` needs: OpenBao into the tool folder, by the recipe of tests/importers, and wrk from Debian's
# packages. Does nothing when both are there. Its name is not install.sh on purpose: `make test` runs those.
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

install_wrk
sh ../importers/install-openbao.sh "$tools"
