#!/usr/bin/env bash
# holdfast-image.sh [BINARY]: writes localhost/holdfast:1 from a built `holdfast` (else $HOLDFAST_BINARY, else the newest
# that was built here; it builds none) when that has changed, and imports it when the cluster is up.
set -euo pipefail
. "$(dirname "$0")/env.sh"
. "$here/lib.sh"
binary=${1:-${HOLDFAST_BINARY:-$(newest_binary)}}
[ -x "$binary" ] || die "no holdfast is built in $TARGET; make cluster builds one, or set HOLDFAST_BINARY"
image=$repository/packaging/image.sh
want=$({ stat -c '%n %s %Y' "$binary"; sha256sum <"$image"; sha256sum <"$repository/packaging/mkimage.py"; } | sha256sum)
if [ "$(cat "$IMAGES/holdfast.stamp" 2>/dev/null)" != "$want" ] || [ ! -e "$IMAGES/holdfast.tar" ]; then
    say "image holdfast, of $binary"
    bash "$image" "$binary" "$IMAGES/holdfast.tar" localhost/holdfast:1
    printf '%s\n' "$want" >"$IMAGES/holdfast.stamp"
fi
[ ! -S "$SOCK" ] || ctr -a "$SOCK" -n k8s.io images import "$IMAGES/holdfast.tar" >/dev/null
