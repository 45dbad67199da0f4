"""`python -m rexdrug_training.mention_cli fit`: refits the mention decision to the tagger of a cross-validation and
puts `mentions.json` into a model folder."""

from __future__ import annotations

import argparse
import json
import random
import subprocess
from pathlib import Path

import numpy as np
import torch

from . import data
from .candidates import LexiconMention, Pieces
from .crossval import FOLD_SEED, FOLDS, adjust, gold_relations, predicted_relations
from .data import Sentence
from .decision import Decision, Example, cross_validate, mention_f1
from .features import load_tokenizer
from .mentions import union
from .model import encoder_folder
from .parity_cases import cases
from .predict import encode_all, predict_pairs, tagger_spans
from .score import four, mean_sd
from .train import Recipe, checkpoint_weights, new_model

THRESHOLDS = (0.2, 0.3, 0.4, 0.5, 0.6)


def lexicon_mentions(sentences: list[Sentence], source: Path) -> list[list[LexiconMention]]:
    """Of every sentence: from a file with one JSON list per line, or from the `rexdrug` binary itself."""
    if source.suffix == ".jsonl":
        lines = source.read_text(encoding="utf-8").rstrip("\n").split("\n")
    else:
        given = "".join(json.dumps(s.text) + "\n" for s in sentences)
        lines = subprocess.run([source, "lexicon", "find"], input=given, capture_output=True, text=True, check=True, encoding="utf-8").stdout.rstrip("\n").split("\n")
    if len(lines) != len(sentences):
        raise ValueError(f"{source}: {len(lines)} lines for {len(sentences)} sentences; expected one list of mentions per sentence")
    rows = []
    for line in lines:
        rows.append([LexiconMention(*(m.values() if isinstance(m, dict) else m)) for m in json.loads(line)])
    return rows


def example(sentence: Sentence, known: list[LexiconMention], encoded) -> Example:
    """What the decision sees of an encoded sentence."""
    return Example(sentence.group, sentence.text, known, Pieces(encoded.offsets, encoded.tags.astype(float)), sentence.mentions).prepare()


def run_model(args: argparse.Namespace, fold: int):
    """The model of one fold: `model.pt`, or the last checkpoint of a run that was stopped."""
    place = args.runs / f"fold{fold}"
    file, run = place / "model.pt", place / "run.json"
    recipe = Recipe.of(json.loads(run.read_text(encoding="utf-8"))["recipe"]) if run.exists() else Recipe()
    model = new_model(args.encoder, recipe)
    weights = torch.load(file, map_location="cpu", weights_only=True) if file.exists() else checkpoint_weights(place)
    model.load_state_dict(weights)
    return model.eval()


def percent(values: list[tuple[float, ...]]) -> list[list[float]]:
    """Mean and standard deviation per column, in percent."""
    return [[round(100 * v, 1) for v in mean_sd(list(column))] for column in zip(*values)]


def end_to_end(model, held, encoded, tokenizer, spans, args) -> list[float]:
    """The four F1 with these mentions."""
    predictions = predict_pairs(model, held, encoded, tokenizer, spans)
    for p in predictions:
        p.probabilities = adjust(p.probabilities, args.temperature, tuple(args.label_bias))
    return [v.f1 for v in four(gold_relations(held), predicted_relations(held, predictions, 0.5, spans)).values()]


def fit(args: argparse.Namespace) -> None:
    """Cross-validation table, then the decision over all of DrugComb train with out-of-fold tagger output."""
    tokenizer = load_tokenizer(encoder_folder(args.encoder))
    sentences = data.load_drugcomb(args.data / "drugcomb/train.jsonl")
    known = lexicon_mentions(sentences, args.lexicon)
    parts = data.folds(sentences, FOLDS, FOLD_SEED)
    examples: list[Example | None] = [None] * len(sentences)
    tagger: list = [None] * len(sentences)
    for fold, part in enumerate(parts):
        held = [sentences[i] for i in part]
        encoded = encode_all(run_model(args, fold), held, tokenizer)
        spans = tagger_spans(held, encoded, 0.7)
        for index, sentence, states, found in zip(part, held, encoded, spans):
            examples[index], tagger[index] = example(sentence, known[index], states), found
    figures, kept = cross_validate(examples, parts, THRESHOLDS)  # type: ignore[arg-type]
    gold = [s.mentions for s in sentences]
    table = {f"decision {t}": percent(rows) for t, rows in figures.items()}
    names = [[(m.start, m.end) for m in row] for row in known]
    both = [union(a, b) for a, b in zip(names, tagger)]
    for name, found in (("lexicon", names), ("tagger 0.7", tagger), ("lexicon and tagger", both)):
        table[name] = percent([mention_f1([gold[i] for i in part], [found[i] for i in part]) for part in parts])
    for name, row in table.items():
        print(f"mentions {name}: F1, P, R {row}", flush=True)
    if args.kept:
        args.kept.write_text("".join(json.dumps({"key": s.key, "spans": [[a, b, round(z, 3)] for (a, b), z in row]}) + "\n" for s, row in zip(sentences, kept)), encoding="utf-8")
    least = np.log(args.threshold / (1 - args.threshold))
    systems: dict[str, list] = {"gold": [], "lexicon and tagger": [], "decision": []}
    for fold, part in enumerate(parts if args.end_to_end else []):
        model, held = run_model(args, fold), [sentences[i] for i in part]
        encoded = encode_all(model, held, tokenizer)
        chosen = [[s for s, z in kept[i] if z > least] for i in part]
        for name, spans in (("gold", [gold[i] for i in part]), ("lexicon and tagger", [both[i] for i in part]), ("decision", chosen)):
            systems[name].append(end_to_end(model, held, encoded, tokenizer, spans, args))
    scores = {name: percent(rows) for name, rows in systems.items() if rows}
    for name, row in scores.items():
        print(f"end to end {name}: pos_exact, pos_partial, any_exact, any_partial {row}", flush=True)
    decision = Decision.fit(examples, threshold=args.threshold)  # type: ignore[arg-type]
    if args.transfer:
        transfer(args, decision, tokenizer)
    if args.model:
        install(args, decision, {"rule": "exact offsets, five folds of DrugComb train, mean and sd in percent: F1, precision, recall", "mentions": table, "end_to_end": scores})


