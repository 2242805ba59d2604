# etcd, the API server, the controller manager, the scheduler. Sourced by up.sh.
# shellcheck shell=bash
etcd_up() {
    define etcd "$BIN/etcd" --name "$NODE" --data-dir "$STATE/etcd" --logger=zap --log-level warn \
        --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 \
        --listen-peer-urls http://127.0.0.1:2380 --initial-advertise-peer-urls http://127.0.0.1:2380 \
        --initial-cluster "$NODE=http://127.0.0.1:2380"
    wait_for 30 etcd in_netns curl -fsS http://127.0.0.1:2379/health
}

apiserver_up() {
    # Secrets are encrypted at rest, as a k3s that Holdfast sets up does it.
    (umask 077 && cat >"$STATE/encryption.yaml" <<Y
apiVersion: apiserver.config.k8s.io/v1
kind: EncryptionConfiguration
resources: [{resources: [secrets], providers: [{secretbox: {keys: [{name: one, secret: "$(head -c 32 /dev/urandom | base64 -w0)"}]}}, {identity: {}}]}]
Y
    )
    # What Holdfast asks, and nothing else: checks and benchmarks count it.
    cat >"$STATE/audit.yaml" <<Y
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived, ResponseStarted]
rules: [{level: Metadata, users: ["system:serviceaccount:holdfast-system:holdfast"]}, {level: None}]
Y
    define kube-apiserver "$BIN/kube-apiserver" --etcd-servers=http://127.0.0.1:2379 --secure-port=6443 \
        --bind-address=0.0.0.0 --advertise-address="$NODE_IP" --service-cluster-ip-range="$SERVICE_CIDR" \
        --client-ca-file="$PKI/ca.crt" --tls-cert-file="$PKI/apiserver.crt" --tls-private-key-file="$PKI/apiserver.key" \
        --kubelet-client-certificate="$PKI/apiserver-kubelet.crt" --kubelet-client-key="$PKI/apiserver-kubelet.key" \
        --kubelet-certificate-authority="$PKI/ca.crt" --kubelet-preferred-address-types=InternalIP \
        --service-account-key-file="$PKI/sa.pub" --service-account-signing-key-file="$PKI/sa.key" \
        --service-account-issuer=https://kubernetes.default.svc.cluster.local \
        --requestheader-client-ca-file="$PKI/front.crt" --requestheader-allowed-names=front-proxy-client \
        --requestheader-username-headers=X-Remote-User --requestheader-group-headers=X-Remote-Group \
        --requestheader-extra-headers-prefix=X-Remote-Extra- --enable-aggregator-routing=true \
        --proxy-client-cert-file="$PKI/front-client.crt" --proxy-client-key-file="$PKI/front-client.key" \
        --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction --allow-privileged=true \
        --encryption-provider-config="$STATE/encryption.yaml" \
        --audit-policy-file="$STATE/audit.yaml" --audit-log-path="$LOGS/audit.log" --audit-log-maxsize=200
    wait_for 60 "the API server" kubectl_admin get --raw /readyz
}

controllers_up() {
    # At their usual request rates these two alone would cost three seconds.
    local common=(--bind-address=127.0.0.1 --leader-elect=false --kube-api-qps=300 --kube-api-burst=600 --profiling=false)
    local config=$STATE/kubeconfigs/controller-manager
    define kube-controller-manager "$BIN/kube-controller-manager" "${common[@]}" --kubeconfig="$config" \
        --authentication-kubeconfig="$config" --authorization-kubeconfig="$config" --use-service-account-credentials=true \
        --service-account-private-key-file="$PKI/sa.key" --root-ca-file="$PKI/ca.crt" \
        --cluster-signing-cert-file="$PKI/ca.crt" --cluster-signing-key-file="$PKI/ca.key" \
        --allocate-node-cidrs=true --cluster-cidr="$POD_CIDR" --service-cluster-ip-range="$SERVICE_CIDR"
    config=$STATE/kubeconfigs/scheduler
    define kube-scheduler "$BIN/kube-scheduler" "${common[@]}" --kubeconfig="$config" \
        --authentication-kubeconfig="$config" --authorization-kubeconfig="$config"
}
