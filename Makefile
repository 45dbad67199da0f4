# rexdrug: `make help` lists what there is.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

CACHE ?= $(HOME)/.cache/rexdrug
ORT_VERSION := 1.31.1
# onnxruntime-gpu for the CUDA image.
ORT_PACKAGE ?= onnxruntime
ORT_DIR := .onnxruntime
ORT_LIB := $(ORT_DIR)/lib/libonnxruntime.so.$(ORT_VERSION)
# Tests and benches run from other folders than the binary, and look here first.
export REXDRUG_ORT_LIBRARY ?= $(abspath $(ORT_LIB))
# Linters and schemas of deploy/.
DEPLOY := $(CACHE)/deploy-$(shell sha256sum tests/python/deploy-requirements.txt | cut -c1-12)
READERS := $(CACHE)/readers-$(shell sha256sum tests/python/requirements.txt | cut -c1-12)
WAREHOUSE ?= warehouse/demo
# The wheel of scoring/: built anew when a source of it has changed, installed into a venv of its own.
WHEEL_VENV := $(CACHE)/wheel-$(shell sha256sum scoring/python/pyproject.toml | cut -c1-12)
WHEEL_SOURCES := $(shell find scoring/src scoring/python/src -type f) scoring/Cargo.toml \
	scoring/python/Cargo.toml scoring/python/Cargo.lock scoring/python/pyproject.toml scoring/python/rexdrug_scoring.pyi
# Everything builds with --workspace: -p would resolve other features and compile the dependencies twice.
TARGET := $(or $(CARGO_TARGET_DIR),target)
REXDRUG := $(TARGET)/debug/rexdrug

KILLS ?= 100
SECONDS_LIMIT ?= 1800

.PHONY: help setup debug demo test torture check build bench generate readers wheel train test-training clean-demo

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(ORT_LIB):
	mkdir -p $(ORT_DIR)/wheel $(ORT_DIR)/lib
	python3 -m pip download -q --disable-pip-version-check --no-deps --only-binary=:all: -d $(ORT_DIR)/wheel $(ORT_PACKAGE)==$(ORT_VERSION)
	python3 -c 'import glob, os, shutil, zipfile; \
	wheel = zipfile.ZipFile(glob.glob("$(ORT_DIR)/wheel/onnxruntime*-$(ORT_VERSION)-*.whl")[0]); \
	names = [n for n in wheel.namelist() if n.startswith("onnxruntime/capi/libonnxruntime") and ".so" in n]; \
	[shutil.copyfileobj(wheel.open(n), open("$(ORT_DIR)/wheel/" + os.path.basename(n), "wb")) for n in names]'
	mv $(ORT_DIR)/wheel/*_providers_*.so $(ORT_DIR)/lib/
	mv $(ORT_DIR)/wheel/$(notdir $(ORT_LIB)) $(ORT_LIB)
	rm -rf $(ORT_DIR)/wheel

setup: $(ORT_LIB) ## Fetch ONNX Runtime's library into .onnxruntime/ (from its PyPI wheel)

debug: setup
	cargo build --workspace

# Without the cluster, whose crates would add minutes to a first build; `make debug` and `make build` have it.
demo: setup clean-demo ## Build, run over the bundled sample, print the combinations
	cargo build -p rexdrug --no-default-features
	@$(REXDRUG) run data/sample --warehouse $(WAREHOUSE)

clean-demo:
	@rm -rf $(WAREHOUSE)

$(READERS)/ready: tests/python/requirements.txt
	python3 -m venv $(READERS)
	$(READERS)/bin/pip install -q --disable-pip-version-check -r tests/python/requirements.txt
	touch $@

readers: $(READERS)/ready

$(DEPLOY)/ready: tests/python/deploy-requirements.txt
	python3 -m venv $(DEPLOY)
	$(DEPLOY)/bin/pip install -q --disable-pip-version-check -r tests/python/deploy-requirements.txt
	touch $@

$(WHEEL_VENV)/bin/maturin: scoring/python/pyproject.toml
	python3 -m venv $(WHEEL_VENV)
	$(WHEEL_VENV)/bin/pip install -q --disable-pip-version-check $$(sed -n 's/^requires = \["\(.*\)"\]/\1/p' $<)
	touch $@

$(TARGET)/wheels/ready: $(WHEEL_SOURCES) $(WHEEL_VENV)/bin/maturin
	rm -rf $(TARGET)/wheels
	$(WHEEL_VENV)/bin/maturin build -q --release --locked --manifest-path scoring/python/Cargo.toml \
		--target-dir $(TARGET)/wheel-build --out $(TARGET)/wheels --interpreter $(WHEEL_VENV)/bin/python
	$(WHEEL_VENV)/bin/pip install -q --disable-pip-version-check --force-reinstall --no-deps $(TARGET)/wheels/*.whl
	touch $@

wheel: $(TARGET)/wheels/ready ## Build rexdrug-scoring for Python into target/wheels/ (maturin, in a venv of its own)
	@ls $(TARGET)/wheels/*.whl

test: debug readers wheel $(DEPLOY)/ready ## Run all tests (those that use ../shared skip with a message where it is not there)
	REXDRUG_TEST_PYTHON=$(READERS)/bin/python REXDRUG_DEPLOY_TOOLS=$(DEPLOY)/bin REXDRUG_BIN=$(abspath $(REXDRUG)) \
		cargo test --workspace
	$(WHEEL_VENV)/bin/python scoring/python/tests/test_module.py
	PYTHONPATH=training/src $(WHEEL_VENV)/bin/python -m unittest discover -s training/tests_llm -p 'test_recipes.py'

torture: debug ## Kills, store faults, bad input and memory in their long forms; prints the figures of docs/reliability.md
	REXDRUG_BIN=$(abspath $(REXDRUG)) KILLS=$(KILLS) SECONDS_LIMIT=$(SECONDS_LIMIT) tests/torture.sh

check: ## Format, lints, generated reference
	cargo fmt --all --check
	cargo fmt --manifest-path scoring/python/Cargo.toml --check
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

train: ## Train the first generation of the default model into data/models/rexdrug-base (training/README.md says the rest)
	$(MAKE) -C training train

LLM_VENV := $(CACHE)/llm-$(shell sha256sum training/requirements-llm.txt | cut -c1-12)
$(LLM_VENV)/ready: training/requirements-llm.txt
	python3 -m venv $(LLM_VENV)
	$(LLM_VENV)/bin/pip install -q --disable-pip-version-check -r training/requirements-llm.txt
	touch $@

test-training: debug wheel $(LLM_VENV)/ready ## Train the tiny reasoning model: SFT, merge, GRPO, export, `rexdrug run` (gigabytes of torch; minutes)
	$(LLM_VENV)/bin/pip install -q --disable-pip-version-check --force-reinstall --no-deps $(TARGET)/wheels/*.whl
	REXDRUG_BIN=$(abspath $(REXDRUG)) HF_HUB_OFFLINE=1 PYTHONPATH=training/src $(LLM_VENV)/bin/python -m unittest discover -s training/tests_llm -v
