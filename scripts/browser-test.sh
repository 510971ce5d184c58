#!/usr/bin/env bash
# The page in a real Chromium, against the gateway's own binary with its simulated providers.
set -euo pipefail
cd "$(dirname "$0")/.."

CHROMIUM=$(scripts/chromium.sh)
export CHROMIUM
# The page first: the binary embeds it.
scripts/web.sh build
cargo build -p fanwire
target=${CARGO_TARGET_DIR:-$PWD/target}
npm --prefix web run e2e -- --spawn "'$target/debug/fanwire' demo --listen 127.0.0.1:0 --admin 127.0.0.1:0"
