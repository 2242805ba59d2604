#!/usr/bin/env bash
# measure.sh [PODS [SECONDS]]: for how long a new pod is open although a policy closes it, on the running cluster. Starts the pods
# one after the other, then again all at once; each connects out from its first instruction and is connected to from
# outside. Prints a table.
set -euo pipefail
. "$(dirname "$0")/../env.sh"
. "$here/lib.sh"
pods=${1:-10} seconds=${2:-4} # pods of a round, and how long each looks
open=gap-open closed=gap-closed
cleanup() { kubectl_admin delete namespace "$open" "$closed" --ignore-not-found --wait >/dev/null; }
trap cleanup EXIT
cleanup
gcc -Os -static -s -o "$BIN/probe" "$here/gap/probe.c"
python3 "$repository/packaging/mkimage.py" "$STATE/probe.tar" localhost/probe:1 --copy "$BIN/probe=/probe" --entrypoint /probe
ctr -a "$SOCK" -n k8s.io images import "$STATE/probe.tar" >/dev/null

pod() { # NAMESPACE NAME WORD...
    local namespace=$1 name=$2
    shift 2
    cat <<Y
---
apiVersion: v1
kind: Pod
metadata: {name: $name, namespace: $namespace}
spec:
  restartPolicy: Never
  terminationGracePeriodSeconds: 0
  containers: [{name: probe, image: "localhost/probe:1", imagePullPolicy: Never, args: [$(printf '"%s",' "$@")]}]
Y
}
kubectl_admin create namespace "$open" >/dev/null
kubectl_admin create namespace "$closed" >/dev/null
wait_for 20 "service accounts" kubectl_admin -n "$open" get serviceaccount default
wait_for 20 "service accounts" kubectl_admin -n "$closed" get serviceaccount default
{ pod "$open" target watch 127.0.0.1 7000 600; pod "$open" sweeper sweep 10.42.0. 7000 600; } | kubectl_admin apply -f - >/dev/null
kubectl_admin -n "$open" wait --for=condition=Ready pod/target pod/sweeper --timeout=60s >/dev/null
target=$(kubectl_admin -n "$open" get pod target -o jsonpath='{.status.podIP}')

run() { # NAME NAMESPACE: starts the pods of a round, prints what each saw
    local round=$1 i names=()
    for i in $(seq "$pods"); do names+=("pod/$round-$i"); done
    if [ "$round" = together ]; then
        for i in $(seq "$pods"); do pod "$closed" "$round-$i" watch "$target" 7000 "$seconds"; done | kubectl_admin apply -f - >/dev/null
        kubectl_admin -n "$closed" wait --for=jsonpath='{.status.phase}'=Succeeded "${names[@]}" --timeout=180s >/dev/null
    else
        for i in $(seq "$pods"); do
            pod "$closed" "$round-$i" watch "$target" 7000 "$seconds" | kubectl_admin apply -f - >/dev/null
            kubectl_admin -n "$closed" wait --for=jsonpath='{.status.phase}'=Succeeded "pod/$round-$i" --timeout=60s >/dev/null
        done
    fi
    for i in $(seq "$pods"); do kubectl_admin -n "$closed" logs "$round-$i"; done
}
summary() { # ROUND: of the lines on stdin
    python3 -c '
import json, sys
seen = [json.loads(line) for line in sys.stdin]
for way in ("out", "in"):
    opened = sorted(max(0.0, one["last_%s_ms" % way]) for one in seen)
    count = sum(one[way] > 0 for one in seen)
    print("%-14s %-4s %2d of %2d pods open, median %7.1f ms, longest %7.1f ms" % (sys.argv[1], way, count, len(seen), opened[len(opened) // 2], opened[-1]))
' "$1"
}
pod "$closed" control watch "$target" 7000 "$seconds" | kubectl_admin apply -f - >/dev/null # before there is a policy
kubectl_admin -n "$closed" wait --for=jsonpath='{.status.phase}'=Succeeded pod/control --timeout=60s >/dev/null
kubectl_admin -n "$closed" logs control | summary "no policy"
kubectl_admin -n "$closed" apply -f - >/dev/null <<'Y'
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: default-deny}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
Y
sleep 1
run one | summary "one by one"
run together | summary "all at once"
