#!/usr/bin/env bash
# Scaling of a cluster on this machine: 1, 2 and 4 workers over the same files, and the local engine.
#   REXDRUG_BIN=target/release/rexdrug tests/cluster.sh
# The scripted backend takes SERVICE_US for a sentence on a device that serves one call after the other, so the engine is
# measured and not the machine: FILES files of CANDIDATES candidate sentences each, WORKERS (1 2 4) one after the other;
# LOCAL=0 leaves the local engine out. A last round without service time shows what the cluster costs a file.
set -euo pipefail
bin="${REXDRUG_BIN:?set REXDRUG_BIN to the binary to measure}"
files="${FILES:-32}" candidates="${CANDIDATES:-100}" service="${SERVICE_US:-15000}" workers="${WORKERS:-1 2 4}" alone="${LOCAL:-1}"
work="$(mktemp -d)"
pids=()
stop() { for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done; for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done; pids=(); }
trap 'stop; rm -rf "$work"' EXIT
python3 - "$work/in" "$files" "$candidates" <<'PY'
import gzip, pathlib, sys
folder, files, candidates = pathlib.Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
folder.mkdir()
for file in range(1, files + 1):
    with gzip.open(folder / f"bench26n{file:04}.xml.gz", "wt", encoding="utf-8") as out:
        out.write('<?xml version="1.0" encoding="utf-8"?>\n<PubmedArticleSet>\n')
        for first in range(0, candidates, 10):
            pmid = file * 100_000 + first
            text = " ".join(f"Cisplatin was given with gemcitabine in arm {n}. Nothing else of note came of it."
                            for n in range(first, min(first + 10, candidates)))
            out.write(f'<PubmedArticle><MedlineCitation Status="MEDLINE" Owner="NLM"><PMID Version="1">{pmid}</PMID>'
                      '<Article PubModel="Print"><Journal><JournalIssue CitedMedium="Internet"><PubDate><Year>2020</Year>'
                      '</PubDate></JournalIssue><Title>Journal of Benches</Title></Journal>'
                      f'<ArticleTitle>Report {pmid}.</ArticleTitle><Abstract><AbstractText>{text}</AbstractText></Abstract>'
                      '<Language>eng</Language></Article></MedlineCitation></PubmedArticle>\n')
        out.write('</PubmedArticleSet>\n')
PY
export REXDRUG_CLUSTER_TOKEN="bench-$$-0123456789abcdef"
start() { # workers, warehouse
    "$bin" scheduler --bind 127.0.0.1:0 --warehouse "$2" >"$work/scheduler" 2>"$work/scheduler.log" &
    pids+=($!)
    until grep -q 'listens on' "$work/scheduler" 2>/dev/null; do
        kill -0 "${pids[0]}" || { cat "$work/scheduler.log" >&2; exit 1; }
        sleep 0.1
    done
    address="$(awk '{ print $NF }' "$work/scheduler")"
    for _ in $(seq "$1"); do
        "$bin" worker --scheduler "$address" --slots 2 --threads 1 --warehouse "$2" --cache "$work/cache" 2>>"$work/workers.log" &
        pids+=($!)
    done
}
# Seconds of a run as the run states them, without its start.
seconds() { "$bin" run "$work/in" --top 0 --json "$@" 2>"$work/run.log" | python3 -c 'import json, sys; print(json.load(sys.stdin)["seconds"])' || { cat "$work/run.log" >&2; exit 1; }; }
echo "$files files of $candidates candidate sentences, $service us each on a device; $(nproc) cores"
model="scripted:keyword=with;service_us=$service"
if [ "$alone" = 1 ]; then
    awk -v s="$(seconds --warehouse "$work/local" --model "$model")" -v f="$files" \
        'BEGIN { printf "%-22s %8.2f s %8.3f s/file\n", "local engine", s, s / f }'
fi
one=""
for count in $workers; do
    start "$count" "$work/warehouse-$count"
    took=$(seconds --warehouse "$work/warehouse-$count" --model "$model" --cluster "df://$address" --cluster-files $((count * 2)))
    stop
    one="${one:-$took}"
    awk -v s="$took" -v f="$files" -v n="$count" -v one="$one" -v first="${workers%% *}" 'BEGIN {
        printf "cluster, %2d workers    %8.2f s %8.3f s/file, efficiency %5.1f %%\n", n, s, s / f, one * first / s / n * 100 }'
done
model="scripted:keyword=with"
local=$(seconds --warehouse "$work/local-0" --model "$model")
start 2 "$work/warehouse-0"
took=$(seconds --warehouse "$work/warehouse-0" --model "$model" --cluster "df://$address" --cluster-files 4)
stop
awk -v s="$took" -v f="$files" -v local="$local" 'BEGIN {
    printf "no service time: local %.3f s/file, cluster of 2 %.3f s/file, difference %.3f s/file\n", local / f, s / f, (s - local) / f }'
