#!/usr/bin/env bash
# Measures the pages: `make bench-ui`, or `bash tests/bench/run-ui.sh [--quick]`. Builds the release binary unless
# HOLDFAST_BENCH_BINARY names one. What the table says is in README.md beside this file.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."

tools=${HOLDFAST_BENCH_TOOLS:-$HOME/.cache/holdfast/tools}/bench-ui
target=${CARGO_TARGET_DIR:-target}
binary=${HOLDFAST_BENCH_BINARY:-}

sh "$here/install-ui.sh"
if [ -z "$binary" ]; then
    cargo build --locked --release --bin holdfast
    binary=$target/release/holdfast
fi
mkdir -p "$target"
exec node "$here/ui/bench.mjs" --binary "$binary" --npm "$tools" --json "$target/bench-ui.json" "$@"
