#!/usr/bin/env bash
# Builds the cluster's commands into $BIN, each once: Kubernetes and what runs beside it from Go modules (pinned by
# go.sum), the daemons from Debian's packages, pause from a page of C. A stamp says what they were built from.
set -euo pipefail
. "$(dirname "$0")/env.sh"
. "$here/lib.sh"
. "$here/debian.sh"
mkdir -p "$BIN" "$CACHE/stamps"

# once NAME INPUT... -- COMMAND: runs the command when the inputs differ from those of the last time
once() {
    local name=$1 inputs=() want
    shift
    while [ "$1" != -- ]; do inputs+=("$1"); shift; done
    shift
    want=$(cat "${inputs[@]}" | sha256sum)
    [ "$(cat "$CACHE/stamps/$name" 2>/dev/null)" != "$want" ] || return 0
    say "building $name"
    "$@"
    printf '%s\n' "$want" >"$CACHE/stamps/$name" # last: what broke is done again
}

kubernetes() {
    cd "$here/tools"
    local version minor package flags='-s -w'
    version=$(go list -m -f '{{.Version}}' k8s.io/kubernetes)
    minor=${version#v1.}
    for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
        flags+=" -X $package.gitVersion=$version -X $package.gitMajor=1 -X $package.gitMinor=${minor%%.*}"
        flags+=" -X $package.gitCommit=0000000000000000000000000000000000000000 -X $package.gitTreeState=clean"
        flags+=" -X $package.buildDate=1970-01-01T00:00:00Z"
    done
    go build -trimpath -ldflags "$flags" -o "$BIN/" \
        k8s.io/kubernetes/cmd/kube-{apiserver,controller-manager,scheduler,proxy} k8s.io/kubernetes/cmd/kube{let,ctl} \
        k8s.io/kubernetes/test/images/agnhost sigs.k8s.io/metrics-server/cmd/metrics-server ./netpold
}
coredns() { cd "$here/coredns" && go build -trimpath -ldflags '-s -w' -o "$BIN/coredns" .; }
local_path() {
    cd "$here/localpath"
    go build -trimpath -ldflags '-s -w' -o "$BIN/" github.com/rancher/local-path-provisioner
}
daemons() {
    local root=$CACHE/daemons
    rm -rf "$root"
    debian_unpack "$root" etcd-server containerd runc containernetworking-plugins busybox-static
    # Removed first: a running cluster keeps the file it was started from.
    cp --remove-destination "$root"/usr/bin/{etcd,containerd,containerd-shim-runc-v2,ctr} "$root/usr/sbin/runc" "$root/bin/busybox" "$BIN/"
    mkdir -p "$BIN/cni"
    cp --remove-destination "$root"/usr/lib/cni/* "$BIN/cni/"
    rm -rf "$root"
}
pause() { gcc -Os -static -s -o "$BIN/pause" "$here/pause.c"; }

once kubernetes "$here"/build.sh "$here"/tools/go.{mod,sum} "$here"/tools/netpold/*.go -- kubernetes
once coredns "$here"/coredns/{go.mod,go.sum,main.go} -- coredns
once local-path "$here"/localpath/go.{mod,sum} -- local_path
once daemons "$here/debian.sh" -- daemons
once pause "$here/pause.c" -- pause
