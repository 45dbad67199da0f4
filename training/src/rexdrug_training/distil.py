"""A teacher's targets for a student: on the labelled sentences beside the gold labels, and on unlabelled
sentences of the same paragraphs, which nobody annotated."""

from __future__ import annotations

import json
import random
import re
from dataclasses import replace
from pathlib import Path

from .data import Sentence
from .features import load_tokenizer
from .mentions import Lexicon, union
from .model import encoder_folder
from .predict import encode_all, predict_pairs, tagger_spans
from .train import Recipe, device, new_model

_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9(])")


def neighbours(path: Path, keys: set[str], lexicon: Lexicon) -> list[Sentence]:
    """The other sentences of the paragraphs of `keys` in which the lexicon finds two names or more. A
    paragraph outside `keys` (of a held-out document) is not read."""
    out = []
    with open(path, encoding="utf-8") as handle:
        for item in map(json.loads, filter(str.strip, handle)):
            if item["doc_id"] not in keys:
                continue
            for part in item["paragraph"].split(item["sentence"]):
                for text in map(str.strip, _END.split(part)):
                    found = lexicon.find(text)
                    if 30 < len(text) < 400 and len({text[a:b].lower() for a, b in found}) >= 2:
                        out.append(Sentence(f"{item['doc_id']}+{len(out)}", item["doc_id"], "drugcomb", text, found))
    return out


def taught(model, sentences: list[Sentence], tokenizer, share: float, gold: bool) -> list[Sentence]:
    """Targets mixed from the teacher (`share`) and the gold labels; without gold the teacher's alone, its
    mentions being the lexicon's and its tagger's."""
    encoded = encode_all(model, sentences, tokenizer)
    if not gold:
        tagged = tagger_spans(sentences, encoded, 0.5)
        sentences = [replace(s, mentions=union(t, s.mentions)) for s, t in zip(sentences, tagged)]
    out = []
    for sentence, prediction in zip(sentences, predict_pairs(model, sentences, encoded, tokenizer)):
        soft = {}
        for (i, j), row in zip(prediction.pairs, prediction.probabilities):
            pair = (min(i, j), max(i, j))
            label = sentence.pairs.get(pair, 0)
            soft[pair] = [share * float(p) + (1 - share) * (k == label) for k, p in enumerate(row)] if gold else row.tolist()
        if gold:
            out.append(replace(sentence, soft=soft))
        else:
            out.append(replace(sentence, soft=soft, soft_flags=prediction.mention.tolist(), gold_flags=[int(w > 0.5) for w in prediction.mention]))
    return out


def with_teacher(args, recipe: Recipe, shown: list[Sentence], lexicon: Lexicon, tokenizer, teacher: str) -> list[Sentence]:
    """What a student trains on: `shown` with mixed targets, and `recipe.unlabelled` further sentences. A teacher of
    another family reads with its own tokenizer: its targets belong to mentions, not to pieces."""
    model = new_model(args.teacher_encoder or args.encoder, replace(recipe, layers=0), teacher).to(device())
    if args.teacher_encoder:
        tokenizer = load_tokenizer(encoder_folder(args.teacher_encoder))
    out = taught(model, shown, tokenizer, recipe.soft_weight, True)
    if recipe.unlabelled:
        pool = neighbours(args.data / "drugcomb/train.jsonl", {s.key for s in shown}, lexicon)
        pool = random.Random(recipe.seed).sample(pool, min(recipe.unlabelled, len(pool)))
        out += taught(model, pool, tokenizer, 1.0, False)
    return out
