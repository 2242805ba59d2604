#!/usr/bin/env bash
# Faults, each on the real cluster: the appliance killed at random points, the API server and the node's services away in
# the middle of a deploy, a namespace of somebody else, a second appliance, ten environments at once, services that misbehave.
# Each must converge, leave nothing behind, and be named in the status.
set -uo pipefail
. "$(dirname "$0")/../appliance.sh"
kills=${HOLDFAST_KILLS:-20}
other=
trap '[ -z "$other" ] || kill "$other" 2>/dev/null; leave' EXIT
begin

# blueprint [EXTRA]: two services, one of which waits for the other
blueprint() {
    cat <<Y
name: small
services:
  - name: base
    image: localhost/shell:1
    command: [sh, -c, "sleep 86400"]
    env: {COLOUR: "$1"}
    resources: {requests: {cpu: 5m, memory: 8Mi}, limits: {memory: 32Mi}}
    security: {user: 10001}
  - name: top
    image: localhost/shell:1
    command: [sh, -c, "sleep 86400"]
    env: {COLOUR: "$1"}
    dependsOn: [base]
    volumes: [{name: data, mountPath: /data, type: pvc, size: 16Mi}]
    resources: {requests: {cpu: 5m, memory: 8Mi}, limits: {memory: 32Mi}}
    security: {user: 10001}
Y
}
up() { blueprint "$1" | hf env up --file - --wait=false; }
colour() { kubectl_admin -n "$namespace" get deploy top -o jsonpath='{.spec.template.spec.containers[0].env[?(@.name=="COLOUR")].value}'; }
spaces() { kubectl_admin get namespace -l holdfast.dev/environment-id -o name | wc -l; }
# after a random part of the time an act takes, the appliance is killed, and started again
killed() {
    sleep "0.$((RANDOM % 10))$((RANDOM % 10))"
    die_hard
    serve
}

hf environments create random >/dev/null
export HOLDFAST_ENVIRONMENT=random
wrong=
for number in $(seq "$kills"); do
    case $((number % 4)) in
    1) up "c$number" >/dev/null; killed; goal=ready ;;
    2) up "c$number" >/dev/null; killed; goal=ready ;;
    3) hf env stop --wait=false >/dev/null; killed; goal=stopped ;;
    0) hf env destroy --confirm random --wait=false >/dev/null; killed; goal=deleted ;;
    esac
    within 120 is "$goal" || { wrong="$wrong $number:$goal:$(hf env status 2>&1 | grep '^state')"; }
    namespace=$(space)
    if [ "$goal" = ready ] && [ "$(colour)" != "c$number" ]; then wrong="$wrong $number:colour"; fi
    if [ "$goal" = deleted ] && [ "$(spaces)" != 0 ]; then wrong="$wrong $number:orphan"; fi
done
check "killed $kills times in create, change, stop and destroy, it converges" "" test -z "$wrong"
[ -z "$wrong" ] || echo "    $wrong"
hf env destroy --confirm random --wait --timeout 60s >/dev/null 2>&1
check "and nothing is orphaned" "" test "$(spaces)" = 0

# The API server goes away in the middle of a deploy.
export HOLDFAST_ENVIRONMENT=staging
up one >/dev/null
within 20 space
"$here/component.sh" stop kube-apiserver
check "a cluster that does not answer is called unreachable" "" within 60 is unreachable
hf env stop --wait=false >/dev/null
hf env resume --wait=false >/dev/null
sleep "${HOLDFAST_AWAY:-30}"
"$here/component.sh" start kube-apiserver
within 60 kubectl_admin get --raw /readyz
check "back, what was wished for meanwhile comes true" "" within 120 is ready
namespace=$(space)

# The node's own services start anew while something changes.
up two >/dev/null
"$here/component.sh" restart containerd
# Where systemd keeps the kubelet, one that came too early is started again; here nobody does.
within 20 ctr -a "$SOCK" -n k8s.io containers list
"$here/component.sh" restart kubelet
check "the node's services start anew, and it becomes ready" "" within 180 is ready
check "with what was asked for" "two" colour

