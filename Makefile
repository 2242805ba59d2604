# Everything a person or a build server runs here. `make` alone lists it.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# What tests need and a checkout should not hold: installed tools, their caches.
HOLDFAST_CACHE ?= $(HOME)/.cache/holdfast
export HOLDFAST_CACHE
export HOLDFAST_TEST_TOOLS ?= $(HOLDFAST_CACHE)/tools

# Where cargo builds; `cargo` reads the same variable.
TARGET := $(or $(CARGO_TARGET_DIR),target)
DATA := .holdfast
LISTEN := 127.0.0.1:8420
CARGO_DENY := $(HOLDFAST_TEST_TOOLS)/cargo-deny/bin/cargo-deny
ASSETS := assets/ui/build.sh
SNAPSHOTS_USED := $(abspath $(TARGET))/snapshots-used

.NOTPARALLEL:
.PHONY: help run build test fmt lint image bench bench-ui clean assets cluster cluster-down bench-cluster test-cluster \
	check-fmt check-clippy check-doc check-deny check-code test-tools preflight-build preflight-test

help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: preflight-build assets ## build what is missing and serve http://localhost:8420, data in .holdfast/
	cargo build --profile quick --bin holdfast
	@printf '\nholdfast is %s\nTo call it by name in another terminal:\n  export PATH="%s:$$PATH"\n\n' \
		"$(abspath $(TARGET))/quick/holdfast" "$(abspath $(TARGET))/quick"
	@exec "$(TARGET)/quick/holdfast" serve --data-dir $(DATA) --listen $(LISTEN)

build: preflight-build assets ## the release binary: target/release/holdfast
	cargo build --release --bin holdfast
	@ls -l "$(TARGET)/release/holdfast"

image: preflight-build assets ## the image, from a static release binary: target/holdfast-image.tar (docker load, ctr images import)
	RUSTFLAGS='-C target-feature=+crt-static' cargo build --locked --release --target x86_64-unknown-linux-gnu --bin holdfast
	@bash packaging/image.sh --static "$(TARGET)/x86_64-unknown-linux-gnu/release/holdfast" "$(TARGET)/holdfast-image.tar" \
		"holdfast:$$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)"
	@ls -l "$(TARGET)/holdfast-image.tar"

test: preflight-test check-fmt check-clippy check-doc check-deny test-tools check-code ## everything: format, lints, docs, dependencies, all tests

lint: check-fmt check-clippy ## format and lints only

fmt: ## format the code
	cargo fmt

bench: preflight-test assets ## measure beside OpenBao in the same run; prints one table, writes JSON
	bash tests/bench/run.sh

bench-ui: preflight-test assets ## measure the pages of a release build in Chromium; prints one table, writes JSON
	bash tests/bench/run-ui.sh

assets: ## styles, scripts and icons of the pages: assets/dist, built from assets/ui when that changed
	@sh $(ASSETS)
	@sh assets/openapi.sh

cluster: ## start a real Kubernetes with the Holdfast image on this machine (root; see tests/cluster/README.md)
	@bash tests/cluster/preflight.sh
	@bash tests/cluster/build.sh
	@bash tests/cluster/images.sh
	@[ -n "$(HOLDFAST_BINARY)" ] || { $(MAKE) preflight-build assets && cargo build --profile quick --bin holdfast; }
	@HOLDFAST_BINARY="$(or $(HOLDFAST_BINARY),$(abspath $(TARGET))/quick/holdfast)" bash tests/cluster/holdfast-image.sh
	@bash tests/cluster/up.sh

cluster-down: ## end it; leaves nothing but what was built
	@bash tests/cluster/down.sh

bench-cluster: ## measure environments on a cluster of its own with a release build; prints one table, writes JSON
	@bash tests/cluster/preflight.sh
	@[ -n "$(HOLDFAST_BINARY)" ] || { $(MAKE) preflight-build assets && cargo build --release --bin holdfast; }
	@HOLDFAST_BINARY="$(or $(HOLDFAST_BINARY),$(abspath $(TARGET))/release/holdfast)" bash tests/cluster/bench.sh

test-cluster: ## check the cluster itself, the gate and the demo shop on it, on a cluster of its own
	@bash tests/cluster/test.sh

clean: ## remove what was built; data and installed tools stay
	cargo clean
	rm -rf assets/dist assets/built

check-fmt:
	cargo fmt --check

check-clippy: assets
	cargo clippy --locked --all-targets -- -D warnings

check-doc: assets
	RUSTDOCFLAGS='-D warnings' cargo doc --locked --no-deps --document-private-items

check-deny: $(CARGO_DENY)
	"$(CARGO_DENY)" --locked check --hide-inclusion-graph licenses bans sources

$(CARGO_DENY): packaging/install-cargo-deny.sh
	bash packaging/install-cargo-deny.sh

# What tests need from elsewhere: each folder installs its own, exact versions, once.
test-tools: preflight-test ## install what tests need (tests/*/install.sh)
	@for install in tests/*/install.sh; do [ ! -e "$$install" ] || { echo "$$install"; bash "$$install"; }; done

# Snapshots must match in full and none may be left over: insta notes each one it compares.
check-code: assets
	@mkdir -p "$(TARGET)"; rm -f "$(SNAPSHOTS_USED)"
	INSTA_UPDATE=no INSTA_REQUIRE_FULL_MATCH=1 INSTA_SNAPSHOT_REFERENCES_FILE="$(SNAPSHOTS_USED)" \
		cargo test --locked
	@bash tests/stale-snapshots.sh "$(SNAPSHOTS_USED)"

preflight-build:
	@bash packaging/preflight.sh build

preflight-test:
	@bash packaging/preflight.sh test
