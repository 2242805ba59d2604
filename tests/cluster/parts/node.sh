# containerd with the images, the kubelet, kube-proxy, the policy engine. Sourced by up.sh.
# shellcheck shell=bash
containerd_up() {
    cat >"$STATE/cni/10-bridge.conflist" <<J
{"cniVersion": "0.4.0", "name": "$NAME", "plugins": [
  {"type": "bridge", "bridge": "cni0", "isGateway": true, "isDefaultGateway": true, "hairpinMode": true, "ipMasq": true,
   "ipam": {"type": "host-local", "dataDir": "$STATE/cni-ipam", "ranges": [[{"subnet": "10.42.0.0/24"}]]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}
J
    # restrict_oom_score_adj: no CAP_SYS_RESOURCE in a container-like machine.
    # netns_mounts_under_state_dir: two clusters do not share /run/netns.
    cat >"$STATE/containerd/config.toml" <<T
version = 2
root = "$STATE/containerd/root"
state = "$STATE/containerd/state"
disabled_plugins = ["io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs", "io.containerd.tracing.processor.v1.otlp", "io.containerd.internal.v1.tracing"]
[grpc]
  address = "$SOCK"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:1"
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "$BIN/cni"
    conf_dir = "$STATE/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      BinaryName = "$BIN/runc"
      Root = "$STATE/runc"
      SystemdCgroup = false
T
    define containerd "$BIN/containerd" -c "$STATE/containerd/config.toml"
}

images_import() {
    local archive
    wait_for 20 containerd ctr -a "$SOCK" version
    for archive in "$IMAGES"/*.tar; do
        ctr -a "$SOCK" -n k8s.io images import "$archive"
    done >"$LOGS/import.log" 2>&1
}

kubelet_up() {
    : >"$STATE/resolv.conf" # pods that use the node's resolver get none: names of the world are not needed here
    cat >"$STATE/kubelet.yaml" <<Y
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $PKI/ca.crt}}
authorization: {mode: Webhook}
tlsCertFile: $PKI/kubelet-serving.crt
tlsPrivateKeyFile: $PKI/kubelet-serving.key
containerRuntimeEndpoint: unix://$SOCK
cgroupDriver: cgroupfs
cgroupRoot: /$NAME
failSwapOn: false
failCgroupV1: false
clusterDNS: [$DNS_IP]
clusterDomain: cluster.local
resolvConf: $STATE/resolv.conf
podLogsDir: $STATE/podlogs
volumePluginDir: $STATE/kubelet-plugins
oomScoreAdj: 0
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
evictionHard: {memory.available: 100Mi, nodefs.available: 1%, imagefs.available: 1%, nodefs.inodesFree: 1%}
shutdownGracePeriod: 0s
nodeStatusUpdateFrequency: 5s
syncFrequency: 10s
Y
    define kubelet "$BIN/kubelet" --config="$STATE/kubelet.yaml" --kubeconfig="$STATE/kubeconfigs/kubelet" \
        --hostname-override="$NODE" --node-ip="$NODE_IP" --root-dir="$STATE/kubelet" --cert-dir="$STATE/kubelet/pki"
}

proxy_up() {
    cat >"$STATE/kube-proxy.yaml" <<Y
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
clientConnection: {kubeconfig: $STATE/kubeconfigs/kube-proxy}
hostnameOverride: $NODE
mode: iptables
clusterCIDR: $POD_CIDR
oomScoreAdj: 0
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
Y
    define kube-proxy "$BIN/kube-proxy" --config="$STATE/kube-proxy.yaml"
}

policies_up() { define netpold "$BIN/netpold" --kubeconfig "$STATE/kubeconfigs/netpold"; }

proxy_rules_in() { in_netns iptables -t nat -S KUBE-SERVICES | grep -q '10\.43\.0\.1/32'; }
