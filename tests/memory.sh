#!/usr/bin/env bash
# Peak memory of `run` over 1 and over FILES files of RECORDS records, and over one of BIG records under 2 GiB.
#   REXDRUG_BIN=target/release/rexdrug RECORDS=30000 tests/memory.sh
# MEDLINE has 30,000 records a file; the default of 2,500 is quicker and hides what grows with a file.
# Needs the corpus generator beside the repository. Fails where many files take MORE percent more than one.
set -euo pipefail
. "$(dirname "$0")/measuring.sh"
files="${FILES:-40}" records="${RECORDS:-2500}" big="${BIG:-30000}" more="${MORE:-10}"
# Peak resident memory of a command, and what of it was not pages of files (the binary, libraries), in KiB.
peak() {
    python3 - "$@" <<'PY'
import re, resource, subprocess, sys, time
child = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
own = 0
while child.poll() is None:
    try:
        found = re.search(r"RssAnon:\s+(\d+)", open(f"/proc/{child.pid}/status").read())
        own = max(own, int(found.group(1)) if found else 0)
    except OSError:
        pass
    time.sleep(0.02)
if child.returncode not in (0, 1):
    sys.exit(f"exit {child.returncode}: {' '.join(sys.argv[1:])}")
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, own)
PY
}
options=(--top 0 --json --model "${MODEL:-scripted:keyword=with}")
python3 "$generator" "$work/many" --baseline "$files" --updates 0 --records "$records" >/dev/null
first="$(ls "$work"/many/baseline/*.xml.gz | head -1)"
one=$(peak "$bin" run "$first" --warehouse "$work/one" "${options[@]}")
all=$(peak "$bin" run "$work/many/baseline" --warehouse "$work/all" "${options[@]}")
grew=0
awk -v one="$one" -v all="$all" -v files="$files" -v records="$records" -v more="$more" 'BEGIN {
    split(one, o); split(all, a); grew = (a[1] / o[1] - 1) * 100
    printf "peak memory of run: 1 file %.1f MiB (%.1f of them no pages of files), %d files %.1f MiB (%.1f): %+.1f %%, %s; %d records a file\n",
        o[1] / 1024, o[2] / 1024, files, a[1] / 1024, a[2] / 1024, grew, grew < more ? "passes" : "FAILS", records
    exit grew >= more }' || grew=1
rm -rf "$work/many" "$work/one" "$work/all"
python3 "$generator" "$work/big" --baseline 1 --updates 0 --records "$big" >/dev/null
file="$(ls "$work"/big/baseline/*.xml.gz)"
# Private writable memory, which is what a container's limit counts but for the page cache.
limited=$(peak prlimit --data=$((2 << 30)) -- "$bin" run "$file" --warehouse "$work/limited" "${options[@]}")
awk -v peak="$limited" -v records="$big" 'BEGIN {
    split(peak, p)
    printf "peak memory of run: one file of %d records %.1f MiB (%.1f of them no pages of files), limit 2048 MiB: %s\n",
        records, p[1] / 1024, p[2] / 1024, p[1] < 2097152 ? "passes" : "FAILS"
    exit p[1] >= 2097152 }'
exit "$grew"
