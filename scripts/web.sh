#!/usr/bin/env bash
# The web workspace: `web.sh install` its packages, `web.sh build` the page into web/dist, or `web.sh optional`: the same
# as build, but without npm the gateway is to run without the page.
set -euo pipefail
cd "$(dirname "$0")/../web"

task=${1:?install, build or optional}
if ! command -v npm >/dev/null; then
    if [ "$task" = optional ]; then
        echo "npm is missing: going on without the demo page (Node 20.19 or newer brings it)"
        exit 0
    fi
    echo "npm is missing: install Node 20.19 or newer" >&2
    exit 1
fi

# The lock file decides: nothing is installed again while it stays as it is.
if [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
    npm ci --no-audit --no-fund
    touch node_modules/.package-lock.json
fi
if [ "$task" = install ]; then
    exit 0
fi
sources=(sdk/src demo package.json package-lock.json tsconfig.base.json)
newer_than_the_page() { find "${sources[@]}" -name node_modules -prune -o -type f -newer dist/index.html -print -quit; }
if [ ! -e dist/index.html ] || [ -n "$(newer_than_the_page)" ]; then
    npm run build
fi
