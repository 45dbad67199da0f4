#!/usr/bin/env bash
# Requests that commits make to an S3 server (moto, on loopback): REXDRUG_BIN=… REXDRUG_TEST_PYTHON=… FILES=120 tests/requests.sh
# Files of 50 citations that replace no document of another file.
set -euo pipefail
: "${REXDRUG_BIN:?the rexdrug binary}" "${REXDRUG_TEST_PYTHON:?the Python of make readers}"
files=${FILES:-40}
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$work"' EXIT

"$REXDRUG_TEST_PYTHON" - "$work/in" "$files" <<'PY'
import gzip, pathlib, sys
folder, files = pathlib.Path(sys.argv[1]), int(sys.argv[2])
folder.mkdir()
citation = (
    '<PubmedArticle><MedlineCitation Status="MEDLINE" Owner="NLM"><PMID Version="1">{0}</PMID><Article PubModel="Print">'
    "<Journal><Title>J</Title></Journal><ArticleTitle>Report {0}.</ArticleTitle><Abstract><AbstractText>Nothing came first. "
    "Cisplatin was given with gemcitabine in arm {0}.</AbstractText></Abstract></Article></MedlineCitation></PubmedArticle>"
)
for number in range(1, files + 1):
    text = "".join(citation.format(number * 1000 + record) for record in range(50))
    with gzip.open(folder / f"req26n{number:04}.xml.gz", "wt") as file:
        file.write(f"<?xml version=\"1.0\"?>\n<PubmedArticleSet>{text}</PubmedArticleSet>\n")
PY

port=$("$REXDRUG_TEST_PYTHON" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$REXDRUG_TEST_PYTHON" -m moto.server -H 127.0.0.1 -p "$port" 2>"$work/log" >/dev/null &
server=$!
export AWS_ENDPOINT_URL="http://127.0.0.1:$port" AWS_ACCESS_KEY_ID=t AWS_SECRET_ACCESS_KEY=t AWS_REGION=us-east-1 AWS_ALLOW_HTTP=true
"$REXDRUG_TEST_PYTHON" - <<'PY'
import boto3, botocore.config, os
config = botocore.config.Config(retries={"max_attempts": 20, "mode": "standard"})
boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL"], config=config).create_bucket(Bucket="lit")
PY
before=$(wc -c <"$work/log")
"$REXDRUG_BIN" run "$work/in" --warehouse s3://lit/w --model scripted:keyword=with --top 0 2>/dev/null
tail -c "+$((before + 1))" "$work/log" | grep -aoE '"(GET|HEAD|PUT|POST|DELETE) ' | sort | uniq -c |
  awk -v files="$files" '{ sub(/"/, "", $2); printf "%-6s %7d, %.1f a file\n", $2, $1, $1 / files; all += $1 }
    END { printf "all    %7d, %.1f a file\n", all, all / files }'
