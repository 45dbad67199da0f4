#!/usr/bin/env bash
# The long forms of the reliability tests, bounded in time and seeds; prints the figures of docs/reliability.md, step by step
# and once more as a table at the end. Exits 1 when a step failed or ran out of time.
#   REXDRUG_BIN=target/debug/rexdrug KILLS=100 SECONDS_LIMIT=1800 SEED=1 tests/torture.sh
set -uo pipefail
cd "$(dirname "$0")/.."
export REXDRUG_BIN="${REXDRUG_BIN:?set REXDRUG_BIN to the binary to test}"
# SECONDS_LIMIT bounds each step; random kills stop, however many they were, at half of it.
limit="${SECONDS_LIMIT:-1800}"
export REXDRUG_KILLS="${KILLS:-100}" REXDRUG_TORTURE_SECONDS=$((limit / 2)) REXDRUG_TORTURE_SEED="${SEED:-1}"
export REXDRUG_UPDATE_SEEDS="${UPDATE_SEEDS:-20}"
export REXDRUG_STORE_SEEDS="${STORE_SEEDS:-20}" PROPTEST_CASES="${PROPTEST_CASES:-64}"
logs="$(mktemp -d)"
trap 'rm -rf "$logs"' EXIT
summary="" failed=0 number=0

# step NAME FIGURES COMMAND...: lines of the output that match FIGURES stand in the table.
step() {
    local name="$1" figures="$2" started=$SECONDS code outcome log
    shift 2
    number=$((number + 1)) log="$logs/$number"
    echo "== $name"
    timeout --kill-after=30 "$limit" "$@" 2>&1 | tee "$log"
    code=${PIPESTATUS[0]}
    case "$code" in
        0) outcome=ok ;;
        124 | 137) outcome="OUT OF TIME" ;;
        *) outcome="FAILED ($code)" ;;
    esac
    [ "$code" = 0 ] || failed=$((failed + 1))
    if [ "$code" = 0 ] && grep -q '^skipped:' "$log"; then outcome="ok, with parts skipped"; fi
    summary+="$(printf '%-12s %5d s  %s' "$outcome" $((SECONDS - started)) "$name")"$'\n'
    summary+="$(grep -aoE "($figures|^skipped:|test result:).*" "$log" | sed 's/^/                      /')"$'\n'
}
tests() { cargo test -q --workspace "$@"; }
export -f tests
step "build" 'nothing' cargo test -q --workspace --no-run
step "SIGKILL at named points and random moments, SIGTERM, two runs at once" 'SIG[A-Z]+:|named points:' \
    bash -c 'tests --test it torture:: -- --nocapture --test-threads=1'
step "sync against a server that misbehaves" 'nothing' bash -c 'tests --test it sync:: -- --nocapture'
step "damaged input" 'damaged files:' bash -c 'tests --test it bad_input:: -- --nocapture'
step "secrets, paths, metrics, the morning after" 'nothing' bash -c 'tests --test it operations:: -- --nocapture'
step "licences, sources, versions, advisories" 'Cargo.lock:' bash -c 'tests --test it -- --nocapture supply_chain:: advisories::'
step "updates of the corpus generator in any order" 'updates:' bash -c 'tests --test it updates:: -- --nocapture'
step "store faults; random interleavings, kills and replays of updates; planted faults; concurrent writers" 'store faults:' \
    bash -c 'tests --lib warehouse:: -- --nocapture'
step "memory" 'peak memory' tests/memory.sh
step "cost of an update" 'update of' env FILES="${UPDATE_FILES:-34}" RECORDS="${UPDATE_RECORDS:-30000}" tests/update_cost.sh
echo
echo "== all of it: KILLS=$REXDRUG_KILLS SEED=$REXDRUG_TORTURE_SEED UPDATE_SEEDS=$REXDRUG_UPDATE_SEEDS STORE_SEEDS=$REXDRUG_STORE_SEEDS PROPTEST_CASES=$PROPTEST_CASES"
printf '%s' "$summary" | grep -v '^ *$'
if [ "$failed" != 0 ]; then
    echo "torture: $failed of $number steps FAILED, $SECONDS s"
    exit 1
fi
echo "torture: all $number steps passed, $SECONDS s"
