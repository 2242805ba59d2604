# Certificates of the control plane, good for 30 days, and a kubeconfig for each of its users. Sourced by up.sh.
# shellcheck shell=bash
pki_key() { openssl ecparam -name prime256v1 -genkey -noout -out "$PKI/$1.key" 2>/dev/null; }
pki_authority() { # NAME COMMON-NAME
    pki_key "$1"
    openssl req -x509 -new -key "$PKI/$1.key" -days 30 -subj "/CN=$2" -out "$PKI/$1.crt"
}
pki_certificate() { # NAME SUBJECT EXTENSIONS AUTHORITY
    pki_key "$1"
    openssl req -new -key "$PKI/$1.key" -subj "$2" |
        openssl x509 -req -CA "$PKI/$4.crt" -CAkey "$PKI/$4.key" -CAcreateserial -days 30 \
            -extfile <(printf '%s\n' "$3") -out "$PKI/$1.crt" 2>/dev/null
}
pki_kubeconfig() { # CERTIFICATE FILE
    (umask 077 && cat >"$2" <<Y
apiVersion: v1
kind: Config
clusters: [{name: $NAME, cluster: {server: "https://$NODE_IP:6443", certificate-authority-data: $(base64 -w0 "$PKI/ca.crt")}}]
users: [{name: $1, user: {client-certificate-data: $(base64 -w0 "$PKI/$1.crt"), client-key-data: $(base64 -w0 "$PKI/$1.key")}}]
contexts: [{name: $NAME, context: {cluster: $NAME, user: $1}}]
current-context: $NAME
Y
    )
}

pki_up() {
    local client='extendedKeyUsage=clientAuth' server='extendedKeyUsage=serverAuth' names user
    pki_authority ca "$NAME-ca"
    pki_authority front front-proxy-ca
    names="DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local"
    pki_certificate apiserver /CN=kube-apiserver "$server
subjectAltName=$names,DNS:localhost,IP:127.0.0.1,IP:$NODE_IP,IP:10.43.0.1" ca
    pki_certificate kubelet-serving "/O=system:nodes/CN=system:node:$NODE" "$server
subjectAltName=DNS:$NODE,IP:$NODE_IP,IP:127.0.0.1" ca
    pki_certificate apiserver-kubelet /O=system:masters/CN=apiserver-kubelet-client "$client" ca
    pki_certificate front-client /CN=front-proxy-client "$client" front
    pki_certificate admin /O=system:masters/CN=admin "$client" ca
    pki_certificate controller-manager /CN=system:kube-controller-manager "$client" ca
    pki_certificate scheduler /CN=system:kube-scheduler "$client" ca
    pki_certificate kubelet "/O=system:nodes/CN=system:node:$NODE" "$client" ca
    pki_certificate kube-proxy /CN=system:kube-proxy "$client" ca
    pki_certificate netpold /CN=netpold "$client" ca
    openssl genrsa -out "$PKI/sa.key" 2048 2>/dev/null # signs the tokens of service accounts
    openssl rsa -in "$PKI/sa.key" -pubout -out "$PKI/sa.pub" 2>/dev/null
    for user in controller-manager scheduler kubelet kube-proxy netpold; do
        pki_kubeconfig "$user" "$STATE/kubeconfigs/$user"
    done
    pki_kubeconfig admin "$KUBECONFIG_ADMIN"
}
