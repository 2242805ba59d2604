#!/usr/bin/env bash
# Checks of `holdfast gate` and `holdfast prober`: no container starts in a pod that is not proven closed, however late the
# policy engine is. Each pod's first program connects out from its first instruction and is connected to from outside.
set -uo pipefail
. "$(dirname "$0")/../check.sh"
clear() {
    "$here/component.sh" delay 0s
    kubectl_admin delete namespace gate-closed gate-open holdfast-system --ignore-not-found --wait --timeout=90s >/dev/null
}
field() { kubectl_admin -n "$1" get pod "$2" -o jsonpath="{.status.$3}"; }
ended() { kubectl_admin -n "$1" wait "--for=jsonpath={.status.phase}=$3" "pod/$2" --timeout=60s >/dev/null; }
message() { field "$1" "$2" 'initContainerStatuses[0].state.terminated.message'; }
# what the gate of NAMESPACE POD said, and whether the first program of the team started
told() { echo "exit $(field "$1" "$2" 'initContainerStatuses[0].state.terminated.exitCode') $(message "$1" "$2") main: $(field "$1" "$2" 'containerStatuses[0].state')"; }
# pod NAMESPACE NAME LIMIT|none: a gate, and behind it a program that looks for two seconds
pod() {
    local gate=
    [ "$3" = none ] || gate="initContainers: [{name: gate, image: 'localhost/holdfast:1', imagePullPolicy: Never, args: [gate, --ask, '$prober:8481', --open, '$prober:8482', --port, '8483', --limit, '$3'], securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}}]"
    cat <<Y
---
apiVersion: v1
kind: Pod
metadata: {name: $2, namespace: $1}
spec:
  restartPolicy: Never
  terminationGracePeriodSeconds: 0
  automountServiceAccountToken: false
  securityContext: {runAsNonRoot: true, runAsUser: 10001, seccompProfile: {type: RuntimeDefault}}
  $gate
  containers: [{name: main, image: "localhost/probe:1", imagePullPolicy: Never, args: [watch, "$target", "7000", "2"]}]
Y
}
start() { pod "$@" | kubectl_admin apply -f - >/dev/null; }
# seen WORD LOG: how often programs got through, out or in
seen() { python3 -c 'import json, sys; print(sum(json.loads(line)[sys.argv[1]] for line in sys.argv[2].splitlines() if line))' "$@"; }

