#!/usr/bin/env bash
# Bytes that an update file rewrites, by default and with deletion vectors, in a warehouse of FILES x RECORDS documents.
#   REXDRUG_BIN=target/release/rexdrug tests/update_cost.sh
# Needs the corpus generator beside the repository.
set -euo pipefail
. "$(dirname "$0")/measuring.sh"
files="${FILES:-34}" records="${RECORDS:-30000}"
run() { "$bin" run "$@" --top 0 --json --model "${MODEL:-scripted:keyword=with}" 2>"$work/log" || { [ $? = 1 ] || { cat "$work/log" >&2; exit 2; }; }; }
python3 "$generator" "$work/corpus" --baseline "$files" --updates 1 --records "$records" >/dev/null
update="$(ls "$work"/corpus/updatefiles/*.xml.gz | head -1)"
run "$work/corpus/baseline" --warehouse "$work/rewritten" >/dev/null
table=$(du -sb --exclude=_delta_log "$work/rewritten/documents" | cut -f1)
cp -r "$work/rewritten" "$work/marked"
"$bin" compact --deletion-vectors --target-mib 1 --warehouse "$work/marked" >/dev/null 2>&1
for kind in rewritten marked; do
    run "$update" --warehouse "$work/$kind" >"$work/update.json"
    python3 - "$work/update.json" "$table" "$kind" $((files * records)) <<'PY'
import json, sys
summary, table, kind, documents = json.load(open(sys.argv[1])), int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
counts, rewritten = summary["counts"], summary["bytes_rewritten"]
changed = counts["documents_replaced"] + counts["deletions_applied"]
how = "with deletion vectors" if kind == "marked" else "rewriting files"
print(f"update of {documents:,} documents {how}: {changed} changed, {rewritten:,} bytes rewritten, {rewritten / max(changed, 1):,.0f} "
      f"a changed document, {summary['seconds']:.1f} s; documents table {table:,} bytes before")
PY
done
