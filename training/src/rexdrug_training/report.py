"""`python -m rexdrug_training.report`: out-of-fold predictions -> table, thresholds, calibration, facts.json."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from . import data
from .cli import intermediate_sentences
from .crossval import FOLDS, calibration, gold_relations, load, predicted_relations, report
from .decode import decode
from .score import four, mean_sd, set_f1
from .train import Recipe


def percent(values: dict) -> dict:
    """(mean, sd) fractions as rounded percentages."""
    return {name: [round(100 * v, 1) for v in pair] for name, pair in values.items()}


def sweep(folder: Path, sentences, folds, union_name: str | None, thresholds, mention_thresholds, heat) -> list[dict]:
    """Mean over folds of the four figures for every pair of thresholds."""
    by_key, rows = {s.key: s for s in sentences}, []
    loaded = [load(folder, f, *heat) for f in folds]
    for cut in thresholds:
        for mention_cut in mention_thresholds:
            figures: dict[str, list[float]] = {}
            for result in loaded:
                held = [by_key[k] for k in result["keys"]]
                spans, predictions = result[union_name] if union_name else (None, result["gold"])
                got = four(gold_relations(held), predicted_relations(held, predictions, cut, spans, mention_cut))
                for name, prf in got.items():
                    figures.setdefault(name, []).append(prf.f1)
            rows.append({"threshold": cut, "mention_threshold": mention_cut, **{n: round(100 * mean_sd(v)[0], 1) for n, v in figures.items()}})
    return rows


def by_label(folder: Path, sentences, folds, threshold: float, heat: tuple) -> dict:
    """Exact-set F1 per label, gold mentions, pooled over the folds."""
    by_key, gold, predicted = {s.key: s for s in sentences}, set(), set()
    for fold in folds:
        result = load(folder, fold, *heat)
        held = [by_key[k] for k in result["keys"]]
        gold |= set(gold_relations(held))
        predicted |= set(predicted_relations(held, result["gold"], threshold))
    return {
        label: round(100 * set_f1({g for g in gold if g.label == label}, {p for p in predicted if p.label == label}).f1, 1)
        for label in ("POS", "NEG", "COMB")
    }


def precision_at_confidence(folder: Path, sentences, folds, threshold: float, heat: tuple) -> list[dict]:
    """For --min-confidence: precision and recall of the sets (any label, exact) at or above each value."""
    by_key, rows, total = {s.key: s for s in sentences}, [], 0
    for fold in folds:
        result = load(folder, fold, *heat)
        for key, prediction in zip(result["keys"], result["gold"]):
            sentence = by_key[key]
            truth = {m for m, _ in sentence.sets}
            total += len(truth)
            for members, _, confidence in decode(len(sentence.mentions), prediction.pairs, prediction.probabilities, threshold):
                rows.append((confidence, frozenset(members) in truth))
    out = []
    for cut in (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95):
        kept = [hit for confidence, hit in rows if confidence >= cut]
        if kept:
            out.append({"min_confidence": cut, "precision": round(float(np.mean(kept)), 3), "recall": round(sum(kept) / total, 3)})
    return out


def main(argv: list[str] | None = None) -> None:
    """Entry point."""
    args = argparse.ArgumentParser(prog="rexdrug_training.report")
    args.add_argument("--data", type=Path, required=True)
    args.add_argument("--encoder")
    args.add_argument("--recipe", type=Path)
    args.add_argument("--folder", type=Path, required=True, help="output of the crossval step")
    args.add_argument("--facts", type=Path, help="written for the ship step")
    args.add_argument("--threshold", type=float, default=0.5)
    args.add_argument("--mention-threshold", type=float, default=0.7)
    args.add_argument("--label-bias", type=float, nargs=2, default=[0.4, 0.0], metavar=("NEG", "COMB"), help="logit shift against POS")
    args.add_argument("--tag-threshold", type=float, default=0.7)
    args.add_argument("--trained-on", nargs="+", default=["drugcomb", "ddi13", "bc5cdr"], help="data sets of the runs, for the facts")
    args = args.parse_args(argv)
    sentences = data.load_drugcomb(args.data / "drugcomb/train.jsonl")
    folds = [f for f in range(FOLDS) if (args.folder / f"fold{f}.pkl").exists()]
    scale = calibration(args.folder, sentences, folds)
    heat = (scale["temperature"], tuple(args.label_bias))
    figures = report(args.folder, sentences, folds, args.threshold, args.threshold, args.mention_threshold, *heat)
    table = {k: percent(v) for k, v in figures.items()}
    print(json.dumps(table, indent=1))
    for name, mention_cuts in ((None, [0.0]), ("tagger_first", [0.0, 0.3, 0.5, 0.7]), ("lexicon_first", [0.0, 0.3, 0.5, 0.7])):
        for row in sweep(args.folder, sentences, folds, name, [0.35, 0.4, 0.45, 0.5, 0.55], mention_cuts, heat):
            print(name or "gold", json.dumps(row))
    curve = precision_at_confidence(args.folder, sentences, folds, args.threshold, heat)
    labels = by_label(args.folder, sentences, folds, args.threshold, heat)
    print(json.dumps({"calibration": scale, "exact_f1_by_label": labels}), *map(json.dumps, curve), sep="\n")
    if args.facts:
        used = sentences + intermediate_sentences(args.data, Recipe().seed)
        args.facts.write_text(json.dumps({
            "decode": {"threshold": args.threshold, "mention_threshold": args.mention_threshold, "tag_threshold": args.tag_threshold},
            "temperature": heat[0],
            "label_bias": {"NEG": heat[1][0], "COMB": heat[1][1]},
            "calibration": {"ece_before": scale["ece_before"], "ece_after": scale["ece_after"], "precision_at_confidence": curve},
            "recipe": json.loads(args.recipe.read_text(encoding="utf-8")) if args.recipe else {},
            "items": {t: sum(s.task == t for s in used) for t in args.trained_on},
            "scores": {"cross_validation": {"folds": len(folds), "rule": "leaderboard, mean and sd of F1 in percent", "exact_f1_by_label": labels, **table}},
        }, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
