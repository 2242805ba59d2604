#!/usr/bin/env bash
# component.sh stop|start|restart NAME: one of the running cluster's own programs (kubelet, containerd, kube-apiserver,
# netpold, ...), to see what Holdfast does meanwhile.
# component.sh delay DURATION: lets the policy engine lag behind by that much (0s, 2s, 10s).
set -euo pipefail
. "$(dirname "$0")/env.sh"
. "$here/lib.sh"
action=${1:-} name=${2:-}
[ -e "$STATE/commands" ] || die "the cluster \"$NAME\" is not up (make cluster)"
if [ "$action" = delay ]; then
    [[ $name =~ ^[0-9]+(ms|s)$ ]] || die "usage: component.sh delay 2s"
    stop netpold
    define netpold "$BIN/netpold" --kubeconfig "$STATE/kubeconfigs/netpold" --delay "$name"
    exit
fi
[ -e "$STATE/commands/$name" ] || die "usage: component.sh stop|start|restart $(ls "$STATE/commands" | tr '\n' '|')"
case $action in
stop) stop "$name" ;;
start) pid_of "$name" >/dev/null || start "$name" ;;
restart) stop "$name"; start "$name" ;;
*) die "usage: component.sh stop|start|restart NAME, or delay DURATION" ;;
esac
