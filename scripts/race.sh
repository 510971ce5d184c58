#!/usr/bin/env bash
# The stress test of log and store (gateway/tests/stress.rs) under ThreadSanitizer and under Miri. RACE_WITH=tsan or
# RACE_WITH=miri runs one of them. Says aloud what cannot run; fails if nothing could.
set -euo pipefail
cd "$(dirname "$0")/.."

with=${RACE_WITH:-tsan miri}
host=$(rustc +nightly -vV 2>/dev/null | sed -n 's/^host: //p')
if [ -z "$host" ]; then
    echo "make race needs a nightly toolchain, which is not here: rustup toolchain install nightly" >&2
    exit 2
fi
ran=0

tsan() {
    if [ ! -d "$(rustc +nightly --print sysroot)/lib/rustlib/src/rust/library" ]; then
        echo "SKIPPED ThreadSanitizer: the standard library's source is not here: rustup component add rust-src --toolchain nightly" >&2
        return
    fi
    # The standard library is built again, instrumented: a race with uninstrumented code is neither seen nor excused.
    RUSTFLAGS="-Zsanitizer=thread" TSAN_OPTIONS="halt_on_error=1" STRESS_ROUNDS="${STRESS_ROUNDS:-5000}" \
        nice -n 10 cargo +nightly test -Zbuild-std --target "$host" --target-dir target/tsan \
        -p fanwire --test stress --test encode_once -- --nocapture
    ran=1
}

miri() {
    if ! cargo +nightly miri --version >/dev/null 2>&1; then
        echo "SKIPPED Miri: rustup component add miri rust-src --toolchain nightly" >&2
        return
    fi
    MIRIFLAGS="-Zmiri-disable-isolation -Zmiri-many-seeds=0..${MIRI_SEEDS:-4}" \
        nice -n 10 cargo +nightly miri test --target-dir target/miri -p fanwire --test stress
    ran=1
}

for tool in $with; do
    echo "== $tool"
    "$tool"
done
if [ "$ran" = 0 ]; then
    echo "nothing could run" >&2
    exit 2
fi