def transfer(args: argparse.Namespace, decision: Decision, tokenizer) -> None:
    """The decision on corpora that it was not fitted to, with the model of fold 0."""
    model = run_model(args, 0)
    for name, sentences in (("ddi13 train", data.load_ddi13(args.data / "ddi13/train.jsonl")), ("bc5cdr devel", data.load_bc5cdr(args.data / "bc5cdr/chem-devel.iob.tsv"))):
        known = lexicon_mentions(sentences, args.lexicon)
        encoded = encode_all(model, sentences, tokenizer)
        gold = [s.mentions for s in sentences]
        examples = [example(s, k, e) for s, k, e in zip(sentences, known, encoded)]
        systems = {"lexicon": [[(m.start, m.end) for m in row] for row in known], "tagger 0.7": tagger_spans(sentences, encoded, 0.7)}
        for t in (0.2, args.threshold):
            systems[f"decision {t}"] = [[s for s, _ in decision.select(e, t)] for e in examples]
        for system, found in systems.items():
            print(f"{name} {system}: F1, P, R {[round(100 * v, 1) for v in mention_f1(gold, found)]}", flush=True)


def install(args: argparse.Namespace, decision: Decision, scores: dict) -> None:
    """Writes `mentions.json` into the model folder and its digest into `rexdrug.json`."""
    target = args.model / "mentions.json"
    decision.write(target, {"trained_on": "drugcomb train, out-of-fold tagger output", "scores": scores})
    manifest = json.loads((args.model / "rexdrug.json").read_text(encoding="utf-8"))
    manifest["files"][target.name] = {"sha256": data.sha256_file(target), "bytes": target.stat().st_size}
    manifest.setdefault("scores", {})["mentions"] = scores
    (args.model / "rexdrug.json").write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{target}: {target.stat().st_size} bytes", flush=True)


def fixture(args: argparse.Namespace) -> None:
    """Cases that hold the Rust side to this code: our own sentences, made-up tags and weights."""
    rng = random.Random(7)
    examples = []
    for text, spans in cases():
        known = [LexiconMention(a, b, f"seed:{text[a:b].lower()}", text[a:b], rng.choice(["drug", "drug", "class", "regimen"])) for a, b in spans if rng.random() < 0.8]
        cuts = sorted({0, len(text), *(i for i in range(len(text)) if text[i] == " " or rng.random() < 0.25)})
        offsets = [(a + (text[a] == " "), b) for a, b in zip(cuts, cuts[1:]) if a + (text[a] == " ") < b]
        tags = np.array([[1 - b - i, b, i] for b, i in ((round(rng.random() / 2, 3), round(rng.random() / 2, 3)) for _ in offsets)])
        examples.append(Example(text, text, known, Pieces(offsets, tags), spans).prepare())
    decision = Decision.fit(examples, threshold=0.4)
    decision.surfaces = dict(list(decision.surfaces.items())[::2])
    rows = [{
        "text": e.text, "known": [list(vars(m).values()) for m in e.known], "pieces": [list(o) for o in e.pieces.offsets], "tags": e.pieces.tags.tolist(),
        "candidates": [[c.start, c.end, round(s, 6)] for c, s in zip(e.found, decision.scores(e))],
        "features": [[round(v, 6) for v in row] for row in e.rows.tolist()],
        "kept": [list(span) for span, _ in decision.select(e)],
    } for e in examples]
    decision.write(args.out / "mentions.json", {})
    (args.out / "mentions_parity.json").write_text(json.dumps(rows, ensure_ascii=False) + "\n", encoding="utf-8")


def main(argv: list[str] | None = None) -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="rexdrug_training.mention_cli")
    parser.add_argument("step", choices=["fit", "fixture"])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--encoder")
    parser.add_argument("--runs", type=Path, help="output of crossval: fold*/model.pt")
    parser.add_argument("--lexicon", type=Path, help="the rexdrug binary, or its `lexicon find` output (.jsonl)")
    parser.add_argument("--model", type=Path, help="model folder that gets mentions.json")
    parser.add_argument("--threshold", type=float, default=0.4)
    parser.add_argument("--facts", type=Path, help="facts.json of the report: temperature and label bias for --end-to-end")
    parser.add_argument("--temperature", type=float, default=1.5, help="of the pair scores, for --end-to-end")
    parser.add_argument("--label-bias", type=float, nargs=2, default=[0.7, 0.4], metavar=("NEG", "COMB"))
    parser.add_argument("--end-to-end", action="store_true", help="also score sets with these mentions")
    parser.add_argument("--transfer", action="store_true", help="also score mentions on DDI13 and BC5CDR")
    parser.add_argument("--kept", type=Path, help="write the out-of-fold spans (production mentions for training)")
    parser.add_argument("--out", type=Path, help="fixture: folder to write")
    args = parser.parse_args(argv)
    if args.facts and args.facts.exists():
        facts = json.loads(args.facts.read_text(encoding="utf-8"))
        args.temperature, args.label_bias = facts["temperature"], list(facts["label_bias"].values())
    torch.set_num_threads(1)
    {"fit": fit, "fixture": fixture}[args.step](args)


if __name__ == "__main__":
    main()
