"""`python -m rexdrug_training.curve`: precision and recall by `--min-confidence`, out of fold, as CSV and SVG."""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path

from . import data
from .crossval import FOLDS, load
from .decode import decode

CUTS = [round(0.05 * k, 2) for k in range(10, 20)] + [0.97, 0.99]
SYSTEMS = {"gold": "gold mentions", "lexicon_first": "end to end"}
COLOURS = {"gold": "#1b6ca8", "lexicon_first": "#c8553d"}


def scored(result: dict, by_key: dict, system: str, threshold: float, mention_threshold: float):
    """(confidence, exact set right, set and label right) per decoded set, and the number of gold sets."""
    rows, total = [], 0
    spans, predictions = (None, result["gold"]) if system == "gold" else result[system]
    for position, (key, prediction) in enumerate(zip(result["keys"], predictions)):
        sentence = by_key[key]
        found = spans[position] if spans else sentence.mentions
        place = {span: i for i, span in enumerate(sentence.mentions)}
        truth = dict(sentence.sets)
        total += len(truth)
        keep = None if system == "gold" else prediction.mention >= mention_threshold
        for members, label, confidence in decode(len(found), prediction.pairs, prediction.probabilities, threshold, keep):
            ids = frozenset(place.get(found[m], 1000 + m) for m in members)
            rows.append((confidence, ids in truth, truth.get(ids) == label))
    return rows, total


def curve(folder: Path, sentences, folds, heat: tuple, threshold: float, mention_threshold: float) -> list[dict]:
    """One row per system and value of --min-confidence."""
    by_key, out = {s.key: s for s in sentences}, []
    loaded = [load(folder, fold, *heat) for fold in folds]
    for system, name in SYSTEMS.items():
        rows, total = [], 0
        for result in loaded:
            part, count = scored(result, by_key, system, threshold, mention_threshold)
            rows, total = rows + part, total + count
        for cut in CUTS:
            kept = [row for row in rows if row[0] >= cut]
            if kept:
                hits, labelled = sum(r[1] for r in kept), sum(r[2] for r in kept)
                out.append({
                    "mentions": name, "min_confidence": cut, "sets": len(kept),
                    "precision": round(hits / len(kept), 3), "recall": round(hits / total, 3),
                    "precision_with_label": round(labelled / len(kept), 3), "recall_with_label": round(labelled / total, 3),
                })
    return out


def svg(rows: list[dict], folds: int) -> str:
    """Recall to the right, precision upwards, both from 0 to 1; a dot per value of --min-confidence."""
    width, height, left, top = 640, 420, 60, 20
    x = lambda v: left + v * (width - left - 20)  # noqa: E731
    y = lambda v: top + (1 - v) * (height - top - 50)  # noqa: E731
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
    ]
    for step in range(0, 11, 2):
        v = step / 10
        out.append(f'<path d="M{x(v):.1f} {y(0):.1f}V{y(1):.1f}M{x(0):.1f} {y(v):.1f}H{x(1):.1f}" stroke="#ddd"/>')
        out.append(f'<text x="{x(v):.1f}" y="{y(0) + 16:.1f}" text-anchor="middle">{v:.1f}</text>')
        out.append(f'<text x="{x(0) - 8:.1f}" y="{y(v) + 4:.1f}" text-anchor="end">{v:.1f}</text>')
    out.append(f'<text x="{x(0.5):.1f}" y="{height - 10}" text-anchor="middle">recall of gold sets (exact members)</text>')
    out.append(f'<text transform="translate(16 {y(0.5):.1f}) rotate(-90)" text-anchor="middle">precision</text>')
    place = 0
    for system, name in SYSTEMS.items():
        for kind, dash in (("", ""), ("_with_label", ' stroke-dasharray="5 4"')):
            mine = [r for r in rows if r["mentions"] == name]
            if not mine:
                continue
            points = [(x(r["recall" + kind]), y(r["precision" + kind]), r["min_confidence"]) for r in mine]
            line = " ".join(f"{a:.1f},{b:.1f}" for a, b, _ in points)
            out.append(f'<polyline points="{line}" fill="none" stroke="{COLOURS[system]}" stroke-width="2"{dash}/>')
            for a, b, cut in points:
                out.append(f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3" fill="{COLOURS[system]}"><title>--min-confidence {cut}</title></circle>')
                if not kind and system == "gold" and cut in (0.5, 0.7, 0.8, 0.9, 0.95):
                    out.append(f'<text x="{a + 6:.1f}" y="{b - 6:.1f}">{cut}</text>')
            row = y(0) - 70 + 16 * place
            place += 1
            out.append(f'<path d="M{x(0.03):.1f} {row - 4:.1f}h28" stroke="{COLOURS[system]}" stroke-width="2"{dash}/>')
            out.append(f'<text x="{x(0.03) + 34:.1f}" y="{row:.1f}">{name}{", label right too" if kind else ", any label"}</text>')
    out.append(f"<desc>Out of fold, {folds} folds of DrugComb train, pooled.</desc></svg>")
    return "\n".join(out) + "\n"


def main(argv: list[str] | None = None) -> None:
    """Entry point."""
    args = argparse.ArgumentParser(prog="rexdrug_training.curve")
    args.add_argument("--data", type=Path, required=True)
    args.add_argument("--encoder")
    args.add_argument("--folder", type=Path, required=True, help="output of the crossval step")
    args.add_argument("--facts", type=Path, required=True, help="temperature, label shift and thresholds in use")
    args.add_argument("--out", type=Path, required=True, help="path without ending; .csv and .svg are written")
    args = args.parse_args(argv)
    facts = json.loads(args.facts.read_text(encoding="utf-8"))
    bias, decoding = facts["label_bias"], facts["decode"]
    folds = [f for f in range(FOLDS) if (args.folder / f"fold{f}.pkl").exists()]
    rows = curve(
        args.folder, data.load_drugcomb(args.data / "drugcomb/train.jsonl"), folds,
        (facts["temperature"], (bias["NEG"], bias["COMB"])), decoding["threshold"], decoding["mention_threshold"],
    )
    args.out.parent.mkdir(parents=True, exist_ok=True)
    with open(args.out.with_suffix(".csv"), "w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, rows[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    args.out.with_suffix(".svg").write_text(svg(rows, len(folds)), encoding="utf-8")
    for row in rows:
        print(json.dumps(row))


if __name__ == "__main__":
    main()
