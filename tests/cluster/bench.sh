#!/usr/bin/env bash
# `make bench-cluster`: how long environments take on a cluster of its own, and what the appliance costs meanwhile. Prints a
# table, and writes it as JSON to $HOLDFAST_BENCH_JSON. HOLDFAST_BINARY is the program: a release build, for figures to keep.
set -uo pipefail
export HOLDFAST_CLUSTER=${HOLDFAST_CLUSTER:-bench} HOLDFAST_CLUSTER_NUMBER=${HOLDFAST_CLUSTER_NUMBER:-8} HOLDFAST_PORT=8492
. "$(dirname "$0")/appliance.sh"
export HOLDFAST_BINARY=$binary
for step in preflight build images holdfast-image up; do
    "$here/$step.sh" || die "$step.sh ended with $?"
done
finish() {
    leave
    "$here/down.sh" >/dev/null
}
trap finish EXIT
begin
shop_secrets
python3 "$here/bench.py" --binary "$binary" --pid "$pid" --kubectl "$BIN/kubectl" --kubeconfig "$KUBECONFIG_ADMIN" \
    --audit "$LOGS/audit.log" --shop "$shop" --work "$data" --json "${HOLDFAST_BENCH_JSON:-$TARGET/bench-cluster.json}"
