#!/usr/bin/env bash
# Checks of the controller with the demo shop: an appliance of its own runs it, is asked again, killed, contradicted, told of
# a changed secret and of a broken image, and in the end leaves nothing. HOLDFAST_BINARY is the program, else what was built.
set -uo pipefail
. "$(dirname "$0")/../appliance.sh"
versions() { kubectl_admin -n "$namespace" get deploy,svc,netpol,sa,quota,limits,pvc,cm -o jsonpath='{range .items[*]}{.kind}{.metadata.name}{.metadata.generation}{" "}{end}'; }
# within_status TEXT: what the status says, once it has the text
told_in_status() { hf env status 2>&1 | grep -q "$1"; }
within_status() { within 30 told_in_status "$1"; hf env status 2>&1; }
trap leave EXIT
begin
check "a cluster is added" "v1." hf clusters show local
check "a variable that is missing is named" "DATABASE_URL" hf env up --file "$shop" --plan
shop_secrets
check "a plan draws what is missing, and does nothing" "WORKER_TOKEN" hf env up --file "$shop" --plan
check "and stores nothing" "has no blueprint" hf env up --plan

hf env up --file "$shop" >/dev/null
within 20 space
die_hard
serve
check "killed while it deploys, the appliance goes on" "shop/staging is ready" hf env up --wait --timeout 180s
namespace=$(space)
before=$(versions)
check "again, nothing is written" "is ready" hf env up --wait --timeout 30s
check "again, every object is as it was" "$before" versions
check "the plan of what runs changes nothing" "nothing of shop/staging on local would change" hf env up --plan
sed 's#LOG_LEVEL: info#LOG_LEVEL: debug#' "$shop" >"$data/louder.yaml"
check "a plan tells who restarts, and why" "catalog restarts: the variable LOG_LEVEL changes" hf env up --file "$data/louder.yaml" --plan
check "after plans, every object is as it was" "$before" versions
check "logs of a service" "started" hf env logs worker --tail 20
check "no value is in the cluster but in Secrets" "" bash -c '! grep -q "$0" <<<"$1"' "$(hf secrets get DATABASE_PASSWORD --plain 2>/dev/null || echo none)" "$(kubectl_admin -n "$namespace" get deploy,cm,svc,job,pod -o yaml)"

check "a command in a service" "" hf env exec catalog -- true
code() { hf env exec catalog -- sh -c 'exit 7'; [ $? = 7 ]; }
check "its exit code" "" code
check "what it is given to read" "green tea" bash -c 'printf "green tea" | "$0" env exec catalog -i -- cat' "$binary"
# A cluster tells the size only after the program began, and busybox says nothing of a size of nothing.
check "a terminal and its size" "40 120" timeout 20 script -qec "stty rows 40 cols 120; '$binary' env exec catalog -- sh -c 'sleep 1; stty size'" /dev/null
check "a program that is not there" "is not in the container of catalog" hf env exec catalog -- no-such-program
forwarded() {
    local forward answer=1
    # Not `hf`: the shell around a function would be what is ended, and not the program.
    "$binary" env port-forward catalog 0:http >"$data/forward" 2>/dev/null &
    forward=$!
    within 10 grep -q ' -> ' "$data/forward"
    curl -sf "http://$(cut -d' ' -f1 "$data/forward")/healthz" >/dev/null && answer=0
    kill "$forward" && wait "$forward"
    return $answer
}
check "a port of it on this machine" "" forwarded
check "a port that nothing listens on" "nothing answers on port 9" timeout 30 bash -c '
    "$0" env port-forward catalog 0:9 >"$1/forward" & until grep -q " -> " "$1/forward"; do sleep 0.1; done
    curl -s --max-time 5 "http://$(cut -d" " -f1 "$1/forward")/"; sleep 1; kill $!; wait $!' "$binary" "$data"
check "that somebody entered is in the ledger" "runtime.exec" hf audit list --action runtime.exec

# Nobody of the shop asks for `worker`: nginx, which asks for `catalog`, would keep the address it had at its start.
kubectl_admin -n "$namespace" delete service worker >/dev/null
kubectl_admin -n "$namespace" scale deploy/web --replicas=3 >/dev/null
check "what somebody deleted is there again" "" within 30 kubectl_admin -n "$namespace" get service worker
check "what somebody changed is put right" "" within 30 bash -c '[ "$("$@" -o jsonpath={.spec.replicas})" = 1 ]' - "$BIN/kubectl" --kubeconfig "$KUBECONFIG_ADMIN" -n "$namespace" get deploy web

one_web() { [ "$(pods web | wc -w)" = 1 ]; }
within 60 one_web # those of the scaling by hand are gone
web=$(pods web) queue=$(pods queue)
set_secret QUEUE_PASSWORD "$(drawn)"
changed() { [ "$(pods queue)" != "$queue" ] && is ready; }
check "a changed secret starts the services that use it" "" within 120 changed
check "and no other" "$web" pods web

sed 's#localhost/shop-web:1#localhost/shop-web:missing#' "$shop" >"$data/broken.yaml"
check "an image that is not there is named" "localhost/shop-web:missing" hf env up --file "$data/broken.yaml" --wait --timeout 60s
check "the digest that ran is recorded" "sha256:" hf env revisions --json
check "back to what worked" "is ready" hf env rollback --wait --timeout 120s
check "stopped" "is stopped" hf env stop --wait --timeout 60s
check "nothing runs then" "" within 60 bash -c '[ -z "$("$@" -o name --field-selector=status.phase=Running)" ]' - "$BIN/kubectl" --kubeconfig "$KUBECONFIG_ADMIN" -n "$namespace" get pods
check "and back" "is ready" hf env resume --wait --timeout 120s
{ cat "$shop"; echo "drift: report"; } >"$data/left.yaml"
hf env up --file "$data/left.yaml" --wait --timeout 120s >/dev/null 2>&1
kubectl_admin -n "$namespace" scale deploy/web --replicas=2 >/dev/null
check "with drift: report what somebody changed is told" "DriftLeft" within_status "Deployment web"
kubectl_admin -n "$namespace" delete networkpolicy dns >/dev/null
check "and what closes the environment off comes back" "" within 30 kubectl_admin -n "$namespace" get networkpolicy dns
replicas() { kubectl_admin -n "$namespace" get deploy web -o jsonpath='{.spec.replicas}'; }
check "while what was changed stays" "2" replicas
hf env up --file "$shop" --wait --timeout 120s >/dev/null 2>&1
check "until the next deploy" "1" replicas

check "destroyed only by name" "confirm" hf env destroy --no-input
check "destroyed" "is deleted" hf env destroy --confirm staging --wait --timeout 90s
check "nothing is left" "NotFound" kubectl_admin get namespace "$namespace"
check "the ledger holds" "ok" hf audit verify
closing
