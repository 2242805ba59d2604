#!/bin/sh
# Installs what tests/it/importers imports from, outside the checkout: OpenBao's server and npm `dotenvx`. Does nothing when
# they are there already.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
tools=${HOLDFAST_TEST_TOOLS:-$HOME/.cache/holdfast/tools}/importers
sh "$here/install-openbao.sh" "$tools/openbao"
