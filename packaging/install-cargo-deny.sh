#!/usr/bin/env bash
# Installs the pinned cargo-deny, which checks licences, banned crates and sources, into the tool folder. Once.
set -euo pipefail

version=0.20.2
tools=${HOLDFAST_TEST_TOOLS:-$HOME/.cache/holdfast/tools}
root=$tools/cargo-deny

if [ "$("$root/bin/cargo-deny" --version 2>/dev/null)" != "cargo-deny $version" ]; then
    # Its own build folder, thrown away: our builds stay as they are. Light optimization: it runs for a second.
    build=$(mktemp -d)
    trap 'rm -rf "$build"' EXIT
    env -u CARGO_INCREMENTAL CARGO_TARGET_DIR="$build" CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_LTO=off \
        CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_DEBUG=0 \
        cargo install cargo-deny --version "$version" --locked --no-default-features --force --quiet --root "$root" </dev/null
fi
touch "$root/bin/cargo-deny" # newer than this file, so make is content
