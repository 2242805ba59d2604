#!/usr/bin/env bash
# Prints the memory (RSS) of the running cluster: its programs, the shims of containerd, the pods.
set -uo pipefail
. "$(dirname "$0")/env.sh"
for folder in /proc/[0-9]*; do
    kind=
    if grep -q "/$NAME/" "$folder/cgroup" 2>/dev/null; then kind=pods
    elif grep -qaF -e "$STATE/" "$folder/cmdline" 2>/dev/null; then kind=$(cat "$folder/comm" 2>/dev/null)
    fi
    [ -z "$kind" ] || awk -v kind="$kind" '/^VmRSS/ { print kind, int($2 / 1024) }' "$folder/status" 2>/dev/null
done | awk '{ sum[$1] += $2; all += $2 } END { for (k in sum) printf "%-16s %5d MB\n", k, sum[k]; printf "%-16s %5d MB\n", "together", all }' | sort
