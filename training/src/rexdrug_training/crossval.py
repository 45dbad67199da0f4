"""Cross-validation: trains a model per fold, keeps its out-of-fold predictions, reports mean ± sd."""

from __future__ import annotations

import argparse
import json
import pickle
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from . import DDI_LABELS, data
from .data import Sentence
from .decode import decode
from .mentions import Lexicon, add_superfluous, union
from .predict import encode_all, predict_pairs, tagger_spans
from .score import Relation, four, mean_sd, set_f1
from .train import Recipe, checkpoint_weights, device, new_model, save_run, train

FOLD_SEED, FOLDS = 42, 5
TAG_THRESHOLDS = (0.3, 0.5, 0.7)
UNIONS = ("tagger_first", "lexicon_first", "tagger_only")


def predict_fold(model, held: list[Sentence], lexicon: Lexicon, tokenizer) -> dict:
    """Everything the report needs, computed once: gold mentions, tagger spans, production mentions."""
    encoded = encode_all(model, held, tokenizer)
    tags = {t: tagger_spans(held, encoded, t) for t in TAG_THRESHOLDS}
    names = [lexicon.find(s.text) for s in held]
    out = {"keys": [s.key for s in held], "gold": predict_pairs(model, held, encoded, tokenizer), "tags": tags, "lexicon": names}
    for name, spans in {
        "tagger_first": [union(t, n) for t, n in zip(tags[0.5], names)],
        "lexicon_first": [union(n, t) for t, n in zip(tags[0.5], names)],
        "tagger_only": tags[0.5],
    }.items():
        out[name] = (spans, predict_pairs(model, held, encoded, tokenizer, spans))
    return out


def run(args: argparse.Namespace, recipe: Recipe, sentences: list[Sentence], lexicon: Lexicon, tokenizer, log) -> None:
    """Trains the folds asked for (others may run in another process) and writes `foldK.pkl`."""
    parts = data.folds(sentences, FOLDS, FOLD_SEED)
    args.out.mkdir(parents=True, exist_ok=True)
    for fold in args.folds:
        target = args.out / f"fold{fold}.pkl"
        if target.exists():
            continue
        held_out = set(parts[fold])
        shown = [s for i, s in enumerate(sentences) if i not in held_out]
        if recipe.production_mentions:
            shown = [add_superfluous(s, lexicon.find(s.text)) for s in shown]
        held = [sentences[i] for i in parts[fold]]
        model = new_model(args.encoder, recipe, args.start)
        own = replace(recipe, seed=recipe.seed + fold)
        place = args.out / f"fold{fold}"
        weights = checkpoint_weights(place) if args.finish else train(model, shown, tokenizer, own, place, lambda t: log(f"fold {fold} {t}"))
        model.load_state_dict(weights)
        target.write_bytes(pickle.dumps(predict_fold(model.to(device()), held, lexicon, tokenizer)))
        save_run(args.out / f"fold{fold}", weights, own, {"fold": fold, "items": len(shown)})
        (args.out / "recipe.json").write_text(json.dumps(asdict(recipe), indent=1), encoding="utf-8")
        log(f"fold {fold} " + json.dumps({k: round(100 * v[0], 1) for k, v in report(args.out, sentences, [fold])["gold"].items()}))


def adjust(probabilities: np.ndarray, temperature: float, label_bias: tuple[float, float]) -> np.ndarray:
    """Temperature, then a shift of NEG and COMB against POS that leaves P(NONE) as it is: what the
    exported pair head does (`export.AdjustedHeads`)."""
    scaled = np.clip(probabilities, 1e-9, 1) ** (1 / temperature)
    scaled /= scaled.sum(-1, keepdims=True)
    shifted = scaled[:, 1:] * np.exp([0.0, *label_bias])
    scaled[:, 1:] = shifted / shifted.sum(-1, keepdims=True) * (1 - scaled[:, :1])
    return scaled


def load(folder: Path, fold: int, temperature: float = 1.0, label_bias: tuple[float, float] = (0.0, 0.0)) -> dict:
    """One fold's predictions, pair probabilities adjusted as in the shipped model."""
    result = pickle.loads((folder / f"fold{fold}.pkl").read_bytes())
    for predictions in (result["gold"], *(result[u][1] for u in UNIONS)):
        for prediction in predictions:
            prediction.probabilities = adjust(prediction.probabilities, temperature, label_bias)
    return result


def gold_relations(held: list[Sentence]) -> list[Relation]:
    """Gold rows: drugs are indices into the sentence's mentions."""
    return [Relation(s.key, tuple(sorted(m)), label) for s in held for m, label in s.sets]


def predicted_relations(held, predictions, threshold=0.5, spans=None, mention_threshold=0.0) -> list[Relation]:
    """Decoded rows. With `spans` (production mentions) a mention is its gold index when the offsets are
    equal, else an index no gold mention has."""
    out = []
    for position, (sentence, prediction) in enumerate(zip(held, predictions)):
        found = spans[position] if spans else sentence.mentions
        place = {span: i for i, span in enumerate(sentence.mentions)}
        ids = [place.get(span, 1000 + i) for i, span in enumerate(found)]
        keep = prediction.mention >= mention_threshold if mention_threshold else None
        for members, label, _ in decode(len(found), prediction.pairs, prediction.probabilities, threshold, keep):
            out.append(Relation(sentence.key, tuple(sorted(ids[m] for m in members)), label))
    return out


