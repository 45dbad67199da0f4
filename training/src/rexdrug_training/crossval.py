"""Cross-validation: trains a model per fold, keeps its out-of-fold predictions, reports mean ± sd."""

from __future__ import annotations

import argparse
import copy
import json
import pickle
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from . import DDI_LABELS, data
from .data import Sentence
from .decode import decode
from .distil import with_teachers
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
        own = replace(recipe, seed=recipe.seed + fold)
        if args.teacher:
            names = [t.format(fold=fold) for t in args.teacher]
            shown = with_teachers(args, own, shown, sentences, lexicon, names, args.out / f"fold{fold}" / "targets.pkl", log)
        model = new_model(args.encoder, recipe, args.start)
        place = args.out / f"fold{fold}"
        said = lambda text: log(f"fold {fold} {text}")  # noqa: E731

        def trace(epoch: int, live, average: dict | None) -> None:
            """Held-out figures of every epoch, for the reader of the log: nothing is chosen by them."""
            probe = copy.deepcopy(live)
            probe.load_state_dict(average or live.state_dict())
            encoded = encode_all(probe, held, tokenizer)
            rows = predicted_relations(held, predict_pairs(probe, held, encoded, tokenizer))
            said(f"epoch {epoch} " + json.dumps({k: round(100 * v.f1, 1) for k, v in four(gold_relations(held), rows).items()}))

        weights = checkpoint_weights(place) if args.finish else train(model, shown, tokenizer, own, place, said, trace)
        model.load_state_dict(weights)
        target.write_bytes(pickle.dumps(predict_fold(model.to(device()), held, lexicon, tokenizer)))
        save_run(args.out / f"fold{fold}", weights, own, {"fold": fold, "items": len(shown)})
        (args.out / "recipe.json").write_text(json.dumps(asdict(recipe), indent=1), encoding="utf-8")
        log(f"fold {fold} " + json.dumps({k: round(100 * v[0], 1) for k, v in report(args.out, sentences, [fold])["gold"].items()}))


Heat = float | tuple[float, float]


def heat_pair(temperature: Heat) -> tuple[float, float]:
    """Temperatures of P(not NONE) against NONE and of the labels among themselves."""
    link, label = (temperature, temperature) if isinstance(temperature, (int, float)) else temperature
    return float(link), float(label)


def adjust(probabilities: np.ndarray, temperature: Heat, label_bias: tuple[float, float]) -> np.ndarray:
    """Two temperatures, and a shift of NEG and COMB against POS: what the exported pair head does
    (`export.AdjustedHeads`). Neither moves P(not NONE) across one half, so calibration finds no other sets; one
    temperature for all four classes would, because it raises the sum of three."""
    if not len(probabilities):
        return probabilities
    link, label = heat_pair(temperature)
    logs = np.log(np.clip(probabilities, 1e-9, 1))
    top = logs[:, 1:].max(1, keepdims=True)
    odds = top + np.log(np.exp(logs[:, 1:] - top).sum(1, keepdims=True)) - logs[:, :1]
    none = 1 / (1 + np.exp(odds / link))
    scores = (logs[:, 1:] - top) / label + np.array([0.0, *label_bias])
    scores = np.exp(scores - scores.max(1, keepdims=True))
    return np.concatenate([none, scores / scores.sum(1, keepdims=True) * (1 - none)], 1)


def load(folder: Path, fold: int, temperature: Heat = 1.0, label_bias: tuple[float, float] = (0.0, 0.0)) -> dict:
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
    """Both temperatures of the pair logits on all out-of-fold pairs with gold mentions, by log-likelihood, and
    ECE of P(not NONE) (10 equal bins) before and after."""
    by_key = {s.key: s for s in sentences}
    probabilities, labels = [], []
    for fold in folds:
        result = load(folder, fold)
        for key, prediction in zip(result["keys"], result["gold"]):
            probabilities += list(prediction.probabilities)
            labels += [by_key[key].pairs.get(tuple(sorted(p)), 0) for p in prediction.pairs]
    raw, labels = np.array(probabilities), np.array(labels)
    linked = labels > 0

    def ece(p: np.ndarray) -> float:
        score, total = 1 - p[:, 0], 0.0
        for low in np.arange(0, 1, 0.1):
            inside = (score >= low) & (score < low + 0.1 if low < 0.85 else score <= 1)
            if inside.any():
                total += inside.mean() * abs(score[inside].mean() - linked[inside].mean())
        return float(total)

    def link_loss(t: float) -> float:
        none = np.clip(adjust(raw, (t, 1.0), (0.0, 0.0))[:, 0], 1e-9, 1 - 1e-9)
        return float(-np.where(linked, np.log(1 - none), np.log(none)).mean())

    def label_loss(t: float) -> float:
        p = adjust(raw[linked], (1.0, t), (0.0, 0.0))[:, 1:]
        return float(-np.log(np.clip(p[np.arange(len(p)), labels[linked] - 1] / p.sum(1), 1e-9, 1)).mean())

    grid = [round(0.6 + 0.05 * k, 2) for k in range(49)]
    best = (min(grid, key=link_loss), min(grid, key=label_loss))
    return {"temperature": best, "ece_before": round(ece(raw), 4), "ece_after": round(ece(adjust(raw, best, (0.0, 0.0))), 4), "pairs": len(labels)}


