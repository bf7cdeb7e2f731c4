# What a developer and CI run. `make` lists it. CONTRIBUTING.md says when to use which.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

STATE := .muster
VENV := $(STATE)/venv
TOOLS := $(VENV)/.installed

# Property tests of everything that reads what a stranger wrote; proptest's own default is 256 cases.
FUZZ_CASES ?= 20000
FUZZ_PACKAGES := muster-identify muster-identity muster-import muster-bulletin muster-estate muster-bus muster-calendar muster-draw muster-sweep

# Tests start these two as programs. Built with the tests, in one selection, because cargo would build half of what they
# share a second time with other features; named, so that no test builds anything.
PROGRAMS := $(abspath $(or $(CARGO_TARGET_DIR),target))/debug
test test-data test-previous: export MUSTER_PROGRAM := $(PROGRAMS)/muster
test test-data test-previous: export MUSTER_ENGINE_PROGRAM := $(PROGRAMS)/muster-engine

# How to run tests: nextest where it is installed, plain cargo elsewhere.
HAVE_NEXTEST := $(shell cargo nextest --version >/dev/null 2>&1 && echo yes)
NEXTEST := cargo nextest run --workspace --no-fail-fast

# The suites over real feeds, which do nothing without MUSTER_TEST_DATA: by their names.
DATA_SUITES := test(/(^|::)data_/)

# One ignored test, in the selection of packages that `make build-tests` has built.
ifeq ($(HAVE_NEXTEST),yes)
TEST_PREVIOUS := $(NEXTEST) --locked --run-ignored only -E 'binary(previous)'
else
TEST_PREVIOUS := cargo test --locked --workspace --test previous -- --ignored
endif

include deploy/engines/engines.mk

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## the release binary, target/release/muster
	cargo build --release --locked -p muster

.PHONY: build-dev
build-dev: ## the debug binary, target/debug/muster
	cargo build --locked -p muster

.PHONY: demo
demo: engines build ## the main job on real input, on this machine, in under a minute
	target/release/muster demo

.PHONY: build-tests
build-tests: ## everything that `make test` runs, and the debug binaries
	cargo build --locked --workspace --bins --tests

.PHONY: test
test: engines $(TOOLS) build-tests ## every test of the workspace; with MUSTER_TEST_DATA=DIR also those over real feeds
	cargo test --locked --workspace --doc --quiet
ifeq ($(HAVE_NEXTEST),yes)
	$(NEXTEST) --locked
else
	cargo test --locked --workspace --lib --bins --tests --no-fail-fast
endif

# Where there is no commit before this one, as in a shallow clone, nothing can be compared.
PREVIOUS := $(abspath $(or $(CARGO_TARGET_DIR),target))/previous/debug/muster
.PHONY: test-previous
test-previous: engines build-tests ## the previous commit's binary and this one on one bus, in both orders
	@code=0; deploy/tools/build_previous.sh || code=$$?; \
	if ((code == 3)); then echo "skipped: without a previous commit nothing can be compared; git fetch --deepen 1"; exit 0; fi; \
	if ((code != 0)); then exit $$code; fi; \
	export MUSTER_PREVIOUS_PROGRAM="$(PREVIOUS)"; \
	$(TEST_PREVIOUS)

.PHONY: test-data
test-data: engines build-tests ## the suites over real feeds: make test-data MUSTER_TEST_DATA=DIR
	@test -d "$(MUSTER_TEST_DATA)" || { echo "make test-data MUSTER_TEST_DATA=DIR: no such folder: '$(MUSTER_TEST_DATA)'" >&2; exit 2; }
ifeq ($(HAVE_NEXTEST),yes)
	MUSTER_TEST_DATA="$(abspath $(MUSTER_TEST_DATA))" $(NEXTEST) --locked --no-tests=warn -E '$(DATA_SUITES)'
else
	MUSTER_TEST_DATA="$(abspath $(MUSTER_TEST_DATA))" cargo test --locked --workspace --lib --bins --tests --no-fail-fast data_
endif

.PHONY: lint fmt-check clippy doc
lint: fmt-check clippy doc ## format, clippy and documentation, warnings as errors

fmt-check: ## the format alone
	cargo fmt --all --check

clippy: ## clippy alone, every target
	cargo clippy --locked --workspace --all-targets -- -D warnings

doc: ## rustdoc alone, broken links are errors
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps --quiet

.PHONY: deny
deny: $(TOOLS) ## licences, banned crates, sources, and known vulnerabilities where their database is reachable
	deploy/tools/deny.sh "$(VENV)"

.PHONY: deploy-check
deploy-check: $(TOOLS) ## compose, chart, dashboards, scripts: by their real tools, without an engine or a cluster
	$(VENV)/bin/python -B deploy/check

.PHONY: secrets
secrets: ## passwords and certificates of docker-compose.yml, made once into deploy/secrets
	python3 deploy/tools/make_secrets.py

# nmap is needed for one figure; without FIGURES all are measured.
BENCH_TOOLS := $(if $(findstring connect_sweep,$(or $(strip $(FIGURES)),connect_sweep)),bench-tools)

.PHONY: bench
bench: engines $(BENCH_TOOLS) ## the figures of the README, a line each, beside their references; some: make bench FIGURES="startup freshness"
	cargo build --release --locked -p muster -p muster-bench
	target/release/muster-bench $(FIGURES)

.PHONY: bench-tools
bench-tools: ## nmap, which one figure is measured beside, by apt-get where it is missing
	deploy/tools/bench_tools.sh

# Root, or a kernel that lets everybody have namespaces; without either it says that it was skipped.
.PHONY: bench-find
bench-find: engines bench-find-tools ## how well and how politely a network is swept, in a lab of namespaces; some: make bench-find FIGURES="halt bound"
	cargo build --release --locked -p muster -p muster-bench
	target/release/muster-bench-find $(FIGURES)

.PHONY: bench-find-tools
bench-find-tools: ## nmap and masscan, which two figures are measured beside, by apt-get where they are missing
	deploy/tools/bench_tools.sh nmap masscan

# How it is asked for other hosts, blocks and losses: target/release/muster-bench-find lab --help
LAB ?=
.PHONY: lab
lab: ## a network with a known truth in namespaces, until Ctrl-C; its truth as CSV: make lab LAB="--seed 7 --loss 2"
	cargo build --release --locked -p muster-bench --bin muster-bench-find
	@target/release/muster-bench-find lab $(LAB)

.PHONY: fuzz-check
fuzz-check: ## the property tests of every parser with many more cases (FUZZ_CASES)
	PROPTEST_CASES=$(FUZZ_CASES) cargo test --locked --release $(addprefix -p ,$(FUZZ_PACKAGES)) --lib --tests

.PHONY: tools
tools: $(TOOLS) ## the checking tools, from PyPI by pinned hash, into .muster/venv

# One virtual environment for every Python tool. Wheels only, so that installing runs nobody's code.
$(TOOLS): deploy/tools/requirements.txt
	python3 -m venv "$(VENV)"
	"$(VENV)/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r $<
	touch "$@"

.PHONY: clean-engines
clean-engines: ## forget the fetched engines
	rm -rf $(ENGINES)
