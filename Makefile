# The one vocabulary: people and CI call these and nothing else.

.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -euo pipefail -c

SEEDS ?= 100000
MINUTES ?= 60
SOCKET_SEEDS ?= 500
PAIRS ?= 3
SCENARIO ?= *

.PHONY: help run simulate test test-web test-rust test-browser lint lint-rust lint-web fmt bench bench-instructions load load-peers scenarios slow soak births fuzz loom race web clean

help: ## what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## the gateway with simulated providers, on http://127.0.0.1:8080/
	@scripts/web.sh optional
	cargo run --release -p fanwire -- demo

test: ## everything: web, Rust, and the page in a real browser
	@scripts/test.sh

test-web: ## the client SDK and the page, without a browser
	@scripts/web.sh build
	npm --prefix web test

test-rust: ## all crates, with the switches of the mutation check; then without io_uring, in case the first run had it
	cargo test --workspace --features fanwire/mutations
	IO_URING=off cargo test --workspace --features fanwire/mutations --test behaviour -- matrix slow fan_out drain

test-browser: ## the page of a running gateway, in Chromium
	@scripts/browser-test.sh

simulate: ## seeded schedules: SEEDS=100000 over the engine, SOCKET_SEEDS=500 over sockets (SEED=n replays one, TRACE=1 in words)
	SEEDS=$(SEEDS) cargo test --release -p fanwire --features mutations --test simulation -- --nocapture
	SEEDS=$(SOCKET_SEEDS) cargo test --release -p fanwire --features mutations --test sockets -- --nocapture

lint: lint-rust lint-web ## formatting, clippy, cargo-deny if it is there, web

lint-rust:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --features fanwire/mutations -- -D warnings
	cargo clippy -p fanwire -- -D warnings
	@if cargo deny --version >/dev/null 2>&1; then cargo deny check; \
	else echo "skipped: cargo deny check (cargo-deny is not installed: cargo install cargo-deny)"; fi

lint-web:
	@scripts/web.sh install
	npm --prefix web run lint

fmt: ## formats the Rust code
	cargo fmt --all

bench: ## criterion benches, a line each, then the ingest goal (under 10 minutes); BENCH=store for one file's, BENCH=ingest for the goal
	@scripts/bench.sh

bench-instructions: ## instructions per operation under valgrind, against benches/instructions.toml (WRITE=1 writes it)
	cargo bench -p fanwire-benches --bench instructions -- $(if $(WRITE),--write)

load: ## one minute beside the floor: CPU per delivery and latency, as many pairs of short runs as fit (about 4 for each transport)
	cargo build --release -p fanwire -p fanwire-loadtest
	target/release/fanwire-loadtest compare --minutes 1 --seconds 3 --warmup 1 --transport websocket --transport sse

scenarios: ## every file of loadtest/scenarios, seven pairs where it compares (about 40 minutes; SCENARIO=w1 for one)
	cargo build --release -p fanwire -p fanwire-loadtest
	for file in loadtest/scenarios/$(SCENARIO).toml; do target/release/fanwire-loadtest scenario $$file; done

load-peers: ## floor, Fanwire, nchan, NATS, ws, Socket.IO and Pushpin in turn, into loadtest/results/<date>/peers (PAIRS=3; about 25 minutes)
	cargo build --release -p fanwire -p fanwire-loadtest
	loadtest/peers/install.sh
	target/release/fanwire-loadtest peers --workload w1-calm,w2-calm,w1,w2 --pairs $(PAIRS) --out loadtest/results/$$(date +%F)/peers

slow: ## SLOW-ALONE: one slow subscriber, half of them slow, a shard that does nothing; what the others feel (25 minutes)
	cargo build --release -p fanwire -p fanwire-loadtest
	target/release/fanwire-loadtest slow --pairs 5
	target/release/fanwire-loadtest slow --pairs 5 --scenario ended
	target/release/fanwire-loadtest slow --pairs 5 --slow 500
	target/release/fanwire-loadtest slow --pairs 5 --scenario block --stall-ms 2000

soak: ## 10,000 subscribers that come and go, feeds that break, topics born and retired (MINUTES=60)
	cargo build --release -p fanwire -p fanwire-loadtest
	target/release/fanwire-loadtest soak --minutes $(MINUTES)

births: ## ten million topics born and retired, and what stays behind
	cargo build --release -p fanwire -p fanwire-loadtest
	target/release/fanwire-loadtest births

fuzz: ## every reader of outside bytes, fuzzed (FUZZ_SECONDS=300 each; FUZZ_TARGET=line for one)
	@scripts/fuzz.sh

loom: ## every interleaving of writer and readers on a tiny log and store
	RUSTFLAGS="--cfg fanwire_loom" cargo test --target-dir target/loom -p fanwire --test loom

race: ## the stress test of log and store under ThreadSanitizer and Miri (RACE_WITH=tsan or miri)
	@scripts/race.sh

web: ## builds the page into web/dist, from where the binary embeds it
	@scripts/web.sh build

clean: ## removes what was built
	cargo clean
	rm -rf web/dist web/sdk/dist
