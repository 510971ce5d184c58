#!/usr/bin/env bash
# Installs the peers that Fanwire is measured beside: nchan, NATS and Pushpin from Debian, `ws` and Socket.IO from npm.
# Nothing of them is started. What cannot be had is said, and `fanwire-loadtest peers` skips it, as loudly.
set -uo pipefail
cd "$(dirname "$0")"

missing=()

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

# Debian starts a service when it is installed, unless this file says no. Where there is one, it decides.
no_service_starts() {
    local policy=/usr/sbin/policy-rc.d
    [ -e "$policy" ] && return
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null && as_root chmod +x "$policy"
    trap "as_root rm -f $policy" EXIT
}

may_install() {
    command -v apt-get >/dev/null && as_root true 2>/dev/null
}

debian() { # packages…
    if ! may_install; then
        missing+=("$* (no apt-get, or no right to use it)")
        return
    fi
    echo "installing $*" >&2
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qqy --no-install-recommends "$@" >&2 ||
        missing+=("$* (apt-get failed)")
}

has() { # program
    PATH=$PATH:/usr/sbin command -v "$1" >/dev/null
}

node_peer() { # folder
    if ! command -v npm >/dev/null; then
        missing+=("$1 (no npm: Node 20 or newer brings it)")
        return
    fi
    # The lock file decides: nothing is installed again while it stays as it is.
    [ "$1/node_modules/.package-lock.json" -nt "$1/package-lock.json" ] && return
    echo "installing the packages of $1" >&2
    npm --prefix "$1" ci --no-audit --no-fund >&2 && touch "$1/node_modules/.package-lock.json" ||
        missing+=("$1 (npm ci failed)")
}

nchan=/usr/lib/nginx/modules/ngx_nchan_module.so
if ! { has nginx && [ -e "$nchan" ] && has nats-server && has pushpin; } && may_install; then
    no_service_starts
    as_root apt-get update -qq >&2
fi
{ has nginx && [ -e "$nchan" ]; } || debian nginx-light libnginx-mod-nchan
has nats-server || debian nats-server
has pushpin || debian pushpin
node_peer ws
node_peer socketio

for what in "${missing[@]}"; do
    echo "NOT INSTALLED, will be skipped: $what" >&2
done
