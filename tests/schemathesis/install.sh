#!/usr/bin/env bash
# Installs schemathesis, which checks the running API against its own description, into the tool folder. Once per
# change of requirements.txt.
set -euo pipefail
cd "$(dirname "$0")"

tools=${HOLDFAST_TEST_TOOLS:-$HOME/.cache/holdfast/tools}
root=$tools/schemathesis
stamp=$root/installed

if ! cmp -s requirements.txt "$stamp" || ! "$root/bin/python" -c 'import schemathesis' 2>/dev/null; then
    rm -rf "$root"
    python3 -m venv "$root"
    "$root/bin/pip" install --quiet --disable-pip-version-check --no-input --no-deps -r requirements.txt </dev/null
    "$root/bin/pip" check --disable-pip-version-check >/dev/null
    cp requirements.txt "$stamp"
fi
