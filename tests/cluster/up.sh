#!/usr/bin/env bash
# Starts a Kubernetes of one node in a network namespace of its own and prints where its kubeconfig is.
# Run again it says that the cluster is up; remains of one that died are cleared away first.
set -euo pipefail
. "$(dirname "$0")/env.sh"
. "$here/lib.sh"
for part in network pki control-plane node; do . "$here/parts/$part.sh"; done

components="etcd containerd kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy netpold"
is_up() {
    local component
    for component in $components; do pid_of "$component" >/dev/null || return 1; done
    timeout 5 kubectl --kubeconfig "$KUBECONFIG_ADMIN" get --raw /readyz >/dev/null 2>&1
}
finish() {
    say "the cluster \"$NAME\" is up; logs: $LOGS"
    echo "export KUBECONFIG=$KUBECONFIG_ADMIN PATH=$BIN:\$PATH"
}

if [ -e "$STATE" ]; then
    if is_up; then finish; exit 0; fi
    say "remains of a cluster that is not up: clearing"
    "$here/down.sh"
fi
mkdir -p "$STATE"/{etcd,cni,containerd,kubelet,podlogs,kubeconfigs,pids,commands} "$LOGS" "$PKI"
trap '[ $? = 0 ] || echo "the set-up broke off; logs: $LOGS; clear with: make cluster-down" >&2' EXIT

network_up
cgroups_up
pki_up
say "network and certificates"
containerd_up
images_import & # while the control plane starts
importing=$!
etcd_up
apiserver_up
say "API server ready"
controllers_up
wait "$importing" || die "images could not be imported; see $LOGS/import.log"
say "images imported"

apply() { sed "s#@STATE@#$STATE#g" "$here/manifests/$1.yaml" | kubectl_admin apply -f - >>"$LOGS/apply.log" 2>&1; }
apply 10-netpold
kubelet_up
proxy_up
policies_up
kubectl_admin wait --for=create "node/$NODE" --timeout=60s >/dev/null
kubectl_admin wait --for=condition=Ready "node/$NODE" --timeout=60s >/dev/null
say "node ready"
wait_for 20 "kube-proxy's rules" proxy_rules_in
apply 20-coredns # after the rules: a lost first packet costs three seconds
apply 30-local-path
apply 40-metrics
for deployment in coredns local-path-provisioner metrics-server; do
    kubectl_admin -n kube-system rollout status "deployment/$deployment" --timeout=120s >/dev/null ||
        die "$deployment is not ready; see: kubectl -n kube-system describe pods; logs: $LOGS"
    say "$deployment ready"
done
finish
