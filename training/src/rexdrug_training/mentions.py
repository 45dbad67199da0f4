"""Finding mentions: a name lexicon (DrugBank CC0 vocabulary, MeSH drugs), tag decoding and their union."""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from pathlib import Path

from .data import Sentence

Span = tuple[int, int]

# Names that are ordinary words or everyday substances of abstracts far more often than drugs.
_STOP = set(
    "water oxygen alcohol ethanol glucose lead gold iron zinc calcium sodium potassium time beam same dimer sirius"
    " nitrogen hydrogen carbon air light base silver copper tea coffee sugar salt urea serine glycine cholesterol"
    " insulin dopamine serotonin histamine estrogen estradiol testosterone cortisol creatinine albumin thrombin"
    " fibrinogen plasma collagen keratin protein peptide dna rna atp nadh heparin-free target combi impact relief"
    " advance balance focus accord result complete control liver block act all can max prime today allium".split()
)
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?", re.UNICODE)


def _fold(text: str) -> str:
    return "".join(c.lower() if len(c.lower()) == 1 else c for c in text)


class Lexicon:
    """Longest match over words, folded in case; hyphens and spaces between words are equal."""

    def __init__(self, names: list[str]):
        self.names: set[tuple[str, ...]] = set()
        self.longest = 1
        for name in names:
            words = tuple(m.group() for m in _WORD.finditer(_fold(name)))
            letters = sum(c.isalpha() for c in name)
            if not words or letters < 4 or len(words) > 5 or len(name) > 50:
                continue
            if len(words) == 1 and words[0] in _STOP:
                continue
            self.names.add(words)
            self.longest = max(self.longest, len(words))

    @classmethod
    def load(cls, drugbank: Path, mesh: Path) -> "Lexicon":
        """Reads the two CSV files; a missing one is an error that names it."""
        names: list[str] = []
        with open(drugbank, encoding="utf-8") as handle:
            for row in csv.DictReader(handle):
                names += [row["Common name"], *(row["Synonyms"] or "").split(" | ")]
        with open(mesh, encoding="utf-8") as handle:
            for row in csv.DictReader(handle):
                names += [row["Common name"], *(row["Synonyms"] or "").split("|")]
        return cls([n for n in names if n])

    def find(self, text: str) -> list[Span]:
        """Leftmost-longest spans."""
        words = [(m.group(), m.start(), m.end()) for m in _WORD.finditer(_fold(text))]
        out, index = [], 0
        while index < len(words):
            for size in range(min(self.longest, len(words) - index), 0, -1):
                run = words[index : index + size]
                gaps = all(
                    text[a[2] : b[1]].strip(" -‐‑–\u00a0") == "" for a, b in zip(run, run[1:])
                )
                if gaps and tuple(w[0] for w in run) in self.names:
                    out.append((run[0][1], run[-1][2]))
                    index += size - 1
                    break
            index += 1
        return out


def spans_of_tags(tags: list[int], offsets: list[Span], text: str) -> list[Span]:
    """Character spans of a B/I run over word pieces; a run never begins or ends inside a word: pieces of
    one word (touching letters) are taken together."""
    out, index = [], 0
    while index < len(tags):
        if tags[index] == 0 or offsets[index][0] == offsets[index][1]:
            index += 1
            continue
        last = index
        while last + 1 < len(tags) and tags[last + 1] == 2:
            last += 1
        start, end = offsets[index][0], offsets[last][1]
        while start > 0 and text[start - 1].isalnum() and text[start].isalnum():
            start -= 1
        while end < len(text) and text[end].isalnum() and text[end - 1].isalnum():
            end += 1
        # Two runs that split one word meet again when their ends are moved outwards.
        if out and start < out[-1][1]:
            out[-1] = (out[-1][0], max(out[-1][1], end))
        else:
            out.append((start, end))
        index = last + 1
    return out


def union(first: list[Span], second: list[Span]) -> list[Span]:
    """`first` wins where the two overlap."""
    kept = list(dict.fromkeys(first))
    for span in second:
        if all(span[1] <= s or span[0] >= e for s, e in kept):
            kept.append(span)
    return sorted(kept)


def add_superfluous(sentence: Sentence, found: list[Span]) -> Sentence:
    """Gold mentions plus found ones that overlap none of them (flag 0, no pair label: NONE)."""
    extra = [s for s in found if all(s[1] <= a or s[0] >= b for a, b in sentence.mentions)]
    if not extra:
        return sentence
    spans = [(span, 1, i) for i, span in enumerate(sentence.mentions)] + [(span, 0, -1) for span in extra]
    spans.sort()
    index = {old: new for new, (_, _, old) in enumerate(spans) if old >= 0}
    return replace(
        sentence,
        mentions=[s for s, _, _ in spans],
        gold_flags=[f for _, f, _ in spans],
        pairs={tuple(sorted((index[i], index[j]))): label for (i, j), label in sentence.pairs.items()},
        sets=[(frozenset(index[i] for i in members), label) for members, label in sentence.sets],
    )
