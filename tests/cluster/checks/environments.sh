#!/usr/bin/env bash
# Checks of the controller with the demo shop: an appliance of its own runs it, is asked again, killed, contradicted, told of
# a changed secret and of a broken image, and in the end leaves nothing. HOLDFAST_BINARY is the program, else what was built.
set -uo pipefail
. "$(dirname "$0")/../check.sh"
target=${CARGO_TARGET_DIR:-$repository/target}
binary=${HOLDFAST_BINARY:-$(ls -t "$target"/{quick,debug,release}/holdfast 2>/dev/null | head -n 1)}
data=$(mktemp -d)
port=8490
export HOLDFAST_URL=http://127.0.0.1:$port HOLDFAST_CONFIG_DIR=$data/config HOLDFAST_PROJECT=shop HOLDFAST_ENVIRONMENT=staging
export HOLDFAST_RATE_LIMITS_ENABLED=false
pid=

serve() {
    "$binary" serve --data-dir "$data/data" --listen "127.0.0.1:$port" >>"$data/log" 2>&1 &
    pid=$!
    within 30 curl -sf "$HOLDFAST_URL/readyz"
}
finish() {
    [ -z "$pid" ] || kill "$pid" 2>/dev/null
    kubectl_admin delete namespace -l holdfast.dev/environment-id --wait --timeout=90s >/dev/null 2>&1
    kubectl_admin delete namespace holdfast-system --ignore-not-found --wait --timeout=90s >/dev/null 2>&1
    rm -rf "$data"
}
trap finish EXIT
hf() { "$binary" "$@"; }
set_secret() { printf '%s' "$2" | hf secrets set "$1" >/dev/null; }
space() { kubectl_admin get namespace -l holdfast.dev/environment-id -o jsonpath='{.items[0].metadata.name}'; }
pods() { kubectl_admin -n "$namespace" get pods -l "holdfast.dev/service=$1" -o jsonpath='{.items[*].metadata.uid}'; }
versions() { kubectl_admin -n "$namespace" get deploy,svc,netpol,sa,quota,limits,pvc,cm -o jsonpath='{range .items[*]}{.kind}{.metadata.name}{.metadata.generation}{" "}{end}'; }
is() { hf env status 2>/dev/null | grep -qx "state	$1"; }

serve || { fail "the appliance starts" "$(tail -n 3 "$data/log")"; closing; exit 1; }
head -c 24 /dev/urandom | base64 >"$data/pw"
chmod 600 "$data/pw"
hf init --url "$HOLDFAST_URL" --setup-token-file "$data/data/setup-token" --organization acme --email ada@example.com \
    --password-file "$data/pw" >/dev/null
hf projects create shop >/dev/null && hf environments create staging >/dev/null
check "a cluster is added" "v1." hf clusters add local --kubeconfig "$KUBECONFIG_ADMIN" --image localhost/holdfast:1
shop=$repository/packaging/demo/blueprint.yaml
check "a variable that is missing is named" "DATABASE_URL" hf env up --file "$shop"
set_secret DATABASE_PASSWORD "$(head -c 12 /dev/urandom | base64 | tr -d '+/=')"
set_secret QUEUE_PASSWORD "$(head -c 12 /dev/urandom | base64 | tr -d '+/=')"
# shellcheck disable=SC2016
set_secret DATABASE_URL 'postgresql://shop:${DATABASE_PASSWORD}@db:5432/shop'
# shellcheck disable=SC2016
set_secret QUEUE_URL 'redis://:${QUEUE_PASSWORD}@queue:6379'

hf env up --file "$shop" >/dev/null
within 20 space
kill -9 "$pid"
wait "$pid" 2>/dev/null # its lock goes with it, and not before
serve
check "killed while it deploys, the appliance goes on" "shop/staging is ready" hf env up --wait --timeout 180s
namespace=$(space)
before=$(versions)
check "again, nothing is written" "is ready" hf env up --wait --timeout 30s
check "again, every object is as it was" "$before" versions
check "logs of a service" "started" hf env logs worker --tail 20
check "no value is in the cluster but in Secrets" "" bash -c '! grep -q "$0" <<<"$1"' "$(hf secrets get DATABASE_PASSWORD --plain 2>/dev/null || echo none)" "$(kubectl_admin -n "$namespace" get deploy,cm,svc,job,pod -o yaml)"

# Nobody of the shop asks for `worker`: nginx, which asks for `catalog`, would keep the address it had at its start.
kubectl_admin -n "$namespace" delete service worker >/dev/null
kubectl_admin -n "$namespace" scale deploy/web --replicas=3 >/dev/null
check "what somebody deleted is there again" "" within 30 kubectl_admin -n "$namespace" get service worker
check "what somebody changed is put right" "" within 30 bash -c '[ "$("$@" -o jsonpath={.spec.replicas})" = 1 ]' - "$BIN/kubectl" --kubeconfig "$KUBECONFIG_ADMIN" -n "$namespace" get deploy web

one_web() { [ "$(pods web | wc -w)" = 1 ]; }
within 60 one_web # those of the scaling by hand are gone
web=$(pods web) queue=$(pods queue)
set_secret QUEUE_PASSWORD "$(head -c 12 /dev/urandom | base64 | tr -d '+/=')"
changed() { [ "$(pods queue)" != "$queue" ] && is ready; }
check "a changed secret starts the services that use it" "" within 120 changed
check "and no other" "$web" pods web

sed 's#localhost/shop-web:1#localhost/shop-web:missing#' "$shop" >"$data/broken.yaml"
check "an image that is not there is named" "localhost/shop-web:missing" hf env up --file "$data/broken.yaml" --wait --timeout 60s
check "back to what worked" "is ready" hf env rollback --wait --timeout 120s
check "stopped" "is stopped" hf env stop --wait --timeout 60s
check "nothing runs then" "" within 60 bash -c '[ -z "$("$@" -o name --field-selector=status.phase=Running)" ]' - "$BIN/kubectl" --kubeconfig "$KUBECONFIG_ADMIN" -n "$namespace" get pods
check "and back" "is ready" hf env resume --wait --timeout 120s
check "destroyed only by name" "confirm" hf env destroy --no-input
check "destroyed" "is deleted" hf env destroy --confirm staging --wait --timeout 90s
check "nothing is left" "NotFound" kubectl_admin get namespace "$namespace"
check "the ledger holds" "ok" hf audit verify
closing
