"""`python -m rexdrug_training.held_out`: the shipped form against fp32 on documents the weights have not seen.
Every fold's run is exported and quantised as the final one is."""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import torch

from . import data
from .crossval import FOLD_SEED, FOLDS, gold_relations
from .export import AdjustedHeads, export, load_run
from .features import load_tokenizer
from .model import encoder_folder
from .runtime import OnnxModel, sentences_per_second
from .score import four, mean_sd
from .ship import FORMS, build, relations


def main(argv: list[str] | None = None) -> None:
    """Entry point."""
    args = argparse.ArgumentParser(prog="rexdrug_training.held_out")
    args.add_argument("--data", type=Path, required=True)
    args.add_argument("--encoder")
    args.add_argument("--folder", type=Path, required=True, help="output of the crossval step")
    args.add_argument("--facts", type=Path, required=True)
    args.add_argument("--form", choices=FORMS, default="half")
    args = args.parse_args(argv)
    torch.set_num_threads(1)
    facts = json.loads(args.facts.read_text(encoding="utf-8"))
    threshold, bias = facts["decode"]["threshold"], facts["label_bias"]
    tokenizer = load_tokenizer(encoder_folder(args.encoder))
    sentences = data.load_drugcomb(args.data / "drugcomb/train.jsonl")
    parts, rows, unlike = data.folds(sentences, FOLDS, FOLD_SEED), {}, 0
    for fold in range(FOLDS):
        weights = args.folder / f"fold{fold}/model.pt"
        if not weights.exists():
            continue
        held, found = [sentences[i] for i in parts[fold]], []
        model = load_run(weights, args.encoder)
        with tempfile.TemporaryDirectory() as work:
            folder = Path(work)
            export(model, AdjustedHeads(model.heads, facts["temperature"], (bias["NEG"], bias["COMB"])), folder)
            for form, batch in (("fp32", 8), (args.form, 1 if args.form == "dynamic" else 8)):
                onnx_model = OnnxModel(folder, tokenizer, graphs=build(form, folder, sentences, tokenizer))
                got = relations(onnx_model, held, threshold, batch)
                found.append(set(got))
                scores = {k: 100 * v.f1 for k, v in four(gold_relations(held), got).items()}
                for name, value in scores.items():
                    rows.setdefault((form, name), []).append(value)
                speed = sentences_per_second(onnx_model, held, batch)
                print(json.dumps({"fold": fold, "form": form, "batch": batch, "per_second_per_core": round(speed, 1), **{k: round(v, 1) for k, v in scores.items()}}), flush=True)
        unlike += len(found[0] ^ found[1])
    for form in ("fp32", args.form):
        print(form, json.dumps({name: [round(v, 1) for v in mean_sd(values)] for (f, name), values in rows.items() if f == form}))
    print(json.dumps({"sets_unlike_fp32": unlike, "folds": len(rows["fp32", "pos_exact"])}))


if __name__ == "__main__":
    main()
