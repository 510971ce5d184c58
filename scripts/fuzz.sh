#!/usr/bin/env bash
# Fuzzes every target (or FUZZ_TARGET) for FUZZ_SECONDS each, one after the other, from the checked-in corpus, and adds to
# it what reaches new code. Ends at the first input that breaks a property.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${FUZZ_SECONDS:-300}
targets=${FUZZ_TARGET:-$(cd fuzz/targets && ls ./*.rs | xargs -n1 basename -s .rs)}

missing() { echo "make fuzz needs $1, which is not here: $2" >&2; exit 2; }
cargo +nightly --version >/dev/null 2>&1 || missing "a nightly toolchain" "rustup toolchain install nightly"
cargo +nightly fuzz --version >/dev/null 2>&1 || missing cargo-fuzz "cargo install cargo-fuzz --locked"

fuzz() { nice -n 10 cargo +nightly fuzz run --fuzz-dir fuzz "$target" "$@"; }

cargo +nightly fuzz build --fuzz-dir fuzz
for target in $targets; do
    echo "== $target: $seconds s"
    found=fuzz/target/found/$target
    log=fuzz/target/$target.log
    mkdir -p "$found" "fuzz/corpus/$target"
    # New inputs go into the first folder only.
    if ! fuzz "$found" "fuzz/corpus/$target" $(ls -d "fuzz/regressions/$target" 2>/dev/null) -- \
        -max_total_time="$seconds" -max_len=2048 -timeout=30 -rss_limit_mb=3072 -print_final_stats=1 >"$log" 2>&1; then
        tail -n 40 "$log" >&2
        echo "$target broke. Mend it, and keep the input: fuzz/artifacts/$target → fuzz/regressions/$target" >&2
        exit 1
    fi
    grep -E 'cov:' "$log" | tail -n 1
    grep -E 'stat::(number_of_executed_units|average_exec_per_sec|peak_rss_mb)' "$log"
    # The fewest inputs that reach what all of them reach.
    fuzz "fuzz/corpus/$target" "$found" -- -merge=1 -max_len=2048 -timeout=30 >>"$log" 2>&1
    echo "corpus: $(find "fuzz/corpus/$target" -type f | wc -l) inputs, $(du -sb "fuzz/corpus/$target" | cut -f1) bytes"
done
