#!/usr/bin/env bash
# Builds the images of the cluster, each once, without an image registry: the cluster's own (one static binary each),
# workloads from Debian's packages, and the services of packaging/demo on top of those.
set -euo pipefail
. "$(dirname "$0")/env.sh"
. "$here/lib.sh"
. "$here/debian.sh"
mkdir -p "$IMAGES"
mkimage=$repository/packaging/mkimage.py

# inputs_of FILE|FOLDER...: what is in the repository by its content, so that two checkouts share the images in the cache;
# what was built or downloaded by name, size and time
inputs_of() {
    local input
    for input in "$@"; do
        case $input in
        "$repository"/*) find "$input" -type f -not -path '*/__pycache__/*' -exec sha256sum {} + | sed "s#$repository##" | sort ;;
        *) find "$input" -type f -printf '%p %s %T@\n' ;;
        esac
    done
}
# image NAME INPUT... -- ARGUMENT...: writes $IMAGES/NAME.tar as localhost/NAME:1 when an input has changed
image() {
    local name=$1 inputs=("$mkimage") want
    shift
    while [ "$1" != -- ]; do inputs+=("$1"); shift; done
    shift
    want=$({ inputs_of "${inputs[@]}"; printf '%s\n' "${@//"$repository"/}"; } | sha256sum)
    [ "$(cat "$IMAGES/$name.stamp" 2>/dev/null)" != "$want" ] || [ ! -e "$IMAGES/$name.tar" ] || return 0
    say "image $name"
    python3 "$mkimage" "$IMAGES/$name.tar" "localhost/$name:1" "$@"
    printf '%s\n' "$want" >"$IMAGES/$name.stamp"
}
# one NAME: an image of one static binary of the same name
one() { image "$1" "$BIN/$1" -- --user 0:0 --copy "$BIN/$1=/$1" --entrypoint "/$1"; }
# packages NAME PACKAGE...: a shell and Debian's packages; keeps the list, with versions, in $IMAGES/NAME.packages
declare -A of
packages() {
    local name=$1
    shift
    if [ ! -e "$IMAGES/$name.packages" ] || [ "$here/debian.sh" -nt "$IMAGES/$name.packages" ] ||
        ! xargs -a "$IMAGES/$name.packages" ls >/dev/null 2>&1; then
        debian_closure "$@" >"$IMAGES/$name.packages.new"
        mv "$IMAGES/$name.packages.new" "$IMAGES/$name.packages"
    fi
    of[$name]=$(tr '\n' ' ' <"$IMAGES/$name.packages")
    # shellcheck disable=SC2086
    image "$name" "$BIN/busybox" ${of[$name]} -- --shell "$BIN/busybox" --deb ${of[$name]}
}
# service NAME BASE COMMAND...: a service of the demo, its folder at /srv on top of the packages of BASE
service() {
    local name=$1 base=$2 source=$repository/packaging/demo
    shift 2
    # shellcheck disable=SC2086
    image "shop-$name" "$source/$name" "$source/lib" ${of[$base]} -- --shell "$BIN/busybox" --deb ${of[$base]} \
        --copy "$source/$name=/srv" --copy "$source/lib=/srv/lib" --entrypoint "$@"
}

for name in pause coredns agnhost metrics-server local-path-provisioner; do one "$name"; done
image shell "$BIN/busybox" -- --shell "$BIN/busybox" --entrypoint sleep 1000000
packages postgresql postgresql-15 libc-bin
packages redis redis-server
packages nginx nginx
packages python python3 python3-psycopg2
packages node nodejs

service db postgresql sh /srv/start.sh
service queue redis sh /srv/start.sh
service web nginx sh /srv/start.sh
service catalog python python3 /srv/main.py
service orders python python3 /srv/main.py
service worker node node /srv/main.mjs
