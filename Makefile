# rexdrug: `make help` lists what there is.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

CACHE ?= $(HOME)/.cache/rexdrug
ORT_VERSION := 1.31.1
ORT_DIR := .onnxruntime
ORT_LIB := $(ORT_DIR)/lib/libonnxruntime.so.$(ORT_VERSION)
READERS := $(CACHE)/readers-$(shell sha256sum tests/python/requirements.txt | cut -c1-12)
WAREHOUSE ?= warehouse/demo
# Everything builds with --workspace: -p would resolve other features and compile the dependencies twice.
TARGET := $(or $(CARGO_TARGET_DIR),target)
REXDRUG := $(TARGET)/debug/rexdrug

KILLS ?= 100
SECONDS_LIMIT ?= 1800

.PHONY: help setup debug demo test torture check build bench generate readers train clean-demo

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(ORT_LIB):
	mkdir -p $(ORT_DIR)/wheel $(ORT_DIR)/lib
	python3 -m pip download -q --disable-pip-version-check --no-deps --only-binary=:all: -d $(ORT_DIR)/wheel onnxruntime==$(ORT_VERSION)
	python3 -c 'import glob, shutil, zipfile; \
	wheel = zipfile.ZipFile(glob.glob("$(ORT_DIR)/wheel/onnxruntime-$(ORT_VERSION)-*.whl")[0]); \
	name = next(n for n in wheel.namelist() if n.startswith("onnxruntime/capi/libonnxruntime.so.")); \
	shutil.copyfileobj(wheel.open(name), open("$(ORT_LIB).part", "wb"))'
	mv $(ORT_LIB).part $(ORT_LIB)
	rm -rf $(ORT_DIR)/wheel

setup: $(ORT_LIB) ## Fetch ONNX Runtime's library into .onnxruntime/ (from its PyPI wheel)

debug: setup
	cargo build --workspace

demo: debug clean-demo ## Build, run over the bundled sample, print the combinations
	@$(REXDRUG) run data/sample --warehouse $(WAREHOUSE)

clean-demo:
	@rm -rf $(WAREHOUSE)

$(READERS)/ready: tests/python/requirements.txt
	python3 -m venv $(READERS)
	$(READERS)/bin/pip install -q --disable-pip-version-check -r tests/python/requirements.txt
	touch $@

readers: $(READERS)/ready

test: debug readers ## Run all tests (those that use ../shared skip with a message where it is not there)
	REXDRUG_TEST_PYTHON=$(READERS)/bin/python REXDRUG_BIN=$(abspath $(REXDRUG)) cargo test --workspace

torture: debug ## Kills, store faults, bad input and memory in their long forms; prints the figures of docs/reliability.md
	REXDRUG_BIN=$(abspath $(REXDRUG)) KILLS=$(KILLS) SECONDS_LIMIT=$(SECONDS_LIMIT) tests/torture.sh

check: ## Format, lints, generated reference
	cargo fmt --all --check
	cargo clippy -q --workspace --all-targets -- -D warnings
	cargo test -q --workspace --lib generated

generate: debug ## Write docs/reference, the schema golden files and the compiled seed lexicon anew
	REXDRUG_BLESS=1 cargo test -q --workspace --lib generated
	$(REXDRUG) lexicon build --seed data/lexicon --output data/lexicon/seed.lexicon

build: setup ## Optimised binary: target/release/rexdrug
	cargo build --release --workspace

BENCH ?= $(abspath $(TARGET))/bench-corpus
RECORDS ?= 30000
bench: build ## Measure the parts (criterion), extraction against ONNX Runtime alone, and whole runs against their floor
	file=$$(tests/corpus.sh $(BENCH)-$(RECORDS) $(RECORDS)); \
	REXDRUG_BENCH_FILE=$$file cargo bench --workspace --bench parts --bench extraction; \
	REXDRUG_BIN=$(abspath $(TARGET))/release/rexdrug tests/bench.sh $$file

train: ## Train the default model (see training/README.md)
	$(MAKE) -C training train
