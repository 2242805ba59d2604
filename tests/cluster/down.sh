#!/usr/bin/env bash
# Ends everything that up.sh started and removes its mounts, namespaces, rules, cgroups, links and files, also after
# a crash. What was built stays in the cache.
set -uo pipefail
. "$(dirname "$0")/env.sh"
. "$here/lib.sh"
[ "$(id -u)" = 0 ] || die "needs root (sudo -E make cluster-down)"
if [ ! -e "$STATE" ] && [ ! -e "/run/netns/$NAME" ]; then
    say "the cluster \"$NAME\" is not there"
    exit 0
fi

# Without asking: what they would put in order on the way out is removed below.
end() { local pid; for component; do ! pid=$(pid_of "$component") || kill -9 "$pid"; done; }
end kubelet kube-proxy netpold kube-scheduler kube-controller-manager

# The containers: every process in this cluster's cgroups.
processes() { cgroups | while read -r folder; do find "$folder" -name cgroup.procs -exec cat {} + 2>/dev/null; done | sort -u; }
for _ in $(seq 20); do
    [ -n "$(processes)" ] || break
    processes | xargs -r kill -9 2>/dev/null
    sleep 0.1
done
# Their shims, which live outside of them: known by their name and the socket in their arguments.
for folder in /proc/[0-9]*; do
    mapfile -d '' -t arguments <"$folder/cmdline" 2>/dev/null || continue
    case ${arguments[0]:-} in
    */containerd-shim-runc-v2) [[ " ${arguments[*]} " == *" $SOCK "* ]] && kill -9 "${folder#/proc/}" 2>/dev/null ;;
    esac
done
end containerd kube-apiserver etcd

# Mounts below the state folder, deepest first.
awk -v below="$STATE/" 'index($5, below) == 1 { print $5 }' /proc/self/mountinfo | sort -r |
    while read -r mount; do umount -l "$mount"; done
ip netns del "$NAME" 2>/dev/null # with it go its links, routes and rules
ip link del "v$NAME" 2>/dev/null
# `ip netns` mounts this folder over itself; without a namespace in it nobody needs that.
[ -n "$(ls -A /run/netns 2>/dev/null)" ] || { umount /run/netns && rmdir /run/netns; } 2>/dev/null
cgroups | while read -r folder; do
    for _ in $(seq 20); do
        [ -d "$folder" ] || break
        find "$folder" -depth -type d -exec rmdir {} + 2>/dev/null
        sleep 0.05
    done
done

# Places outside the state folder that the kubelet, containerd and CNI do not let one choose.
find /var/log/containers -lname "$STATE/*" -delete 2>/dev/null
grep -rlF -e "$STATE/" /var/lib/cni/results 2>/dev/null | xargs -r rm -f
for socket in /run/containerd/s/*; do # of shims that were killed: sockets that nobody listens on
    [ ! -S "$socket" ] || grep -qF -e "$socket" /proc/net/unix || rm -f "$socket"
done
rm -rf --one-file-system "$STATE"
rmdir "$CACHE/state" 2>/dev/null
if [ ! -e "$CACHE/state" ]; then # no other cluster uses them
    rm -f /var/lib/kubelet/device-plugins/{kubelet.sock,DEPRECATION}
    rmdir /var/log/containers /var/log/pods /var/lib/cni/results /var/lib/cni /run/containerd/s /run/containerd \
        /var/lib/kubelet/device-plugins /var/lib/kubelet 2>/dev/null
fi
say "the cluster \"$NAME\" is gone"
