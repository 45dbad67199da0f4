"""`python -m rexdrug_training.first_pass`: a linear model over hashed words that settles hopeless sentences.

Most sentences that name two drugs combine nothing, and words show it. The target is what the model itself states
(`rexdrug run --first-pass false`), so the figure to keep is the share of its rows that remain; the threshold is the
score below which at most `1 - recall` of them lie, in sentences of documents that the scoring fold has not seen.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
from pathlib import Path

import numpy as np
import torch

from .data import sha256_file
from .decision import fnv1a
from .parity_cases import cases

BITS, FOLDS, EPOCHS, RATE, SEED = 16, 5, 8, 0.04, 42
FILE = "first_pass.json"


def slot(feature: str) -> int:
    """32-bit FNV-1a, folded to `BITS` bits."""
    value = int(fnv1a(feature), 16)
    return (value ^ value >> 16) & ((1 << BITS) - 1)


def words(text: str) -> list[str]:
    """Lower-cased runs of letters and digits, other characters alone, white space left out; numbers are `0`."""
    out, run = [], ""
    for letter in text + " ":
        if letter.isalnum():
            run += letter
            continue
        if run:
            out.append("0" if run.isascii() and run.isdigit() else run.lower())
            run = ""
        if not letter.isspace():
            out.append(letter)
    return out


def features(text: str, mentions: list[tuple[int, int, str]]) -> list[int]:
    """Slots of a sentence; mentions are (start, end, drug id) in text order, code points."""
    tokens, last, drugs = [], 0, []
    for start, end, _ in mentions:
        if start >= last:
            tokens += words(text[last:start])
            drugs.append(len(tokens))
            tokens.append("DRUG")
            last = end
    tokens += words(text[last:])
    found = {"bias", f"n{min(len({m[2] for m in mentions}), 6)}", f"m{min(len(mentions), 8)}", f"l{min(len(tokens) // 8, 10)}"}
    found |= {"d:" + drug for _, _, drug in mentions}
    found |= {"u:" + a for a in tokens}
    found |= {f"b:{a} {b}" for a, b in zip(tokens, tokens[1:])}
    found |= {f"t:{a} {b} {c}" for a, b, c in zip(tokens, tokens[1:], tokens[2:]) if "DRUG" in (a, b, c)}
    nearest = 12
    for i, j in zip(drugs, drugs[1:]):
        nearest = min(nearest, j - i)
        found.add("g:" + " ".join(tokens[i + 1 : j]) if j - i <= 5 else f"g:far {min((j - i) // 5, 5)}")
    found.add(f"near {nearest}")
    return sorted({slot(f) for f in found})


def sql(binary: str, warehouse: Path, query: str) -> list[dict]:
    """Rows of a query over the warehouse."""
    done = subprocess.run([binary, "sql", query, "--warehouse", str(warehouse), "--format", "json"], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def examples(binary: str, warehouse: Path) -> tuple[list[list[int]], np.ndarray, list[str]]:
    """Distinct sentences with two drugs or more: their slots, whether the model states a combination, their documents."""
    stated = {row["sentence"] for row in sql(binary, warehouse, "SELECT DISTINCT sentence FROM combinations")}
    query = ("SELECT doc_id, s['text'] AS sentence, find_drugs(s['text']) AS drugs FROM "
             "(SELECT doc_id, unnest(segment_sentences(text)) AS s FROM documents) ORDER BY doc_id, s['start']")
    slots, labels, groups, seen = [], [], [], set()
    for row in sql(binary, warehouse, query):
        mentions = [(m["start"], m["end"], m["drug_id"]) for m in row["drugs"]]
        if len({m[2] for m in mentions}) < 2 or row["sentence"] in seen:
            continue
        seen.add(row["sentence"])
        slots.append(features(row["sentence"], mentions))
        labels.append(float(row["sentence"] in stated))
        groups.append(row["doc_id"])
    return slots, np.array(labels), groups


def fit(slots: list[list[int]], labels: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Weights of a logistic regression over sets of slots."""
    torch.manual_seed(SEED)
    order = random.Random(SEED)
    weights = torch.nn.EmbeddingBag(1 << BITS, 1, mode="sum")
    torch.nn.init.zeros_(weights.weight)
    optimiser = torch.optim.Adagrad(weights.parameters(), lr=RATE)
    rows = list(rows)
    for _ in range(EPOCHS):
        order.shuffle(rows)
        for start in range(0, len(rows), 64):
            part = rows[start : start + 64]
            offsets = torch.tensor(np.cumsum([0] + [len(slots[i]) for i in part[:-1]]))
            scores = weights(torch.tensor([k for i in part for k in slots[i]]), offsets)[:, 0]
            loss = torch.nn.functional.binary_cross_entropy_with_logits(scores, torch.tensor(labels[part]).float())
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return weights.weight.detach()[:, 0].numpy()


