# The cluster's network namespace and its link to this machine; its cgroup. Sourced by up.sh.
# shellcheck shell=bash
network_up() {
    ip netns add "$NAME"
    ip link add "v$NAME" type veth peer name eth0 netns "$NAME"
    ip addr add "$HOST_IP/30" dev "v$NAME"
    ip link set "v$NAME" up
    in_netns ip addr add "$NODE_IP/30" dev eth0
    in_netns ip link set lo up
    in_netns ip link set eth0 up
    in_netns ip route add default via "$HOST_IP" # a service's address needs a route before it is rewritten
    in_netns sysctl -qw net.ipv4.ip_forward=1 net.bridge.bridge-nf-call-iptables=1
}

cgroups_up() {
    local folder
    for folder in $(cgroups); do
        mkdir -p "$folder"
        if [ -e "$folder/cpuset.cpus" ] && [ -e "${folder%/*}/cpuset.cpus" ]; then # v1 leaves both empty
            cat "${folder%/*}/cpuset.cpus" >"$folder/cpuset.cpus"
            cat "${folder%/*}/cpuset.mems" >"$folder/cpuset.mems"
        fi
    done
}