def mention_set(held: list[Sentence], spans) -> set:
    """(sentence, start, end) triples."""
    return {(s.key, *span) for s, found in zip(held, spans) for span in found}


def report(folder: Path, sentences: list[Sentence], folds=range(FOLDS), threshold=0.5, e2e_threshold=0.5, mention_threshold=0.5, temperature=1.0, label_bias=(0.0, 0.0)) -> dict:
    """Figures per system: name -> (mean, sd) over the folds, F1 as fractions."""
    by_key = {s.key: s for s in sentences}
    rows: dict[str, dict[str, list[float]]] = {}

    def put(system: str, name: str, value: float) -> None:
        rows.setdefault(system, {}).setdefault(name, []).append(value)

    for fold in folds:
        result = load(folder, fold, temperature, label_bias)
        held = [by_key[k] for k in result["keys"]]
        gold = gold_relations(held)
        for name, prf in four(gold, predicted_relations(held, result["gold"], threshold)).items():
            put("gold", name, prf.f1)
        truth = mention_set(held, [s.mentions for s in held])
        for cut, spans in result["tags"].items():
            put("mentions", f"tagger_{cut}", set_f1(truth, mention_set(held, spans)).f1)
        put("mentions", "lexicon", set_f1(truth, mention_set(held, result["lexicon"])).f1)
        for union_name in UNIONS:
            spans, predictions = result[union_name]
            kept = [[m for m, w in zip(found, p.mention) if w >= mention_threshold] for found, p in zip(spans, predictions)]
            for name, prf in (("all", set_f1(truth, mention_set(held, spans))), ("kept", set_f1(truth, mention_set(held, kept)))):
                put("mentions", f"{union_name}_{name}", prf.f1)
                put("mentions", f"{union_name}_{name}_recall", prf.recall)
            rels = predicted_relations(held, predictions, e2e_threshold, spans, mention_threshold)
            for name, prf in four(gold, rels).items():
                put(f"end_to_end_{union_name}", name, prf.f1)
    return {system: {name: mean_sd(v) for name, v in values.items()} for system, values in rows.items()}


def calibration(folder: Path, sentences: list[Sentence], folds=range(FOLDS)) -> dict:
    """Temperature of the pair logits on all out-of-fold pairs with gold mentions, and ECE of P(not NONE)
    (10 equal bins) before and after."""
    by_key = {s.key: s for s in sentences}
    probabilities, labels = [], []
    for fold in folds:
        result = load(folder, fold)
        for key, prediction in zip(result["keys"], result["gold"]):
            probabilities += list(prediction.probabilities)
            labels += [by_key[key].pairs.get(tuple(sorted(p)), 0) for p in prediction.pairs]
    logs, labels = np.log(np.clip(np.array(probabilities), 1e-9, 1)), np.array(labels)

    def at(temperature: float) -> np.ndarray:
        scaled = logs / temperature
        scaled = np.exp(scaled - scaled.max(1, keepdims=True))
        return scaled / scaled.sum(1, keepdims=True)

    def ece(p: np.ndarray) -> float:
        score, hit, total = 1 - p[:, 0], labels > 0, 0.0
        for low in np.arange(0, 1, 0.1):
            inside = (score >= low) & (score < low + 0.1 if low < 0.85 else score <= 1)
            if inside.any():
                total += inside.mean() * abs(score[inside].mean() - hit[inside].mean())
        return float(total)

    grid = np.arange(0.6, 3.01, 0.05)
    loss = [-np.log(np.clip(at(t)[np.arange(len(labels)), labels], 1e-9, 1)).mean() for t in grid]
    best = float(grid[int(np.argmin(loss))])
    return {"temperature": round(best, 2), "ece_before": round(ece(at(1.0)), 4), "ece_after": round(ece(at(best)), 4), "pairs": len(labels)}


def run_ddi13(args: argparse.Namespace, recipe: Recipe, tokenizer, log) -> None:
    """DDI13 by the same architecture: folds asked for, micro-F1 of (sentence, type, names) over four types."""
    sentences = data.load_ddi13(args.data / "ddi13/train.jsonl")
    parts, scores = data.folds(sentences, FOLDS, FOLD_SEED), []
    for fold in args.folds:
        held_out = set(parts[fold])
        shown = [s for i, s in enumerate(sentences) if i not in held_out]
        held = [sentences[i] for i in parts[fold]]
        model = new_model(args.encoder, recipe, args.start)
        model.load_state_dict(train(model, shown, tokenizer, recipe, args.out / f"fold{fold}", log))
        gold, predicted = set(), set()
        for sentence, prediction in zip(held, predict_pairs(model, held, encode_all(model, held, tokenizer), tokenizer)):
            name = [sentence.text[a:b] for a, b in sentence.mentions]
            gold |= {(sentence.key, l, *sorted((name[i], name[j]))) for (i, j), l in sentence.pairs.items()}
            for (i, j), p in zip(prediction.pairs, prediction.probabilities):
                if p.argmax():
                    predicted.add((sentence.key, int(p.argmax()), *sorted((name[i], name[j]))))
        scores.append(set_f1(gold, predicted).f1)
        per_type = {t: round(set_f1({g for g in gold if g[1] == k}, {g for g in predicted if g[1] == k}).f1, 4) for k, t in enumerate(DDI_LABELS) if k}
        log(json.dumps({"fold": fold, "micro_f1": round(scores[-1], 4), **per_type}))
    log(json.dumps({"micro_f1": [round(v, 4) for v in mean_sd(scores)]}))
