#!/usr/bin/env bash
# Everything that `make test` is about, on a machine that may be fresh.
set -euo pipefail
cd "$(dirname "$0")/.."

begin=$SECONDS
took() { echo "== $1: $((SECONDS - begin)) s since the start"; }
trap 'took "ended"' EXIT

# Asked for first: a missing browser is better known now than in ten minutes.
scripts/chromium.sh >/dev/null
make --no-print-directory test-web
took "web tests"
make --no-print-directory test-rust
took "Rust tests"
make --no-print-directory test-browser
took "browser test"
echo "everything passed"
