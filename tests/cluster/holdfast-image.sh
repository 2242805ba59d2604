#!/usr/bin/env bash
# holdfast-image.sh BINARY: writes the Holdfast image (FROM scratch: the static binary and a CA bundle) as
# localhost/holdfast:1 and, when the cluster is up, imports it.
set -euo pipefail
. "$(dirname "$0")/env.sh"
. "$here/lib.sh"
binary=${1:?usage: holdfast-image.sh BINARY}
[ -x "$binary" ] || die "$binary is not there; build it first"
if readelf -lW "$binary" | grep -q INTERP; then
    die "$binary is not static; build it with RUSTFLAGS='-C target-feature=+crt-static' and --target x86_64-unknown-linux-gnu"
fi
bundle=/etc/ssl/certs/ca-certificates.crt
[ -e "$bundle" ] || die "no CA bundle in $bundle; apt-get install -y ca-certificates"
mkdir -p "$IMAGES"
python3 "$here/mkimage.py" "$IMAGES/holdfast.tar" localhost/holdfast:1 \
    --copy "$binary=/holdfast" --copy "$bundle=$bundle" --entrypoint /holdfast
[ ! -S "$SOCK" ] || ctr -a "$SOCK" -n k8s.io images import "$IMAGES/holdfast.tar"
