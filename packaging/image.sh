#!/usr/bin/env bash
# image.sh [--static] BINARY OUT.tar NAME:TAG: the Holdfast image as a docker-archive (`docker load`, `ctr images import`),
# from nothing but a built binary and a CA bundle; runs as user 10001. A dynamic binary takes its libraries along, for
# tests; with --static it is refused. Needs no container engine and no registry.
set -euo pipefail
die() {
    printf 'image: %s\n' "$*" >&2
    exit 1
}
static=
if [ "${1:-}" = --static ]; then static=1; shift; fi
[ $# = 3 ] || die "usage: image.sh [--static] BINARY OUT.tar NAME:TAG"
binary=$1 out=$2 name=$3
bundle=/etc/ssl/certs/ca-certificates.crt
[ -x "$binary" ] || die "$binary is not there; build it first"
[ -e "$bundle" ] || die "no CA bundle in $bundle; apt-get install -y ca-certificates"
libraries=()
if readelf -lW "$binary" | grep -q INTERP; then
    [ -z "$static" ] ||
        die "$binary is not static; build it with RUSTFLAGS='-C target-feature=+crt-static' and --target x86_64-unknown-linux-gnu"
    libraries=(--libs-of "$binary")
fi
mkdir -p "$(dirname "$out")"
small=$(mktemp)
trap 'rm -f "$small"' EXIT
strip --strip-debug -o "$small" "$binary" # a debug build is four fifths lines and names
chmod 755 "$small"
python3 "$(dirname "$0")/mkimage.py" "$out" "$name" --copy "$small=/holdfast" --copy "$bundle=$bundle" "${libraries[@]}" \
    --entrypoint /holdfast
