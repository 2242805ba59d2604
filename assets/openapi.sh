#!/bin/sh
# Packs the reviewed OpenAPI document, tests/it/snapshots/it__openapi__openapi.snap, into assets/built/openapi.json.gz: what
# a release serves. A test holds the two against the code. Does nothing when nothing changed.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
from="$root/tests/it/snapshots/it__openapi__openapi.snap"
to="$root/assets/built/openapi.json.gz"
[ -e "$to" ] && [ "$to" -nt "$from" ] && exit 0
mkdir -p "$root/assets/built"
node -e '
const fs = require("fs"), zlib = require("zlib");
const text = fs.readFileSync(process.argv[1], "utf8");
const json = text.slice(text.indexOf("\n---\n") + 5);
fs.writeFileSync(process.argv[2], zlib.gzipSync(JSON.stringify(JSON.parse(json)), { level: 9 }));
' "$from" "$to.new"
mv "$to.new" "$to"
