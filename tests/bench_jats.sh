#!/usr/bin/env bash
# One core: JATS articles to text against `xmllint --stream --noout` (Debian's libxml2-utils), which keeps nothing.
#   tests/bench_jats.sh FOLDER [COPIES]     FOLDER holds .nxml or .xml files; each is read COPIES times (default 100)
# REXDRUG_JATS_BIN names a built example; else it is built here.
set -euo pipefail
root="$(cd "$(dirname "$0")/.." && pwd)"
folder="${1:?name a folder of articles}"
copies="${2:-100}"
if [ -z "${REXDRUG_JATS_BIN:-}" ]; then
    cargo build -q --release --workspace --example read_articles --manifest-path "$root/Cargo.toml"
    REXDRUG_JATS_BIN="${CARGO_TARGET_DIR:-$root/target}/release/examples/read_articles"
fi
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
for copy in $(seq "$copies"); do
    find "$folder" -maxdepth 1 \( -name '*.nxml' -o -name '*.xml' \) | while read -r file; do
        cp "$file" "$work/$copy-PMC$copy.$(basename "$file")"
    done
done
files=("$work"/*)
bytes=$(cat "${files[@]}" | wc -c)
echo "${#files[@]} articles, $bytes bytes, one core, best of 5"
best() { # name, command...
    local name="$1" best=999999 from to seconds
    shift
    for _ in 1 2 3 4 5; do
        from=$(date +%s.%N)
        taskset -c 0 "$@" >/dev/null
        to=$(date +%s.%N)
        seconds=$(awk "BEGIN { print $to - $from }")
        best=$(awk "BEGIN { print ($seconds < $best) ? $seconds : $best }")
    done
    awk -v name="$name" -v s="$best" -v b="$bytes" -v n="${#files[@]}" \
        'BEGIN { printf "%-36s %7.3f s %9.0f articles/s %8.1f MB/s\n", name, s, n / s, b / s / 1e6 }'
}
best 'rexdrug-jats, articles to text' "$REXDRUG_JATS_BIN" "${files[@]}"
best 'xmllint --stream --noout' xmllint --stream --noout --nonet "${files[@]}"
best 'cat (floor)' cat "${files[@]}"
