#!/usr/bin/env bash
# component.sh stop|start|restart NAME: one of the running cluster's own programs (kubelet, containerd, kube-apiserver,
# netpold, ...), to see what Holdfast does meanwhile.
set -euo pipefail
. "$(dirname "$0")/env.sh"
. "$here/lib.sh"
action=${1:-} name=${2:-}
[ -e "$STATE/commands" ] || die "the cluster \"$NAME\" is not up (make cluster)"
[ -e "$STATE/commands/$name" ] || die "usage: component.sh stop|start|restart $(ls "$STATE/commands" | tr '\n' '|')"
case $action in
stop) stop "$name" ;;
start) pid_of "$name" >/dev/null || start "$name" ;;
restart) stop "$name"; start "$name" ;;
*) die "usage: component.sh stop|start|restart NAME" ;;
esac
