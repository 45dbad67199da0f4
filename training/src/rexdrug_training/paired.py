"""`python -m rexdrug_training.paired A B`: two cross-validations on the folds both have, sentence by sentence.
Prints F1 of each (pooled), the difference B - A and its 90 % interval over resampled sentences."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from . import data
from .crossval import FOLDS, calibration, gold_relations, load, predicted_relations
from .score import Relation, four


def by_sentence(rows: list[Relation]) -> dict[str, list[Relation]]:
    """Rows per sentence key."""
    out: dict[str, list[Relation]] = {}
    for row in rows:
        out.setdefault(row.doc, []).append(row)
    return out


def main(argv: list[str] | None = None) -> None:
    """Entry point."""
    args = argparse.ArgumentParser(prog="rexdrug_training.paired")
    args.add_argument("folders", type=Path, nargs=2)
    args.add_argument("--data", type=Path, required=True)
    args.add_argument("--encoder")
    args.add_argument("--label-bias", type=float, nargs=2, default=[0.7, 0.4], metavar=("NEG", "COMB"))
    args.add_argument("--samples", type=int, default=300)
    args = args.parse_args(argv)
    by_key = {s.key: s for s in data.load_drugcomb(args.data / "drugcomb/train.jsonl")}
    sentences = list(by_key.values())
    folds = [f for f in range(FOLDS) if all((folder / f"fold{f}.pkl").exists() for folder in args.folders)]
    found, keys = [], []
    for folder in args.folders:
        heat, rows = calibration(folder, sentences, folds)["temperature"], []
        keys = []
        for fold in folds:
            result = load(folder, fold, heat, tuple(args.label_bias))
            rows += predicted_relations([by_key[k] for k in result["keys"]], result["gold"])
            keys += result["keys"]
        found.append(by_sentence(rows))
    gold = by_sentence(gold_relations([by_key[k] for k in keys]))
    rng = np.random.default_rng(0)

    def scores(chosen: list[str]) -> np.ndarray:
        """[system, figure]; a sentence drawn twice counts as two."""
        copies = [(f"{n}:{k}", k) for n, k in enumerate(chosen)]
        pick = lambda rows: [Relation(name, r.drugs, r.label) for name, k in copies for r in rows.get(k, [])]  # noqa: E731
        return np.array([[v.f1 for v in four(pick(gold), pick(rows)).values()] for rows in found]) * 100

    names = list(four([], []))
    whole = scores(keys)
    drawn = np.array([np.diff(scores(list(rng.choice(keys, len(keys)))), axis=0)[0] for _ in range(args.samples)])
    low, high = np.percentile(drawn, [5, 95], axis=0)
    print(json.dumps({"folds": folds, "sentences": len(keys)}))
    for k, name in enumerate(names):
        print(f"{name:12} A {whole[0][k]:5.1f}  B {whole[1][k]:5.1f}  B-A {whole[1][k] - whole[0][k]:+5.1f}  [{low[k]:+5.1f}, {high[k]:+5.1f}]")


if __name__ == "__main__":
    main()
