#!/usr/bin/env bash
# Checks that the cluster does what Kubernetes promises: pods, names, policies that truly block, volumes, metrics,
# limits, and that its programs can be restarted.
set -uo pipefail
. "$(dirname "$0")/../check.sh"
clear() { kubectl_admin delete namespace checks checks-other --ignore-not-found --wait --timeout=60s >/dev/null; }
in_client() { kubectl_admin -n checks exec client -- timeout 3 "$@"; }
in_stranger() { kubectl_admin -n checks-other exec stranger -- timeout 3 "$@"; }
get() { "$1" wget -qO- "$2"; }
reaches() { check "$1" "web-" get "$2" "$3"; }
# blocked NAME FROM ADDRESS: refused or silent, and not for want of a program, a name or a pod
blocked() {
    local output
    if output=$(get "$2" "$3" 2>&1); then fail "$1" "it answered: $output"; return; fi
    case $output in
    *"Connection refused"* | *"exit code 143"* | *"exit code 124"*) pass "$1" ;;
    *) fail "$1" "failed for another reason: $output" ;;
    esac
}
policy() { kubectl_admin apply -f - >/dev/null && sleep 1; } # longer than the engine takes
clear
trap clear EXIT
kubectl_admin apply -f "$here/checks/pods.yaml" >/dev/null

# Pods and names
check "pods run" "" kubectl_admin -n checks wait --for=condition=Ready pod/client --timeout=90s
check "a deployment of three is available" "" kubectl_admin -n checks rollout status deployment/web --timeout=60s
check "a pod in another namespace runs" "" kubectl_admin -n checks-other wait --for=condition=Ready pod/stranger --timeout=60s
minor=$(kubectl_admin version -o json | python3 -c 'import json, sys; print(json.load(sys.stdin)["serverVersion"]["minor"])')
check "the version is 1.33 or newer" "" test "$minor" -ge 33
address=$(kubectl_admin -n checks get service web -o jsonpath='{.spec.clusterIP}')
pod=$(kubectl_admin -n checks get pod -l app=web -o jsonpath='{.items[0].status.podIP}')
reaches "a pod answers at its address" in_client "http://$pod:8080/hostname"
reaches "a service answers at its address" in_client "http://$address/hostname"
reaches "a service answers by name" in_client http://web/hostname
reaches "a service answers by its whole name from another namespace" in_stranger http://web.checks.svc.cluster.local/hostname
check "a name that is not there is NXDOMAIN" NXDOMAIN in_client nslookup nothing.checks.svc.cluster.local "$DNS_IP"
check "input goes into a pod, its exit status comes out" "status=7" bash -c "echo 7 | kubectl --kubeconfig '$KUBECONFIG_ADMIN' -n checks exec -i client -- sh -c 'read n; exit \$n'; echo status=\$?"

# Policies: each address was reached above, or is reached here, before it is closed
reaches "control: the stranger reaches the service" in_stranger "http://$address/hostname"
policy <<'Y'
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny, namespace: checks}
spec: {podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress]}
Y
blocked "deny-in: not by the service's address" in_stranger "http://$address/hostname"
blocked "deny-in: not by the pod's address" in_stranger "http://$pod:8080/hostname"
blocked "deny-in: not from the same namespace" in_client "http://$address/hostname"
check "deny-in: the kubelet's probes still pass" "3" kubectl_admin -n checks get deployment web -o jsonpath='{.status.readyReplicas}'
policy <<'Y'
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: allow, namespace: checks}
spec: {podSelector: {matchLabels: {app: web}}, ingress: [{from: [{podSelector: {matchLabels: {app: client}}}], ports: [{port: http}]}]}
Y
reaches "allow: the client is let in" in_client "http://$address/hostname"
blocked "allow: the same labels in another namespace are not" in_stranger "http://$address/hostname"
kubectl_admin -n checks delete networkpolicy --all >/dev/null
policy <<'Y'
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny-out, namespace: checks-other}
spec: {podSelector: {}, policyTypes: [Egress], egress: [{to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}}], ports: [{port: 53, protocol: UDP}]}]}
Y
blocked "deny-out: nothing leaves" in_stranger "http://$address/hostname"
blocked "deny-out: not to the node" in_stranger "http://$NODE_IP:10256/livez"
check "deny-out: names still resolve" "$address" in_stranger nslookup web.checks.svc.cluster.local "$DNS_IP"
kubectl_admin -n checks-other delete networkpolicy --all >/dev/null
check "policies gone: reached again" "" within 5 get in_stranger "http://$address/hostname"

# Volumes, metrics, limits
in_client sh -c 'echo kept >/data/file'
check "a volume was provisioned" "Bound" kubectl_admin -n checks get pvc data -o jsonpath='{.status.phase}'
check "what is written is on the volume" kept bash -c "cat '$STATE'/storage/*_checks_data/file"
measured() { kubectl_admin get --raw /apis/metrics.k8s.io/v1beta1/namespaces/checks/pods | grep -q '"memory"'; }
check "metrics of pods are served" "" within 60 measured
kubectl_admin label namespace checks-other pod-security.kubernetes.io/enforce=restricted --overwrite >/dev/null 2>&1
check "pod security refuses what is not restricted" 'violates PodSecurity "restricted' \
    kubectl_admin -n checks-other run refused --image=localhost/shell:1 --image-pull-policy=Never
kubectl_admin -n checks create quota one --hard=pods=1 >/dev/null
check "a quota refuses" "exceeded quota" kubectl_admin -n checks run more --image=localhost/shell:1 --image-pull-policy=Never
kubectl_admin -n checks delete quota one >/dev/null
kubectl_admin -n checks run eater --image=localhost/shell:1 --image-pull-policy=Never --restart=Never \
    --overrides='{"spec": {"terminationGracePeriodSeconds": 1, "containers": [{"name": "eater", "image": "localhost/shell:1", "imagePullPolicy": "Never", "command": ["tail", "/dev/zero"], "resources": {"limits": {"memory": "32Mi"}}}]}}' >/dev/null
killed() { kubectl_admin -n checks get pod eater -o jsonpath='{.status.containerStatuses[0].state.terminated.reason}' | grep -q OOMKilled; }
check "a memory limit holds" "" within 30 killed
check "secrets are encrypted in etcd" "k8s:enc:secretbox" bash -c "kubectl --kubeconfig '$KUBECONFIG_ADMIN' -n checks create secret generic sealed --from-literal=a=b >/dev/null; nsenter --net=/run/netns/$NAME curl -s http://127.0.0.1:2379/v3/kv/range -d '{\"key\": \"'\$(printf /registry/secrets/checks/sealed | base64 -w0)'\"}' | python3 -c 'import base64, json, sys; print(base64.b64decode(json.load(sys.stdin)[\"kvs\"][0][\"value\"])[:24])'"

# Programs of the node and the control plane
for component in kube-apiserver kubelet containerd netpold; do
    old=$(pid_of "$component")
    "$here/component.sh" restart "$component"
    check "$component restarts" "" test "$old" != "$(pid_of "$component")"
    check "$component: the API server answers" "" within 30 kubectl_admin get --raw /readyz
    check "$component: a pod is still reached" "" within 30 get in_client http://web/hostname
done
new_pod() { kubectl_admin -n checks run "$1" --image=localhost/shell:1 --image-pull-policy=Never --overrides='{"spec": {"terminationGracePeriodSeconds": 1}}' >/dev/null && kubectl_admin -n checks wait --for=condition=Ready "pod/$1" --timeout=60s; }
check "after the restarts a new pod starts" "" new_pod late
closing