clear 2>/dev/null
trap clear EXIT
gcc -Os -static -s -o "$BIN/probe" "$here/gap/probe.c"
python3 "$repository/packaging/mkimage.py" "$STATE/probe.tar" localhost/probe:1 --copy "$BIN/probe=/probe" --entrypoint /probe
ctr -a "$SOCK" -n k8s.io images import "$STATE/probe.tar" >/dev/null
kubectl_admin apply -f "$here/checks/gate.yaml" >/dev/null
check "the prober runs, restricted" "" kubectl_admin -n holdfast-system rollout status deployment/prober --timeout=60s
prober=$(kubectl_admin -n holdfast-system get service prober -o jsonpath='{.spec.clusterIP}')
for namespace in gate-open gate-closed; do within 20 kubectl_admin -n "$namespace" get serviceaccount default; done
kubectl_admin apply -f - >/dev/null <<Y
apiVersion: v1
kind: Pod
metadata: {name: target, namespace: gate-open}
spec: {terminationGracePeriodSeconds: 0, containers: [{name: main, image: "localhost/probe:1", imagePullPolicy: Never, args: [watch, 127.0.0.1, "7000", "900"]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: sweeper, namespace: gate-open}
spec: {terminationGracePeriodSeconds: 0, containers: [{name: main, image: "localhost/probe:1", imagePullPolicy: Never, args: [sweep, 10.42.0., "7000", "900"]}]}
Y
check "control: what pods reach and are reached by runs" "" kubectl_admin -n gate-open wait --for=condition=Ready pod/target pod/sweeper --timeout=60s
target=$(field gate-open target podIP)

# Controls: the gate sees what is open, and a dead way to the prober is no proof
start gate-open unpoliced 2s
ended gate-open unpoliced Failed
check "control: without policies the gate ends with 3" "exit 3 " told gate-open unpoliced
check "control: and says PolicyNotEnforced, both ways" '"open both ways"' message gate-open unpoliced
kubectl_admin -n gate-closed delete networkpolicy gate >/dev/null
start gate-closed unheard 5s
ended gate-closed unheard Failed
check "a pod that cannot ask ends with 4, ProbeUnreachable" "exit 4 " told gate-closed unheard
kubectl_admin apply -f "$here/checks/gate.yaml" >/dev/null
"$here/component.sh" delay 2s
start gate-closed ungated none
ended gate-closed ungated Succeeded
leaks=$(kubectl_admin -n gate-closed logs ungated)
check "control: a pod without a gate is open at first, out" "" test "$(seen out "$leaks")" -gt 0
check "control: a pod without a gate is open at first, in" "" test "$(seen in "$leaks")" -gt 0

# The gate, with an engine that is late
for delay in 0s 2s 10s; do
    "$here/component.sh" delay "$delay"
    pods=()
    for i in 1 2 3; do start gate-closed "late-$delay-$i" 20s; pods+=("late-$delay-$i"); done
    log=
    for name in "${pods[@]}"; do
        ended gate-closed "$name" Succeeded
        check "engine delayed by $delay: proven" '"reason":"Proven"' message gate-closed "$name"
        log+=$(kubectl_admin -n gate-closed logs "$name" -c main)$'\n'
    done
    check "engine delayed by $delay: what runs behind the gate looked" "3" grep -c '"out"' <<<"$log"
    check "engine delayed by $delay: nothing got out" "" test "$(seen out "${log%$'\n'}")" = 0
    check "engine delayed by $delay: nothing got in" "" test "$(seen in "${log%$'\n'}")" = 0
    echo "     milliseconds until proven: $(for name in "${pods[@]}"; do message gate-closed "$name"; done | grep -o '"milliseconds":[0-9]*' | cut -d: -f2 | tr '\n' ' ')"
done
"$here/component.sh" stop netpold
start gate-closed stopped 5s
ended gate-closed stopped Failed
check "engine stopped: the gate ends with 3" "exit 3 " told gate-closed stopped
check "engine stopped: and says PolicyNotEnforced" '"reason":"PolicyNotEnforced"' message gate-closed stopped
check "engine stopped: the pod's own program never started" 'main: {"waiting":{"reason":"PodInitializing"}}' told gate-closed stopped
"$here/component.sh" start netpold
start gate-closed again 20s
ended gate-closed again Succeeded
check "engine back: a pod starts" '"reason":"Proven"' message gate-closed again

# How long the gate holds a pod up: written down, not judged here
"$here/component.sh" delay 0s
kubectl_admin -n gate-closed delete pods --all --wait >/dev/null
kubectl_admin -n gate-open delete pods --all --wait >/dev/null # they take a fifth of a core
for i in $(seq "${GATE_PODS:-20}"); do
    start gate-closed "one-$i" 20s
    ended gate-closed "one-$i" Succeeded
    message gate-closed "one-$i"
    echo
done | python3 -c '
import json, sys
took = sorted(json.loads(line)["milliseconds"] for line in sys.stdin if line.strip())
print("     gate, %d pods one by one: median %d ms, longest %d ms" % (len(took), took[len(took) // 2], took[-1]))'

# `kubectl delete --wait` returns when the pod is gone; its grace is 30 s
pod=$(kubectl_admin -n holdfast-system get pod -o name)
check "the prober ends at once when told to" "" timeout 10 kubectl --kubeconfig "$KUBECONFIG_ADMIN" -n holdfast-system delete "$pod" --wait
closing
