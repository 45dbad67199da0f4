"""`python -m rexdrug_training.ship`: trained run -> model folder; also measures the quantised forms."""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
import torch

from . import data, nibbles, quantise
from .crossval import gold_relations
from .decode import decode
from .export import AdjustedHeads, export, load_run
from .features import load_tokenizer
from .model import encoder_folder
from .package import training_data, write
from .runtime import OnnxModel, sentences_per_second, softmax
from .score import Relation, four

FORMS = ("fp32", "half", "nibble", "weight_only", "static", "dynamic")


def build(form: str, folder: Path, sentences, tokenizer) -> tuple[Path, Path]:
    """Both graphs in one of the forms, made from `folder/model.onnx` and `folder/pairs.onnx`."""
    source, heads = folder / "model.onnx", folder / "pairs.onnx"
    target = folder / f"{form}.onnx"
    if form == "fp32":
        return source, heads
    if form == "nibble":
        nibbles.nibble(source, target)
        nibbles.bytewise(heads, folder / "nibble.pairs.onnx")
        return target, folder / "nibble.pairs.onnx"
    if form == "static":
        quantise.static(source, target, sentences[:: max(1, len(sentences) // 100)], tokenizer)
    else:
        getattr(quantise, form)(source, target)
    return target, heads


def relations(model: OnnxModel, sentences, threshold: float, batch: int) -> list[Relation]:
    """Decoded sets of the ONNX model with gold mentions."""
    out = []
    order = sorted(sentences, key=lambda s: len(s.text))
    for start in range(0, len(order), batch):
        for item, logits, _, _ in model.run(order[start : start + batch]):
            for members, label, _ in decode(len(item.spans), item.pairs, softmax(logits), threshold):
                out.append(Relation(item.sentence.key, tuple(item.origin[m] for m in members), label))
    return out


def parity_with_torch(model, heads, onnx_model: OnnxModel, sentences, tokenizer) -> dict[str, float]:
    """Largest difference of pair logits: ONNX against torch, and one sentence against a batch."""
    from .features import collate, featurise

    torch_gap = batch_gap = 0.0
    together = onnx_model.run(sentences)
    for sentence, (_, in_batch, _, _) in zip(sentences, together):
        alone = onnx_model.run([sentence])[0][1]
        batch = collate([featurise(sentence, tokenizer)])
        with torch.no_grad():
            hidden, _ = model.encode(batch.input_ids, batch.attention_mask, batch.token_type_ids)
            expected = heads(hidden, batch.mentions, batch.pairs)[0].numpy()
        if len(expected):
            torch_gap = max(torch_gap, float(np.abs(expected - alone).max()))
            batch_gap = max(batch_gap, float(np.abs(in_batch - alone).max()))
    return {"onnx_vs_torch": torch_gap, "one_vs_batch": batch_gap}


def main(argv: list[str] | None = None) -> None:
    """Entry point."""
    args = argparse.ArgumentParser(prog="rexdrug_training.ship")
    args.add_argument("--weights", type=Path, required=True, help="model.pt of the final run")
    args.add_argument("--data", type=Path, required=True)
    args.add_argument("--encoder")
    args.add_argument("--out", type=Path, required=True)
    args.add_argument("--task", choices=("drugcomb", "ddi13"), default="drugcomb")
    args.add_argument("--name", help="default: the name of --out")
    args.add_argument("--form", choices=FORMS, default="half")
    args.add_argument("--facts", type=Path, help="JSON with decode, temperature, recipe, scores, items")
    args.add_argument("--compare", action="store_true", help="measure all forms, write nothing")
    args = args.parse_args(argv)
    if args.compare and args.task != "drugcomb":
        raise SystemExit("--compare measures sets of drugs; expected --task drugcomb, got ddi13")
    torch.set_num_threads(1)
    facts = json.loads(args.facts.read_text(encoding="utf-8")) if args.facts else {}
    settings = {"method": "average_link" if args.task == "drugcomb" else "pairs", "threshold": 0.5, "mention_threshold": 0.5, "tag_threshold": 0.5, **facts.get("decode", {})}
    tokenizer = load_tokenizer(encoder_folder(args.encoder))
    model = load_run(args.weights, args.encoder)
    bias = facts.get("label_bias", {"NEG": 0.0, "COMB": 0.0})
    shift = (bias["NEG"], bias["COMB"]) if args.task == "drugcomb" else (0.0, 0.0, 0.0)
    heads = AdjustedHeads(model.heads, facts.get("temperature", 1.0), shift, args.task).eval()
    load = data.load_drugcomb if args.task == "drugcomb" else data.load_ddi13
    sentences = load(args.data / args.task / "train.jsonl")
    sample = sentences[::7]
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        export(model, heads, folder, args.task)
        reference = OnnxModel(folder, tokenizer)
        gaps = parity_with_torch(model, heads, reference, sample[:40], tokenizer)
        print(json.dumps(gaps), flush=True)
        if max(gaps.values()) > 1e-3:
            raise SystemExit(f"export differs from torch: {gaps}; expected at most 1e-3")
        if args.compare:
            expected = relations(reference, sample, settings["threshold"], 8)
            for form in FORMS:
                graphs = build(form, folder, sentences, tokenizer)
                for size in (1, 8):
                    other = OnnxModel(folder, tokenizer, graphs=graphs)
                    got = relations(other, sample, settings["threshold"], size)
                    scores = {k: round(100 * v.f1, 1) for k, v in four(gold_relations(sample), got).items()}
                    speed = sentences_per_second(other, sample, size)
                    print(json.dumps({"form": form, "batch": size, "MB": round(sum(g.stat().st_size for g in graphs) / 1e6, 1), "per_second_per_core": round(speed, 1),
                                      "sets_unlike_fp32": len(set(got) ^ set(expected)), **scores}), flush=True)
            return
        for graph, name in zip(build(args.form, folder, sentences, tokenizer), ("model.onnx", "pairs.onnx")):
            graph.replace(folder / name)
        write(args.out, folder, {
            "name": args.name or args.out.name, "task": args.task, "layers": model.encoder.config.num_hidden_layers, "invariant": args.form != "dynamic", "decode": settings,
            "calibration": {"temperature": 1.0, "folded_temperature": facts.get("temperature", 1.0),
                            **({"folded_label_bias": bias} if args.task == "drugcomb" else {}), **facts.get("calibration", {})},
            "training_data": training_data(args.data, facts.get("items", {args.task: len(sentences)})),
            "recipe": {"form": args.form, **facts.get("recipe", {})}, "scores": facts.get("scores", {"cross_validation": {}}),
            "encoder": encoder_folder(args.encoder), "tokenizer": tokenizer,
        })


if __name__ == "__main__":
    main()
