#!/usr/bin/env bash
# Makes a MEDLINE file to measure with and prints its path: tests/corpus.sh FOLDER [RECORDS]
# With the corpus generator beside the repository where it is, else from the bundled sample with new PMIDs.
set -euo pipefail
root="$(cd "$(dirname "$0")/.." && pwd)"
folder="${1:?a folder to write to}"
records="${2:-30000}"
generator="$root/../shared/tools/make_medline.py"
if [ -f "$generator" ]; then
    [ -d "$folder/baseline" ] || python3 "$generator" "$folder" --baseline 1 --updates 0 --records "$records" >/dev/null
    ls "$folder"/baseline/*.xml.gz
    exit
fi
python3 - "$root/data/sample/baseline" "$folder" "$records" <<'PYTHON'
import gzip, pathlib, re, sys
sample, folder, wanted = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), int(sys.argv[3])
xml = "".join(path.read_text("utf-8") for path in sorted(sample.glob("*.xml")))
articles = re.findall(r"<PubmedArticle>.*?</PubmedArticle>", xml, re.S)
folder.mkdir(parents=True, exist_ok=True)
path = folder / "bench26n0001.xml.gz"
with gzip.open(path, "wt", encoding="utf-8") as out:
    out.write('<?xml version="1.0" encoding="utf-8"?>\n<PubmedArticleSet>\n')
    for number in range(wanted):
        article = articles[number % len(articles)]
        pmid = re.search(r"<PMID[^>]*>(\d+)</PMID>", article).group(1)
        out.write(article.replace(f">{pmid}<", f">{90_000_000 + number}<") + "\n")
    out.write("</PubmedArticleSet>\n")
print(path)
PYTHON
