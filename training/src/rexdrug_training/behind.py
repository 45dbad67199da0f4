"""`python -m rexdrug_training.behind FIRST SECOND`: a cascade of two cross-validations, out of fold. The first model settles the
sentences in which no pair reaches LOW (`--cascade either:LOW`), the second answers the others; gold mentions."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from . import data
from .crossval import FOLDS, calibration, gold_relations, load, predicted_relations
from .score import four, mean_sd


def main(argv: list[str] | None = None) -> None:
    """Entry point."""
    args = argparse.ArgumentParser(prog="rexdrug_training.behind")
    args.add_argument("folders", type=Path, nargs=2, metavar="FOLDER", help="outputs of crossval: the first model's, the second's")
    args.add_argument("--data", type=Path, required=True)
    args.add_argument("--label-bias", type=float, nargs=2, default=[0.4, 0.0], metavar=("NEG", "COMB"))
    args.add_argument("--low", type=float, nargs="+", default=[0.0, 0.05, 0.1, 0.2, 0.3])
    args = args.parse_args(argv)
    sentences = data.load_drugcomb(args.data / "drugcomb/train.jsonl")
    by_key = {s.key: s for s in sentences}
    heats = [calibration(folder, sentences, list(range(FOLDS)))["temperature"] for folder in args.folders]
    runs = [[load(folder, f, heat, tuple(args.label_bias)) for f in range(FOLDS)] for folder, heat in zip(args.folders, heats)]
    for low in args.low:
        rows: dict[str, list[float]] = {}
        sent = 0
        for one, two in zip(*runs):
            if one["keys"] != two["keys"]:
                raise SystemExit("the two cross-validations have other folds; expected the same sentences in the same order")
            going_on = {k for k, p in zip(one["keys"], one["gold"]) if len(p.pairs) and 1 - p.probabilities[:, 0].min() >= low}
            sent += len(going_on)
            held = [by_key[k] for k in two["keys"]]
            found = [r for r in predicted_relations(held, two["gold"]) if r.doc in going_on]
            for name, value in four(gold_relations(held), found).items():
                rows.setdefault(name, []).append(100 * value.f1)
        print(json.dumps({"low": low, "sent": round(sent / len(sentences), 3), **{n: round(mean_sd(v)[0], 1) for n, v in rows.items()}}))


if __name__ == "__main__":
    main()
