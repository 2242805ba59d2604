# An appliance of its own beside the cluster, with one project and its environments; sourced by the checks that run
# environments. HOLDFAST_BINARY is the program, else the newest that was built.
# shellcheck shell=bash
. "$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/check.sh"
binary=${HOLDFAST_BINARY:-$(newest_binary)}
data=$(mktemp -d)
port=${HOLDFAST_PORT:-8490}
shop=$repository/packaging/demo/blueprint.yaml
export HOLDFAST_URL=http://127.0.0.1:$port HOLDFAST_CONFIG_DIR=$data/config HOLDFAST_PROJECT=shop HOLDFAST_ENVIRONMENT=staging
export HOLDFAST_RATE_LIMITS_ENABLED=false HOLDFAST_CLUSTER_LOCAL_KUBECONFIG=$KUBECONFIG_ADMIN
pid=

# These are the scripts' own: the program would say that nothing reads them.
theirs=(-u HOLDFAST_BINARY -u HOLDFAST_CACHE -u HOLDFAST_KILLS -u HOLDFAST_AWAY -u HOLDFAST_CLUSTER -u HOLDFAST_CLUSTER_NUMBER)
hf() { env "${theirs[@]}" "$binary" "$@"; }
serve() {
    env "${theirs[@]}" "$binary" serve --data-dir "$data/data" --listen "127.0.0.1:$port" >>"$data/log" 2>&1 &
    pid=$!
    within 30 curl -sf "$HOLDFAST_URL/readyz"
}
# die_hard: SIGKILL; the lock on the data goes with the process, and not before
die_hard() {
    kill -9 "$pid"
    wait "$pid" 2>/dev/null
}
set_secret() { printf '%s' "$2" | hf secrets set "$1" >/dev/null; }
drawn() { head -c 12 /dev/urandom | base64 | tr -d '+/='; }
# begin: serves, and sets up the organization, the project and the cluster, as the account of `holdfast clusters manifest`
begin() {
    serve || { fail "the appliance starts" "$(tail -n 3 "$data/log")"; closing; exit 1; }
    head -c 24 /dev/urandom | base64 >"$data/pw"
    chmod 600 "$data/pw"
    hf init --url "$HOLDFAST_URL" --setup-token-file "$data/data/setup-token" --organization acme \
        --email ada@example.com --password-file "$data/pw" >/dev/null
    hf projects create shop >/dev/null && hf environments create staging >/dev/null
    hf clusters add local --local --image localhost/holdfast:1 >/dev/null
}
# shop_secrets: the variables the demo shop asks for
shop_secrets() {
    set_secret DATABASE_PASSWORD "$(drawn)"
    set_secret QUEUE_PASSWORD "$(drawn)"
    # shellcheck disable=SC2016
    set_secret DATABASE_URL 'postgresql://shop:${DATABASE_PASSWORD}@db:5432/shop'
    # shellcheck disable=SC2016
    set_secret QUEUE_URL 'redis://:${QUEUE_PASSWORD}@queue:6379'
}
leave() {
    [ -z "$pid" ] || kill "$pid" 2>/dev/null
    kubectl_admin delete namespace -l holdfast.dev/environment-id --wait --timeout=90s >/dev/null 2>&1
    kubectl_admin delete namespace holdfast-system --ignore-not-found --wait --timeout=90s >/dev/null 2>&1
    rm -rf "$data"
}
space() { kubectl_admin get namespace -l holdfast.dev/environment-id -o jsonpath='{.items[0].metadata.name}' 2>/dev/null; }
pods() { kubectl_admin -n "$namespace" get pods -l "holdfast.dev/service=$1" -o jsonpath='{.items[*].metadata.uid}'; }
is() { hf env status 2>/dev/null | grep -qx "state	$1"; }
