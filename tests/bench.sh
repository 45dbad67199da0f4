#!/usr/bin/env bash
# End-to-end measurement of one binary against its floor and a rival, all in one run on one machine.
#   REXDRUG_BIN=target/release/rexdrug tests/bench.sh [FILE.xml.gz]
# Without FILE, tests/corpus.sh makes one of RECORDS records (default 30,000).
set -euo pipefail
root="$(cd "$(dirname "$0")/.." && pwd)"
bin="${REXDRUG_BIN:?set REXDRUG_BIN to the binary to measure}"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
file="${1:-$("$root/tests/corpus.sh" "$work/corpus" "${RECORDS:-30000}")}"
seconds() { local from to; from=$(date +%s.%N); "$@" >"$work/out" 2>"$work/err" || { cat "$work/err" >&2; exit 1; }; to=$(date +%s.%N); awk "BEGIN { print $to - $from }"; }
bytes=$(gzip -dc "$file" | wc -c)
records=$(gzip -dc "$file" | grep -c '<PubmedArticle>')
report() { awk -v name="$1" -v s="$2" -v b="$bytes" -v r="$records" -v floor="$3" \
    'BEGIN { printf "%-44s %8.2f s %9.1f MB/s %10.0f records/s %7.2f x floor\n", name, s, b / s / 1e6, r / s, s / floor }'; }
echo "$(basename "$file"): $bytes bytes of XML, $records records, $(nproc) cores"
floor=$(seconds bash -c "gzip -dc '$file' | wc -c")
report 'gzip -dc | wc -c (floor)' "$floor" "$floor"
report 'rexdrug ingest' "$(seconds "$bin" ingest "$file" --warehouse "$work/ingest")" "$floor"
report 'rexdrug run, scripted backend (no model)' \
    "$(seconds "$bin" run "$file" --top 0 --warehouse "$work/scripted" --model scripted:keyword=with)" "$floor"
report 'rexdrug run, default model' "$(seconds "$bin" run "$file" --top 0 --warehouse "$work/run")" "$floor"
rival="$root/../shared/rival/python_pipeline.py"
if [ -n "${RIVAL_PYTHON:-}" ] && [ -f "$rival" ]; then
    report 'Python pipeline' "$(seconds "$RIVAL_PYTHON" "$rival" "$file" "$work/rival.parquet" --limit 1000000)" "$floor"
fi