# A second appliance at the same cluster.
other_data=$data/other
mkdir -p "$other_data"
(
    export HOLDFAST_CONFIG_DIR=$data/other-config HOLDFAST_URL=http://127.0.0.1:$((port + 1))
    "$binary" serve --data-dir "$other_data" --listen "127.0.0.1:$((port + 1))" >>"$data/other-log" 2>&1 &
    echo $! >"$data/other-pid"
    within 30 curl -sf "$HOLDFAST_URL/readyz"
    hf init --url "$HOLDFAST_URL" --setup-token-file "$other_data/setup-token" --organization rival --email eve@example.com --password-file "$data/pw" >/dev/null
    hf projects create shop >/dev/null && hf environments create staging >/dev/null
    hf clusters add local --local --image localhost/holdfast:1 >/dev/null
    blueprint rival | hf env up --file - --wait=false >/dev/null
)
other=$(cat "$data/other-pid")
theirs() { HOLDFAST_CONFIG_DIR=$data/other-config HOLDFAST_URL=http://127.0.0.1:$((port + 1)) hf "$@"; }
refused() { theirs env status 2>&1 | grep -q "another appliance"; }
check "a second appliance is refused, and told who has the cluster" "" within 60 refused
check "and made nothing" "1" spaces
check "what the first runs goes on" "ready" hf env status
kill "$other" && wait "$other" 2>/dev/null
other=

# Somebody else's namespace with the name of ours.
hf environments create taken >/dev/null
HOLDFAST_ENVIRONMENT=taken
up one >/dev/null
within 60 is ready
taken=$(hf env status --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["namespace"])')
hf env destroy --confirm taken --wait --timeout 60s >/dev/null
kubectl_admin create namespace "$taken" >/dev/null
kubectl_admin -n "$taken" create configmap theirs --from-literal=a=b >/dev/null
up two >/dev/null
named() { hf env status 2>&1 | grep -q "somebody else"; }
check "a namespace of somebody else is refused by name" "" within 30 named
hf env destroy --confirm taken --wait=false >/dev/null
check "and untouched" "theirs" kubectl_admin -n "$taken" get configmap theirs
check "also when ours is destroyed" "Active" kubectl_admin get namespace "$taken" -o 'jsonpath={.status.phase}'
kubectl_admin delete namespace "$taken" --wait=false >/dev/null

# Ten at once.
HOLDFAST_ENVIRONMENT=staging
hf env destroy --confirm staging --wait --timeout 60s >/dev/null
for number in $(seq 10); do
    hf environments create "ten$number" >/dev/null
    blueprint ten | hf env up --environment "ten$number" --file - --wait=false >/dev/null
done
all_ready() { [ "$(hf env list --json | python3 -c 'import json, sys; print(sum(e["state"] == "ready" for e in json.load(sys.stdin)["items"]))')" = 10 ]; }
check "ten environments made at once become ready" "" within 240 all_ready
for number in $(seq 10); do hf env destroy --environment "ten$number" --confirm "ten$number" --wait=false >/dev/null; done
none_left() { [ "$(spaces)" = 0 ]; }
check "and are destroyed at once" "" within 120 none_left

# Services that misbehave, side by side with one that does not.
cat >"$data/wild.yaml" <<'Y'
name: wild
services:
  - {name: calm, image: "localhost/shell:1", command: [sh, -c, "sleep 86400"], resources: &little {requests: {cpu: 5m, memory: 8Mi}, limits: {cpu: 200m, memory: 32Mi}}, security: &user {user: 10001}}
  - {name: never, image: "localhost/shell:1", command: [sh, -c, "sleep 86400"], ports: [{name: http, containerPort: 8080}], probes: {readiness: {tcp: http, interval: 1s}}, resources: *little, security: *user}
  - {name: deaf, image: "localhost/shell:1", command: [sh, -c, "trap '' TERM; while :; do sleep 1; done"], resources: *little, security: *user}
  - {name: loud, image: "localhost/shell:1", command: [sh, -c, "while :; do head -c 52428800 /dev/zero | tr '\\0' x | fold -w 200; sleep 1; done"], resources: *little, security: *user}
  - {name: forks, image: "localhost/shell:1", command: [sh, -c, "while :; do sleep 3600 & done"], resources: *little, security: *user}
  - {name: fills, image: "localhost/shell:1", command: [sh, -c, "head -c 67108864 /dev/zero > /full/file; sleep 86400"], volumes: [{name: full, mountPath: /full, type: empty, size: 8Mi}], resources: *little, security: *user}
Y
HOLDFAST_ENVIRONMENT=staging
check "what misbehaves can be deployed" "" hf env up --file "$data/wild.yaml" --wait=false
says() { hf env status --json | python3 -c 'import json, sys; print(*[s["name"] + ":" + s["state"] + ":" + s["message"] for s in json.load(sys.stdin)["services"] if s["name"] == sys.argv[1]])' "$1"; }
told() { says "$1" | grep -qE "$2"; }
check "the calm one is ready" "" within 60 told calm "calm:ready"
check "what never becomes ready says what it waits for" "" within 60 told never "readiness"
check "what forks without end is named" "" within 120 told forks "forks:failing|forks went over its memory|OutOfMemory|again and again"
check "what fills its volume is named" "" within 180 told fills "volume|storage|Evicted"
check "what logs without end is named, or kept in bounds" "" within 240 told loud "loud:ready|storage"
written() { du -sm "$STATE"/podlogs/*_loud-* 2>/dev/null | awk '{ all += $1 } END { print all + 0 }'; }
check "and its node keeps less than a gigabyte of it" "" test "$(written)" -lt 1024
check "logs of it are still to be had, in bounds" "xxxx" timeout 20 "$binary" env logs loud --tail 5
check "the calm one was never disturbed" "" bash -c '[ "$1" = 0 ]' - "$(hf env status --json | python3 -c 'import json, sys; print([s["restarts"] for s in json.load(sys.stdin)["services"] if s["name"] == "calm"][0])')"
check "all of it is destroyed, what ignores its end too" "is deleted" hf env destroy --confirm staging --wait --timeout 60s

# Bombs, refused before anything is made, with the line.
python3 - >"$data/many.yaml" <<'P'
print("name: many\nservices:")
for number in range(10_000): print(f"  - {{name: s{number}, image: \"a:1\"}}")
P
check "10,000 services are refused with the line" "many.yaml:" hf env up --file "$data/many.yaml"
printf 'name: bomb\na: &a [x, x, x, x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a]\nc: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b]\nd: &d [*c, *c, *c, *c, *c, *c, *c, *c, *c]\nservices: *d\n' >"$data/bomb.yaml"
check "a bomb of aliases is refused with the line" "bomb.yaml:" hf env up --file "$data/bomb.yaml"
printf 'name: long\nservices:\n  - {name: %s, image: "a:1"}\n' "$(printf 'x%.0s' $(seq 200))" >"$data/long.yaml"
check "a name of 200 characters is refused with the line" "long.yaml:3" hf env up --file "$data/long.yaml"
check "the ledger holds" "ok" hf audit verify
closing
