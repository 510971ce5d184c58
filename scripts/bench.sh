#!/usr/bin/env bash
# Runs the criterion benches and prints a line for each, then the ingest goal. BENCH names one file of benches/criterion,
# or ingest.
set -euo pipefail
cd "$(dirname "$0")/.."

bench=${BENCH:-}
if [ -n "$bench" ] && [ "$bench" != ingest ] && [ ! -f "benches/criterion/$bench.rs" ]; then
    echo "no bench is called '$bench'; there are: $(cd benches/criterion && ls | sed 's/\.rs$//' | grep -v '^main$' | xargs) ingest" >&2
    exit 2
fi
if [ "$bench" != ingest ]; then
    # Criterion's one-line form, as a table: what was measured, ns, and half of the spread.
    cargo bench -p fanwire-benches --bench criterion -- ${bench:+"^$bench/"} --output-format bencher |
        awk '/^test / { gsub(",", ""); printf "%-48s %14s ns  ± %s\n", $2, $5, substr($8, 1, length($8) - 1); fflush(); next }
             /SKIPPED/ { print }'
fi
if [ -z "$bench" ] || [ "$bench" = ingest ]; then
    cargo bench -p fanwire-benches --bench ingest
fi
