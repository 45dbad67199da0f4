"""Teachers' targets for a student: on the labelled sentences beside the gold labels, and on sentences that nobody
annotated, of the same paragraphs and of plain MEDLINE files."""

from __future__ import annotations

import json
import pickle
import random
import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from .data import Sentence
from .features import load_tokenizer
from .mentions import Lexicon, union
from .model import Extractor, encoder_folder
from .predict import Prediction, encode_all, predict_pairs, tagger_spans
from .train import Recipe, device, new_model

_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9(])")


@dataclass
class Teacher:
    """A trained model and the tokenizer that it reads with: its targets belong to mentions, not to pieces, so a teacher
    may be of another family than the student."""

    model: Extractor
    tokenizer: object

    @classmethod
    def load(cls, name: str, encoder: str | None, recipe: Recipe) -> "Teacher":
        """`WEIGHTS`, or `WEIGHTS@ENCODER` where the encoder folder is another than the student's; `WEIGHTS@` for the default
        one."""
        weights, other, own = name.partition("@")
        encoder = own if other else encoder
        model = new_model(encoder, replace(recipe, layers=0, bits=0), weights).to(device())
        return cls(model, load_tokenizer(encoder_folder(encoder)))

    def tagged(self, sentences: list[Sentence]) -> list[Sentence]:
        """The sentences with the mentions of its tagger beside those they have."""
        found = tagger_spans(sentences, encode_all(self.model, sentences, self.tokenizer), 0.5)
        return [replace(s, mentions=union(t, s.mentions)) for s, t in zip(sentences, found)]

    def predict(self, sentences: list[Sentence]) -> list[Prediction]:
        """Pair and mention probabilities over the sentences' mentions."""
        return predict_pairs(self.model, sentences, encode_all(self.model, sentences, self.tokenizer), self.tokenizer)


def consensus(teachers: list[Teacher], sentences: list[Sentence]) -> list[tuple[dict[tuple[int, int], np.ndarray], np.ndarray]]:
    """Per sentence: label probabilities by pair of mentions, P(annotated drug) by mention. The first teacher says which
    pairs are linked, all of them on average what the link says: the widest encoder finds sets best, and labels, of which
    there is less to learn from, gain by more opinions. A pair that another teacher's longest input cuts off has one less."""
    told = [teacher.predict(sentences) for teacher in teachers]
    out = []
    for predictions in zip(*told):
        labels: dict[tuple[int, int], list[np.ndarray]] = {}
        for prediction in predictions:
            for pair, row in zip(map(_ordered, prediction.pairs), prediction.probabilities):
                labels.setdefault(pair, []).append(row[1:] / max(row[1:].sum(), 1e-9))
        linked = {_ordered(p): 1 - row[0] for p, row in zip(predictions[0].pairs, predictions[0].probabilities)}
        pairs = {p: np.concatenate([[1 - link], link * np.mean(labels[p], 0)]) for p, link in linked.items()}
        out.append((pairs, np.mean([p.mention for p in predictions], 0)))
    return out


def _ordered(pair: tuple[int, int]) -> tuple[int, int]:
    return min(pair), max(pair)


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


def plain(path: Path, without: set[str], lexicon: Lexicon) -> list[Sentence]:
    """Sentences of MEDLINE files (a JSON array of `doc_id` and `sentence`, as `rexdrug sql` writes it) in which the lexicon finds two
    names or more. A sentence whose words stand in one of `without` is not taken: it may be annotated there."""
    known, out = {_words(t) for t in without}, []
    for item in json.loads(path.read_text(encoding="utf-8")):
        text = item["sentence"]
        found = lexicon.find(text)
        if 30 < len(text) < 400 and len({text[a:b].lower() for a, b in found}) >= 2 and _words(text) not in known:
            known.add(_words(text))
            out.append(Sentence(f"{item['doc_id']}+{len(out)}", item["doc_id"], "drugcomb", text, found))
    return out


def _words(text: str) -> str:
    return re.sub(r"[\W_]+", "", text.lower())


def likely(teacher: Teacher, pool: list[Sentence], count: int, rng: random.Random) -> list[Sentence]:
    """`count` of the pool, two thirds of them such as the teacher takes to state a combination (as in the annotated
    sentences, of which 64 % do), because in a plain file four of five state none."""
    rng.shuffle(pool)
    pool = pool[: 3 * count]
    odds = [1 - p.probabilities[:, 0].min() if len(p.probabilities) else 0.0 for p in teacher.predict(pool)]
    stated = [s for s, p in zip(pool, odds) if p > 0.3]
    others = [s for s, p in zip(pool, odds) if p <= 0.3]
    taken = stated[: 2 * count // 3]
    return taken + others[: count - len(taken)]


def mixed(teachers: list[Teacher], sentences: list[Sentence], share: float) -> list[Sentence]:
    """Labelled sentences; targets mixed from the teachers' (`share`) and the gold labels."""
    out = []
    for sentence, (pairs, _) in zip(sentences, consensus(teachers, sentences)):
        soft = {}
        for pair, row in pairs.items():
            label = sentence.pairs.get(pair, 0)
            soft[pair] = [share * float(p) + (1 - share) * (k == label) for k, p in enumerate(row)]
        out.append(replace(sentence, soft=soft))
    return out


def told(teachers: list[Teacher], sentences: list[Sentence]) -> list[Sentence]:
    """Sentences without labels; the mentions are the lexicon's and the last teacher's tagger's, the targets the
    teachers' alone."""
    sentences = teachers[-1].tagged(sentences)
    out = []
    for sentence, (pairs, flags) in zip(sentences, consensus(teachers, sentences)):
        soft = {pair: row.tolist() for pair, row in pairs.items()}
        out.append(replace(sentence, soft=soft, soft_flags=flags.tolist(), gold_flags=[int(w > 0.5) for w in flags]))
    return out


def with_teachers(args, recipe: Recipe, shown: list[Sentence], every: list[Sentence], lexicon: Lexicon, names: list[str], kept: Path, log=print) -> list[Sentence]:
    """What a student trains on: `shown` with mixed targets, `recipe.unlabelled` further sentences of the same
    paragraphs and `recipe.plain` of MEDLINE files (`args.plain`), none of which stands in `every` labelled sentence.
    The last of several teachers chooses among the plain sentences, so it had better be a quick one. Targets are kept
    in `kept` and read from there by a run with the same teachers, sentences and seed."""
    asked = [names, recipe.soft_weight, recipe.unlabelled, recipe.plain, recipe.seed, [s.key for s in shown]]
    if kept.exists():
        found, out = pickle.loads(kept.read_bytes())
        if found == asked:
            return out
    teachers = [Teacher.load(name, args.encoder, recipe) for name in names]
    rng = random.Random(recipe.seed)
    out = mixed(teachers, shown, recipe.soft_weight)
    more: list[Sentence] = []
    if recipe.unlabelled:
        pool = neighbours(args.data / "drugcomb/train.jsonl", {s.key for s in shown}, lexicon)
        more += rng.sample(pool, min(recipe.unlabelled, len(pool)))
    if recipe.plain:
        if args.plain is None:
            raise ValueError("the recipe takes plain sentences: give --plain (the Makefile has the query that fills it)")
        more += likely(teachers[-1], plain(args.plain, {s.text for s in every}, lexicon), recipe.plain, rng)
    log(f"labelled {len(out)}, without labels {len(more)}, teachers {len(teachers)}")
    out += told(teachers, more) if more else []
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_bytes(pickle.dumps((asked, out)))
    return out
