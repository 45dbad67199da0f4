#!/usr/bin/env bash
# The long forms of the reliability tests, bounded in time and seeds; prints the figures of docs/reliability.md.
#   REXDRUG_BIN=target/debug/rexdrug KILLS=100 SECONDS_LIMIT=1800 SEED=1 tests/torture.sh
set -euo pipefail
root="$(cd "$(dirname "$0")/.." && pwd)"
cd "$root"
export REXDRUG_BIN="${REXDRUG_BIN:?set REXDRUG_BIN to the binary to test}"
export REXDRUG_KILLS="${KILLS:-100}" REXDRUG_TORTURE_SECONDS="${SECONDS_LIMIT:-1800}" REXDRUG_TORTURE_SEED="${SEED:-1}"
export REXDRUG_UPDATE_SEEDS="${UPDATE_SEEDS:-20}"
export REXDRUG_STORE_SEEDS="${STORE_SEEDS:-20}" PROPTEST_CASES="${PROPTEST_CASES:-200}"
step() { echo "== $*"; }
step "SIGKILL at named points and random moments, SIGTERM, two runs at once"
cargo test -q --workspace --test it torture:: -- --nocapture --test-threads=1
step "sync against a server that misbehaves"
cargo test -q --workspace --test it sync:: -- --nocapture
step "damaged input"
cargo test -q --workspace --test it bad_input:: -- --nocapture
step "updates of the corpus generator in any order"
cargo test -q --workspace --test it updates:: -- --nocapture
step "store faults; random interleavings, kills and replays of updates"
cargo test -q --workspace --lib warehouse:: -- --nocapture
step "memory and cost of updates"
tests/memory.sh
