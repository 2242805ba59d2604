#!/usr/bin/env bash
# Measures Holdfast beside OpenBao: `make bench`, or `bash tests/bench/run.sh [--quick] [--only ROW] [--list]`.
# Builds the release binary unless HOLDFAST_BENCH_BINARY names one. What the table says is in README.md beside this file.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."

tools=${HOLDFAST_BENCH_TOOLS:-$HOME/.cache/holdfast/tools}/bench
target=${CARGO_TARGET_DIR:-target}
binary=${HOLDFAST_BENCH_BINARY:-}

bash "$here/install-tools.sh"
if [ -z "$binary" ]; then
    cargo build --locked --release --bin holdfast
    binary=$target/release/holdfast
fi
mkdir -p "$target"
PYTHONDONTWRITEBYTECODE=1 exec python3 "$here/bench.py" \
    --binary "$binary" --openbao "$tools/bao" --work "$target" --json "$target/bench.json" "$@"
