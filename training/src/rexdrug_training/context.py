"""`python -m rexdrug_training.context`: what the paragraph adds to the label of a set, without another encoder pass.

A linear label head over the words of one part of the paragraph beside the pair head's own label scores, fitted on
the out-of-fold predictions of the other folds and scored on the fold left out. P(NONE), hence which sets are
found, stays as it is, so any-exact and any-partial cannot move."""

from __future__ import annotations

import argparse
import copy
import json
from pathlib import Path

import numpy as np
import torch

from . import data
from .crossval import FOLDS, calibration, gold_relations, load, predicted_relations
from .features import load_tokenizer
from .model import encoder_folder
from .score import four, mean_sd, set_f1


def parts(path: Path, tokenizer, pieces: int) -> dict[str, dict[str, list[int]]]:
    """Word pieces per part of the paragraph and sentence."""
    out: dict[str, dict[str, list[int]]] = {}
    with open(path, encoding="utf-8") as handle:
        for item in map(json.loads, filter(str.strip, handle)):
            ids = lambda text: tokenizer.encode(text, add_special_tokens=False).ids  # noqa: E731
            before, _, after = item["paragraph"].partition(item["sentence"])
            left, right, whole = ids(before), ids(after), ids(item["paragraph"])
            for name, value in {
                "sentence": ids(item["sentence"]), "start": whole[:pieces], "around": left[len(left) - min(len(left), pieces // 2) :] + right[: pieces // 2],
                "end": whole[-pieces:], "whole": whole,
            }.items():
                out.setdefault(name, {})[item["doc_id"]] = value
    return out


def words(chosen: dict[str, list[int]], keys: list[str], known: list[str]) -> np.ndarray:
    """Rows of unit length: which pieces occur, weighted by rarity; only pieces of 3 to 60 % of `known`."""
    count: dict[int, int] = {}
    for key in known:
        for piece in set(chosen[key]):
            count[piece] = count.get(piece, 0) + 1
    kept = {p: i for i, p in enumerate(sorted(p for p, n in count.items() if 3 <= n < 0.6 * len(known)))}
    rarity = {p: np.log((len(known) + 1) / (count[p] + 1)) for p in kept}
    out = np.zeros((len(keys), len(kept)), np.float32)
    for row, key in enumerate(keys):
        for piece in set(chosen[key]) & kept.keys():
            out[row, kept[piece]] = rarity[piece]
    return out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-6)


def fit(scores: np.ndarray, shown: np.ndarray, labels: np.ndarray, weight: np.ndarray, ridge: float):
    """logits = a * scores + b + shown W, by L-BFGS on the weighted cross-entropy."""
    z, x, w = (torch.tensor(v, dtype=torch.float32) for v in (scores, shown, weight))
    y = torch.tensor(labels)
    a = torch.ones(1, dtype=z.dtype, requires_grad=True)
    b = torch.zeros(3, dtype=z.dtype, requires_grad=True)
    table = torch.zeros(x.shape[1], 3, dtype=z.dtype, requires_grad=True)
    optimiser = torch.optim.LBFGS([a, b, table], max_iter=60, line_search_fn="strong_wolfe")

    def step():
        optimiser.zero_grad()
        loss = (torch.nn.functional.cross_entropy(a * z + b + x @ table, y, reduction="none") * w).sum() + ridge * (table**2).sum()
        loss.backward()
        return loss

    optimiser.step(step)
    return float(a.detach()), b.detach().numpy(), table.detach().numpy()


def relabel(row: np.ndarray, a: float, shift: np.ndarray) -> np.ndarray:
    """Label probabilities with new logits for POS, NEG and COMB; P(NONE) unchanged."""
    linked = np.log(np.clip(row[:, 1:], 1e-9, 1))
    logits = a * (linked - np.log(np.exp(linked).sum(1, keepdims=True))) + shift
    logits = np.exp(logits - logits.max(1, keepdims=True))
    return np.concatenate([row[:, :1], logits / logits.sum(1, keepdims=True) * (1 - row[:, :1])], 1)


def main(argv: list[str] | None = None) -> None:
    """Entry point."""
    args = argparse.ArgumentParser(prog="rexdrug_training.context")
    args.add_argument("--data", type=Path, required=True)
    args.add_argument("--encoder")
    args.add_argument("--folder", type=Path, required=True, help="output of the crossval step")
    args.add_argument("--pieces", type=int, default=120)
    args.add_argument("--ridge", type=float, default=0.15)
    args.add_argument("--bias", type=float, nargs=2, default=[0.0, 0.0], metavar=("NEG", "COMB"), help="added after the fit")
    args = args.parse_args(argv)
    torch.set_num_threads(1)
    path = args.data / "drugcomb/train.jsonl"
    by_key = {s.key: s for s in data.load_drugcomb(path)}
    folds = [f for f in range(FOLDS) if (args.folder / f"fold{f}.pkl").exists()]
    heat = calibration(args.folder, list(by_key.values()), folds)["temperature"]
    results = [load(args.folder, f, heat) for f in folds]
    keys = [k for r in results for k in r["keys"]]
    owner = {k: n for n, r in enumerate(results) for k in r["keys"]}
    place = {k: n for n, k in enumerate(keys)}
    rows = []  # fold, sentence, label scores, label, weight: pairs that gold links
    for n, result in enumerate(results):
        for key, p in zip(result["keys"], result["gold"]):
            for pair, row in zip(p.pairs, p.probabilities):
                label = by_key[key].pairs.get((min(pair), max(pair)), 0)
                if label:
                    linked = np.log(np.clip(row[1:], 1e-9, 1))
                    rows.append((n, place[key], linked - np.log(np.exp(linked).sum()), label - 1, len(p.pairs) ** -0.5))
    fold, at, z, y, w = (np.array(column) for column in zip(*rows))
    sources = {"none": None, **parts(path, load_tokenizer(encoder_folder(args.encoder)), args.pieces)}
    for name, chosen in sources.items():
        figures, gold_all, found_all, right, total = {}, set(), set(), 0.0, 0.0
        for n, result in enumerate(results):
            known = [k for k in keys if owner[k] != n]
            shown = words(chosen, keys, known) if chosen else np.zeros((len(keys), 1), np.float32)
            train = fold != n
            a, b, table = fit(z[train], shown[at[train]], y[train], w[train], args.ridge)
            new = b + shown @ table
            test = ~train
            right += float((((a * z[test] + new[at[test]]).argmax(1) == y[test]) * w[test]).sum())
            total += float(w[test].sum())
            held = [by_key[k] for k in result["keys"]]
            predictions = copy.deepcopy(result["gold"])
            for key, p in zip(result["keys"], predictions):
                if len(p.pairs):
                    p.probabilities = relabel(p.probabilities, a, new[place[key]] + np.array([0.0, *args.bias]))
            gold, found = gold_relations(held), predicted_relations(held, predictions)
            gold_all |= set(gold)
            found_all |= set(found)
            for figure, prf in four(gold, found).items():
                figures.setdefault(figure, []).append(100 * prf.f1)
        labels = {l: round(100 * set_f1({g for g in gold_all if g.label == l}, {f for f in found_all if f.label == l}).f1, 1) for l in ("POS", "NEG", "COMB")}
        print(name, json.dumps({"label_accuracy": round(100 * right / total, 1)} | {k: [round(v, 1) for v in mean_sd(vs)] for k, vs in figures.items()} | labels), flush=True)


if __name__ == "__main__":
    main()
