#!/usr/bin/env bash
# Peak memory of `run` over 1 and over 40 files, a 30,000-record file under 2 GiB, and bytes rewritten by an update file.
#   REXDRUG_BIN=target/release/rexdrug tests/memory.sh
# Needs the corpus generator beside the repository; RECORDS, FILES and BIG size the corpora.
set -euo pipefail
root="$(cd "$(dirname "$0")/.." && pwd)"
bin="${REXDRUG_BIN:?set REXDRUG_BIN to the binary to measure}"
generator="$root/../shared/tools/make_medline.py"
if [ ! -f "$generator" ]; then
    echo "skipped: the corpus generator ../shared/tools/make_medline.py is not there"
    exit 0
fi
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
files="${FILES:-40}" records="${RECORDS:-3000}" big="${BIG:-30000}"
run() { "$bin" run "$@" --top 0 --json --model "${MODEL:-scripted:keyword=with}"; }
# Peak resident memory of a command in KiB; its output goes to $work/out.
peak() {
    python3 - "$work/out" "$@" <<'PY'
import resource, subprocess, sys
with open(sys.argv[1], "w") as out:
    code = subprocess.run(sys.argv[2:], stdout=out, stderr=subprocess.DEVNULL).returncode
if code not in (0, 1):
    sys.exit(f"exit {code}: {' '.join(sys.argv[2:])}")
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
PY
}
measured() { peak "$bin" run "$@" --top 0 --json --model "${MODEL:-scripted:keyword=with}"; }
python3 "$generator" "$work/many" --baseline "$files" --updates 1 --records "$records" >/dev/null
first="$(ls "$work"/many/baseline/*.xml.gz | head -1)"
one=$(measured "$first" --warehouse "$work/one")
all=$(measured "$work/many/baseline" --warehouse "$work/all")
awk -v one="$one" -v all="$all" -v files="$files" -v records="$records" 'BEGIN {
    printf "peak RSS of run: 1 file %.1f MiB, %d files %.1f MiB (%+.1f %%), %d records a file\n",
        one / 1024, files, all / 1024, (all / one - 1) * 100, records }'
update="$(ls "$work"/many/updatefiles/*.xml.gz | head -1)"
table=$(du -sb --exclude=_delta_log "$work/all/documents" | cut -f1)
cp -r "$work/all" "$work/marked"
"$bin" compact --deletion-vectors --target-mib 1 --warehouse "$work/marked" >/dev/null 2>&1
for kind in all marked; do
    run "$update" --warehouse "$work/$kind" >"$work/update.json" 2>/dev/null || true
    python3 - "$work/update.json" "$table" "$kind" <<'PY'
import json, sys
summary, table, kind = json.load(open(sys.argv[1])), int(sys.argv[2]), sys.argv[3]
counts, rewritten = summary["counts"], summary["bytes_rewritten"]
changed = counts["documents_replaced"] + counts["deletions_applied"]
how = "with deletion vectors" if kind == "marked" else "rewriting files"
print(f"update file, {how}: {changed} documents changed, {rewritten} bytes rewritten, {rewritten / max(changed, 1):.0f} a changed "
      f"document, {summary['seconds']:.1f} s; documents table {table} bytes before")
PY
done
python3 "$generator" "$work/big" --baseline 1 --updates 0 --records "$big" >/dev/null
file="$(ls "$work"/big/baseline/*.xml.gz)"
# Private writable memory, which is what a container's limit counts but for the page cache.
limited=$(peak prlimit --data=$((2 << 30)) -- "$bin" run "$file" --top 0 --json \
    --model "${MODEL:-scripted:keyword=with}" --warehouse "$work/big-warehouse")
awk -v peak="$limited" -v records="$big" 'BEGIN {
    printf "peak RSS of run: one file of %d records %.1f MiB, limit 2048 MiB: %s\n", records, peak / 1024, peak < 2097152 ? "passes" : "FAILS"
    exit peak >= 2097152 }'