def train(slots, labels: np.ndarray, groups: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """The mean of the weights of five document-level folds, and each sentence's score by the fold that did not see it."""
    names = sorted(set(groups))
    random.Random(SEED).shuffle(names)
    fold_of = {name: place % FOLDS for place, name in enumerate(names)}
    fold = np.array([fold_of[g] for g in groups])
    scores, total = np.zeros(len(labels)), np.zeros(1 << BITS)
    for k in range(FOLDS):
        weights = fit(slots, labels, np.flatnonzero(fold != k))
        total += weights / FOLDS
        for i in np.flatnonzero(fold == k):
            scores[i] = weights[slots[i]].sum()
    return total, scores


def fixture(target: Path) -> None:
    """Slots of our own sentences: they hold the Rust side to this code."""
    rows = []
    for text, spans in cases():
        mentions = [(a, b, "seed:" + text[a:b].lower()) for a, b in spans]
        rows.append({"text": text, "mentions": mentions, "slots": features(text, mentions)})
    target.write_text(json.dumps(rows, ensure_ascii=False) + "\n", encoding="utf-8")


def main(argv: list[str] | None = None) -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="rexdrug_training.first_pass")
    parser.add_argument("--fixture", type=Path, help="write the parity cases of the Rust side to this file, and nothing else")
    parser.add_argument("--warehouse", type=Path, help="filled by `rexdrug run --first-pass false` with this model")
    parser.add_argument("--rexdrug", help="the binary")
    parser.add_argument("--model", type=Path, help=f"model folder that gets {FILE}")
    parser.add_argument("--recall", type=float, default=0.995)
    parser.add_argument("--plain", help="prefix of document ids that stand for a nightly file, e.g. pmid:9: reported apart")
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    if args.fixture:
        return fixture(args.fixture)
    if not (args.warehouse and args.rexdrug and args.model):
        parser.error("give --warehouse, --rexdrug and --model")
    slots, labels, groups = examples(args.rexdrug, args.warehouse)
    weights, scores = train(slots, labels, groups)
    plain = np.array([bool(args.plain) and g.startswith(args.plain) for g in groups])
    table = []
    for recall in (0.999, args.recall, 0.99, 0.98):
        below = scores < np.quantile(scores[labels == 1], 1 - recall)
        row = {"recall": recall, "settled": below.mean(), "settled_without_rows": below[labels == 0].mean()}
        if plain.any():
            row["settled_plain"] = below[plain].mean()
        table.append({k: round(float(v), 3) for k, v in row.items()})
        print(json.dumps(table[-1]), flush=True)
    scale = float(np.abs(weights).max()) / 127
    codes = np.clip(np.rint(weights / scale), -127, 127).astype(np.int8)
    threshold = float(np.quantile(scores[labels == 1], 1 - args.recall))
    facts = {"sentences": len(labels), "with_rows": int(labels.sum()), "out_of_fold": table}
    target = args.model / FILE
    target.write_text(json.dumps({
        "format": 1, "bits": BITS, "threshold": round(threshold, 4), "scale": scale,
        "weights": codes.tobytes().hex(), "facts": facts,
    }) + "\n", encoding="utf-8")
    manifest = json.loads((args.model / "rexdrug.json").read_text(encoding="utf-8"))
    manifest["files"][FILE] = {"sha256": sha256_file(target), "bytes": target.stat().st_size}
    manifest["scores"]["first_pass"] = facts
    (args.model / "rexdrug.json").write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(json.dumps(facts | {"threshold": threshold, "bytes": target.stat().st_size}))


if __name__ == "__main__":
    main()
