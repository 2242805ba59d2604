#!/usr/bin/env bash
# `make test-cluster`: on a cluster of its own, so that one of `make cluster` is left alone, checks the cluster, the demo
# shop, and that down leaves nothing behind.
set -uo pipefail
export HOLDFAST_CLUSTER=checks HOLDFAST_CLUSTER_NUMBER=9
. "$(dirname "$0")/check.sh"
for step in preflight build images holdfast-image; do
    "$here/$step.sh" || die "$step.sh ended with $?"
done
"$here/down.sh" >/dev/null
before=$(mktemp) after=$(mktemp)
trap '"$here/down.sh" >/dev/null; rm -f "$before" "$after"' EXIT
"$here/machine.sh" >"$before"

check "up" "is up" "$here/up.sh"
check "machine.sh sees a cluster (control)" "namespace" bash -c 'diff "$0" <("$1")' "$before" "$here/machine.sh"
check "up again says so, and starts nothing" "is up" timeout 10 "$here/up.sh"
"$here/checks/cluster.sh" || failed=$((failed + 1))
"$here/checks/gate.sh" || failed=$((failed + 1))
"$here/checks/environments.sh" || failed=$((failed + 1))
"$here/checks/faults.sh" || failed=$((failed + 1))
"$here/shop/test.sh" || failed=$((failed + 1))
# The appliance's own tests against it; kubectl and the images are those of this cluster.
image=
[ ! -f "$IMAGES/holdfast.tar" ] || image=localhost/holdfast:1
check "the appliance's tests on the cluster" "test result: ok" env HOLDFAST_TEST_KUBECONFIG="$KUBECONFIG_ADMIN" \
    HOLDFAST_TEST_CLUSTER_IMAGE="$image" cargo test --locked --manifest-path "$repository/Cargo.toml" --test it -- \
    --ignored --test-threads 1 on_cluster::
cp -r "$LOGS" "$CACHE/checks-logs.new" 2>/dev/null
kill -9 "$(pid_of kubelet)" "$(pid_of containerd)" # down must manage after a crash, too
check "down, after a crash" "is gone" "$here/down.sh"
rm -rf "$CACHE/checks-logs" && mv "$CACHE/checks-logs.new" "$CACHE/checks-logs" 2>/dev/null
"$here/machine.sh" >"$after"
check "down leaves nothing" "" diff "$before" "$after"
closing
