# Small helpers of the scripts here: messages, bounded waits, processes known by pid and start time.
# shellcheck shell=bash
started_at=$(date +%s%N)

say() { printf '[%6.2fs] %s\n' "$(elapsed)" "$*"; }
die() {
    printf 'cluster: %s\n' "$*" >&2
    exit 1
}
elapsed() { awk -v a="$started_at" -v b="$(date +%s%N)" 'BEGIN { printf "%.2f", (b - a) / 1e9 }'; }

# wait_for SECONDS WHAT COMMAND...: asks ten times a second; names what did not come, and where to read on.
wait_for() {
    local seconds=$1 what=$2 end
    shift 2
    end=$(($(date +%s) + seconds))
    until "$@" >/dev/null 2>&1; do
        [ "$(date +%s)" -lt "$end" ] || die "$what did not come within $seconds s; logs: $LOGS"
        sleep 0.1
    done
}

# newest_binary: the program that was built last, nothing where none was
newest_binary() {
    { find "$TARGET"/{quick,debug,release} -maxdepth 1 -name holdfast -printf '%T@ %p\n' 2>/dev/null || true; } |
        sort -rn | sed 's/^[^ ]* //;q'
}

kubectl_admin() { kubectl --kubeconfig "$KUBECONFIG_ADMIN" "$@"; }
# Not `ip netns exec`: it mounts /sys anew and hides the cgroups.
in_netns() { nsenter --net="/run/netns/$NAME" -- "$@"; }

# A pid alone may be somebody else's after a restart of the machine: the start time goes with it.
start_time() { awk '{ sub(/^.*\) /, ""); print $20 }' "/proc/$1/stat" 2>/dev/null; }
note_pid() { printf '%s %s\n' "$2" "$(start_time "$2")" >"$STATE/pids/$1"; }
# pid_of NAME: the pid, when it is still that process and not a zombie
pid_of() {
    local pid then
    read -r pid then <"$STATE/pids/$1" 2>/dev/null || return 1
    [ -n "$then" ] && [ "$(start_time "$pid")" = "$then" ] || return 1
    ! grep -q '^State:.Z' "/proc/$pid/status" 2>/dev/null || return 1
    echo "$pid"
}

# start NAME: runs $STATE/commands/NAME in the cluster's network namespace, in a session of its own
start() {
    local name=$1
    nsenter --net="/run/netns/$NAME" -- setsid bash "$STATE/commands/$name" >>"$LOGS/$name.log" 2>&1 </dev/null &
    note_pid "$name" $!
}
# define NAME COMMAND...: keeps the command, so that the component can be restarted later; then starts it
define() {
    local name=$1
    shift
    { printf 'exec'; printf ' %q' "$@"; echo; } >"$STATE/commands/$name"
    start "$name"
}
# stop NAME: asks, waits up to five seconds, then kills
stop() {
    local pid
    pid=$(pid_of "$1") || return 0
    kill "$pid" 2>/dev/null || true
    for _ in $(seq 100); do
        pid_of "$1" >/dev/null || return 0
        sleep 0.05
    done
    kill -9 "$pid" 2>/dev/null || true
}

# Every cgroup folder of this cluster: one per hierarchy (v1), or one (v2).
cgroups() {
    if [ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ]; then
        echo "/sys/fs/cgroup/$NAME"
    else
        local hierarchy
        for hierarchy in /sys/fs/cgroup/*/; do
            [ ! -e "$hierarchy/cgroup.procs" ] || echo "$hierarchy$NAME"
        done
    fi
}
