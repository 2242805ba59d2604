# Counts and prints what is checked; sourced by the checks here.
# shellcheck shell=bash
. "$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/env.sh"
. "$here/lib.sh"
passed=0 failed=0

pass() { echo "ok   $1"; passed=$((passed + 1)); }
fail() { printf 'FAIL %s\n%s\n' "$1" "${2:-}" | sed '2,$s/^/     /' | head -n 12; failed=$((failed + 1)); }
# check NAME TEXT COMMAND...: the output, errors included, must hold the text; an empty text asks for exit status 0
check() {
    local name=$1 text=$2 output status=0
    shift 2
    output=$("$@" 2>&1) || status=$?
    if [ -z "$text" ] && [ "$status" = 0 ]; then pass "$name"
    elif [ -n "$text" ] && [[ $output == *"$text"* ]]; then pass "$name"
    else fail "$name" "status $status, wanted \"${text:-status 0}\": $output"; fi
}
# within SECONDS COMMAND...: asks ten times a second until it succeeds
within() {
    local end=$(($(date +%s) + $1))
    shift
    until "$@" >/dev/null 2>&1; do [ "$(date +%s)" -lt "$end" ] || return 1; sleep 0.1; done
}
closing() {
    echo "$passed passed, $failed failed"
    [ "$failed" = 0 ]
}