def ddi13_rows(model, held: list[Sentence], tokenizer) -> tuple[set, set]:
    """Gold and predicted (sentence, type, names). The file types pairs of names, so a pair of names gets one
    answer: that of the occurrences with the greatest P(not NONE)."""
    gold, predicted = set(), set()
    for sentence, prediction in zip(held, predict_pairs(model, held, encode_all(model, held, tokenizer), tokenizer)):
        name = [sentence.text[a:b] for a, b in sentence.mentions]
        gold |= {(sentence.key, label, *sorted((name[i], name[j]))) for (i, j), label in sentence.pairs.items()}
        best: dict[tuple[str, ...], np.ndarray] = {}
        for (i, j), row in zip(prediction.pairs, prediction.probabilities):
            names = tuple(sorted((name[i], name[j])))
            if name[i] != name[j] and (names not in best or row[0] < best[names][0]):
                best[names] = row
        predicted |= {(sentence.key, int(row.argmax()), *names) for names, row in best.items() if row.argmax()}
    return gold, predicted


def run_ddi13(args: argparse.Namespace, recipe: Recipe, tokenizer, log) -> None:
    """DDI13 by the same architecture: micro-F1 over four types on the folds asked for, every epoch logged."""
    sentences = data.load_ddi13(args.data / "ddi13/train.jsonl")
    parts, scores = data.folds(sentences, FOLDS, FOLD_SEED), []
    for fold in args.folds:
        held_out = set(parts[fold])
        shown = [s for i, s in enumerate(sentences) if i not in held_out]
        held = [sentences[i] for i in parts[fold]]

        def figures(model, name: str) -> dict:
            gold, predicted = ddi13_rows(model, held, tokenizer)
            every = set_f1(gold, predicted)
            per_type = {t: round(100 * set_f1({g for g in gold if g[1] == k}, {g for g in predicted if g[1] == k}).f1, 1) for k, t in enumerate(DDI_LABELS) if k}
            rest = {"micro_f1": every.f1, "precision": every.precision, "recall": every.recall}
            found = {k: round(100 * v, 1) for k, v in rest.items()} | {"per_type": per_type, "gold": len(gold)}
            log(f"fold {fold} {name} " + json.dumps(found))
            return found

        def trace(epoch: int, live, average: dict | None) -> None:
            probe = copy.deepcopy(live)
            probe.load_state_dict(average or live.state_dict())
            figures(probe, f"epoch {epoch}")

        model = new_model(args.encoder, recipe, args.start)
        place = args.out / f"fold{fold}"
        weights = train(model, shown, tokenizer, recipe, place, log, trace)
        model.load_state_dict(weights)
        save_run(place, weights, recipe, {"fold": fold, "items": len(shown)})
        found = figures(model, "last")
        scores.append(found["micro_f1"])
        rule = "micro-F1 over the four types, percent, mentions given; a run over four fifths of DDI13 train on the fifth (blocks of neighbouring sentences) that it has not seen"
        facts = {"recipe": {"ddi13": asdict(recipe)}, "items": {"ddi13": len(sentences)}, "scores": {"held_out": {"rule": rule, **found}}}
        (place / "facts.json").write_text(json.dumps(facts, indent=1), encoding="utf-8")
    log(json.dumps({"micro_f1": [round(v, 1) for v in mean_sd(scores)], "folds": args.folds}))
