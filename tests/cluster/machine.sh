#!/usr/bin/env bash
# Prints what a cluster could leave on this machine, sorted, one thing a line: compare before and after.
set -uo pipefail
. "$(dirname "$0")/env.sh"
{
    awk '{ print "mount " $5 }' /proc/self/mountinfo
    find /run/netns -mindepth 1 2>/dev/null | sed 's/^/namespace /'
    ip -o link 2>/dev/null | awk '{ sub(/@.*/, "", $2); print "link " $2 }'
    ip route show table all 2>/dev/null | sed 's/^/route /'
    iptables-save 2>/dev/null | grep -v '^#' | sed 's/\[[0-9:]*\]//; s/^/iptables /'
    nft list tables 2>/dev/null | sed 's/^/nft /'
    find /sys/fs/cgroup -type d -name "$NAME*" 2>/dev/null | sed 's/^/cgroup /'
    for folder in /proc/[0-9]*; do
        if grep -qaF -e "$STATE/" "$folder/cmdline" 2>/dev/null || grep -q "/$NAME/" "$folder/cgroup" 2>/dev/null; then
            echo "process $(cat "$folder/comm" 2>/dev/null)"
        fi
    done
    for folder in "$STATE" /run/containerd /var/lib/cni /var/lib/containerd /var/lib/kubelet /var/log/containers \
        /var/log/pods /etc/cni /etc/kubernetes /var/lib/etcd; do
        find "$folder" 2>/dev/null | sed 's/^/file /'
    done
    sysctl -n net.ipv4.ip_forward 2>/dev/null | sed 's/^/ip_forward /'
} | sort -u
