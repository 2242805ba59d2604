# Names, addresses and folders of the test cluster; sourced by every script here.
# Two clusters side by side need two names and two numbers: HOLDFAST_CLUSTER=other HOLDFAST_CLUSTER_NUMBER=2.
# shellcheck shell=bash disable=SC2034
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repository=$(cd "$here/../.." && pwd)
NAME=${HOLDFAST_CLUSTER:-holdfast}      # the network namespace, the cgroup, the state folder
NUMBER=${HOLDFAST_CLUSTER_NUMBER:-1}    # 1..250: third octet of the link 172.31.N.0/30

# What is built stays between runs; what runs has its own folder, which `down.sh` removes.
CACHE=${HOLDFAST_CACHE:-$HOME/.cache/holdfast}/cluster
TARGET=${CARGO_TARGET_DIR:-$repository/target}
BIN=$CACHE/bin
IMAGES=$CACHE/images
STATE=$CACHE/state/$NAME
LOGS=$STATE/logs
PKI=$STATE/pki
SOCK=$STATE/containerd/containerd.sock
KUBECONFIG_ADMIN=$STATE/kubeconfig

HOST_IP=172.31.$NUMBER.1                # this machine's end of the link
NODE_IP=172.31.$NUMBER.2                # the cluster's end: the API server is https://$NODE_IP:6443
POD_CIDR=10.42.0.0/16                   # these three as k3s has them
SERVICE_CIDR=10.43.0.0/16
DNS_IP=10.43.0.10
NODE=node1

# Debian's daemons are unpacked into $BIN, never installed: nothing starts by itself.
export PATH=$BIN:$PATH
export GOCACHE=$CACHE/go/build GOMODCACHE=$CACHE/go/modules GOFLAGS='-buildvcs=false -modcacherw' CGO_ENABLED=0
