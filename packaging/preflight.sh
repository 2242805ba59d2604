#!/usr/bin/env bash
# Checks that this machine can build (`build`) or also test (`test`) Holdfast. Debian packages are installed when we
# are root; anything else that is missing is named in one line with the command that installs it.
set -euo pipefail

purpose=${1:?usage: preflight.sh build|test}
rust_needed=1.92
node_needed=20

packages=()
missing=()

have() { command -v "$1" >/dev/null 2>&1; }
# at_least NEEDED FOUND: both like 1.92 or 20
at_least() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]; }

check_rust() {
    local how='curl --proto =https --tlsv1.2 -sSf https://sh.rustup.rs | sh'
    if ! have cargo || ! have rustc; then
        missing+=("Rust $rust_needed or newer ($how)")
        return
    fi
    local found
    found=$(rustc --version | cut -d ' ' -f 2)
    at_least "$rust_needed" "$found" || missing+=("Rust $rust_needed or newer, this is $found (rustup update stable)")
}

check_rust_tools() {
    local tool
    for tool in fmt clippy; do
        cargo "$tool" --version >/dev/null 2>&1 || missing+=("cargo $tool (rustup component add rustfmt clippy)")
    done
}

check_node() {
    local found
    found=$(node --version 2>/dev/null | tr -d v) || found=
    if [ -z "$found" ] || ! have npm || ! at_least "$node_needed" "$found"; then
        missing+=("Node $node_needed or newer with npm (https://nodejs.org/en/download)")
    fi
}

check_packages() {
    have cc || packages+=(gcc libc6-dev)
    [ "$purpose" = test ] || return 0
    if ! have python3; then
        packages+=(python3 python3-venv)
    elif ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
        packages+=(python3-venv)
    fi
    have strace || packages+=(strace) # the fsync fault test
    [ -x /usr/bin/chromium ] || packages+=(chromium) # the tests of the pages
    have zsh || packages+=(zsh)       # the shell hook, in real shells
    have fish || packages+=(fish)
    have ssh-keygen || packages+=(openssh-client) # reads the keys we generate
    have openssl || packages+=(openssl) # reads the certificate requests we generate
}

install_packages() {
    [ ${#packages[@]} -gt 0 ] || return 0
    if have apt-get && [ "$(id -u)" = 0 ]; then
        echo "installing ${packages[*]}"
        apt-get update -qq </dev/null
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" </dev/null >/dev/null
    else
        missing+=("packages (sudo apt-get install -y ${packages[*]})")
    fi
}

check_rust
check_node
if [ "$purpose" = test ]; then
    have cargo && check_rust_tools
fi
check_packages
install_packages

if [ ${#missing[@]} -gt 0 ]; then
    line=$(printf '; %s' "${missing[@]}")
    echo "missing: ${line#; }" >&2
    exit 1
fi
