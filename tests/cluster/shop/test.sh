#!/usr/bin/env bash
# Runs the demo shop (packaging/demo) on the cluster and buys something: an order must be taken, queued, shipped by the
# worker and shown. Then what an example owes its readers: health, logs as JSON without a value, an orderly end.
set -uo pipefail
. "$(dirname "$0")/../check.sh"
shop() { kubectl_admin -n shop-test "$@"; }
ask() { shop exec deploy/web -- timeout 10 wget -qO- "$@"; } # from the front itself, by its own port
clear() { kubectl_admin delete namespace shop-test --ignore-not-found --wait --timeout=90s >/dev/null; }
clear
trap clear EXIT

secret=$(od -An -N 16 -tx1 /dev/urandom | tr -d ' \n')
sed "s/@SECRET@/$secret/g" "$here/shop/shop.yaml" | kubectl_admin apply -f - >/dev/null
within 20 kubectl_admin -n shop-test get serviceaccount default
before=$(date +%s%N)
python3 "$here/shop/render.py" | kubectl_admin apply -f - >/dev/null
check "six services become ready" "" shop wait --for=condition=Available deployment --all --timeout=120s
echo "     ready after $(awk -v a="$before" -v b="$(date +%s%N)" 'BEGIN { printf "%.1f", (b - a) / 1e9 }') s"
check "the front shows its page" "<title>Tea shop</title>" ask http://localhost:8080/
check "the catalog has goods" "Teapot" ask http://localhost:8080/api/products
check "an order is taken" '"state": "queued"' ask --header 'Content-Type: application/json' --post-data '{"product": 1, "quantity": 2}' http://localhost:8080/api/orders
shipped() { ask http://localhost:8080/api/orders | grep -q '"state": "shipped"'; }
check "the worker ships it" "" within 20 shipped
check "what is ordered leaves the stock" '"stock": 498' ask http://localhost:8080/api/products
check "what is not there is refused" "409" ask --post-data '{"product": 4, "quantity": 1}' http://localhost:8080/api/orders
check "nonsense is refused" "422" ask --post-data '{"product": "tea"}' http://localhost:8080/api/orders
check "the inner path is not for visitors" "404" ask --post-data '{"order": 1}' http://localhost:8080/api/orders/shipped
check "only the worker ships" "401" ask --post-data '{"order": 1}' http://orders:8080/orders/shipped

logs=$(for service in db queue catalog orders worker web; do shop logs "deploy/$service" --tail=-1; done 2>&1)
check "no value is in a log" "none" bash -c 'grep -c -- "$0" <<<"$1" | sed "s/^0\$/none/"' "$secret" "$logs"
for service in catalog orders worker; do
    check "$service logs JSON" "" python3 -c 'import json, sys; [json.loads(line)["message"] for line in sys.argv[1].splitlines()]' "$(shop logs "deploy/$service" --tail=-1)"
done

# An orderly end: exit 0 within the grace, known from the last state of the container that ended.
ends() {
    local pod
    pod=$(shop get pod -l "app.kubernetes.io/name=$1" -o jsonpath='{.items[0].metadata.name}')
    shop exec "$pod" -- kill -TERM 1
    within 12 restarted "$pod" || return 1
    shop get pod "$pod" -o jsonpath='{.status.containerStatuses[0].lastState.terminated.exitCode}'
}
restarted() { [ "$(shop get pod "$1" -o jsonpath='{.status.containerStatuses[0].restartCount}')" -ge 1 ]; }
for service in db queue catalog orders worker web; do check "$service ends in order when told to" "0" ends "$service"; done
check "all are ready again" "" shop wait --for=condition=Available deployment --all --timeout=90s
check "the orders are still there" "shipped" ask http://localhost:8080/api/orders
closing
