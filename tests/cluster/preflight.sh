#!/usr/bin/env bash
# Checks that this machine can run the test cluster. What is missing is named in one line, with the fix.
set -euo pipefail
. "$(dirname "$0")/env.sh"

packages=() missing=()
have() { command -v "$1" >/dev/null 2>&1; }
needs() { have "$1" || packages+=("$2"); } # needs COMMAND PACKAGE

[ "$(id -u)" = 0 ] || missing+=("root, for network namespaces and mounts (sudo -E make cluster)")
[ "$(uname -m)" = x86_64 ] || missing+=("an x86-64 machine, this is $(uname -m)")
grep -q '^VERSION_CODENAME=bookworm' /etc/os-release 2>/dev/null || missing+=("Debian 12, whose packages fill the images")
have go || missing+=("Go 1.26 or newer (https://go.dev/dl)")
needs gcc gcc
needs iptables iptables
needs nft nftables
needs ip iproute2
needs nsenter util-linux
needs openssl openssl
needs curl curl
needs python3 python3
[ -e /usr/lib/x86_64-linux-gnu/libseccomp.so.2 ] || packages+=(libseccomp2)
[ -e /usr/lib/x86_64-linux-gnu/libc.a ] || packages+=(libc6-dev)

mkdir -p "$CACHE"
[ ${#SOCK} -lt 100 ] || missing+=("a shorter HOLDFAST_CACHE: the socket $SOCK would be too long")
kilobytes=$(df -Pk "$CACHE" | awk 'NR == 2 { print $4 }')
if [ ! -x "$BIN/kubelet" ] && [ "$kilobytes" -lt $((10 * 1024 * 1024)) ]; then
    missing+=("10 GB free below HOLDFAST_CACHE, there are $((kilobytes / 1024 / 1024))")
fi
memory=$(awk '/^MemAvailable/ { print int($2 / 1024) }' /proc/meminfo)
[ "$memory" -ge 2000 ] || missing+=("2 GB of free memory, there are $memory MB")
grep -qw overlay /proc/filesystems || modprobe overlay 2>/dev/null || missing+=("overlayfs (modprobe overlay)")
[ -e /proc/sys/net/bridge/bridge-nf-call-iptables ] || modprobe br_netfilter 2>/dev/null ||
    missing+=("br_netfilter (modprobe br_netfilter)")

if [ ${#packages[@]} -gt 0 ]; then
    if have apt-get && [ "$(id -u)" = 0 ]; then
        echo "installing ${packages[*]}"
        apt-get update -qq </dev/null
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" </dev/null >/dev/null
    else
        missing+=("packages (sudo apt-get install -y ${packages[*]})")
    fi
fi
if [ ${#missing[@]} -gt 0 ]; then
    line=$(printf '; %s' "${missing[@]}")
    echo "missing: ${line#; }" >&2
    exit 1
fi
