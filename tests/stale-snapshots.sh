#!/usr/bin/env bash
# Fails when a snapshot file exists that no test compared. Argument: the list that insta wrote during the run.
set -euo pipefail
cd "$(dirname "$0")/.."

used=${1:?usage: stale-snapshots.sh LIST}
touch "$used"

stale=$(comm -23 \
    <(find "$PWD/src" "$PWD/tests" -name '*.snap' -type f | sort -u) \
    <(while IFS= read -r file; do realpath -m "$file"; done <"$used" | sort -u))

if [ -n "$stale" ]; then
    printf 'snapshots that no test compares (delete them, or bring the test back):\n%s\n' "$stale" >&2
    exit 1
fi
