"""Reads DrugComb, DDI13 and BC5CDR into one sentence type; offsets are Unicode code points."""

from __future__ import annotations

import hashlib
import itertools
import json
import random
import re
from dataclasses import dataclass, field, replace
from pathlib import Path

from . import DDI_LABELS, LABELS

# Where two gold sets of one sentence claim the same pair, the rarer and stronger statement wins.
_PRECEDENCE = {"COMB": 0, "NEG": 1, "POS": 2}


@dataclass
class Sentence:
    """One sentence; `mentions` are (start, end) spans, `pairs` maps (i, j), i < j, to a label index."""

    key: str
    group: str
    task: str
    text: str
    mentions: list[tuple[int, int]]
    pairs: dict[tuple[int, int], int] = field(default_factory=dict)
    sets: list[tuple[frozenset[int], str]] = field(default_factory=list)
    # 1 for a gold mention, 0 for one that only the lexicon found; empty means all gold.
    gold_flags: list[int] = field(default_factory=list)
    needs_context: bool = False
    # A teacher's label probabilities per pair and its P(annotated drug) per mention; empty: gold only.
    soft: dict[tuple[int, int], list[float]] = field(default_factory=dict)
    soft_flags: list[float] = field(default_factory=list)

    def flags(self) -> list[int]:
        """Gold flag per mention."""
        return self.gold_flags or [1] * len(self.mentions)

    def flag_targets(self) -> list[float]:
        """What the mention head learns: the teacher's probability where there is one."""
        return self.soft_flags or [float(f) for f in self.flags()]


def sha256_file(path: Path) -> str:
    """Hex digest of a file."""
    digest = hashlib.sha256()
    with open(path, "rb") as handle:
        for block in iter(lambda: handle.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def _jsonl(path: Path):
    with open(path, encoding="utf-8") as handle:
        for number, line in enumerate(handle, 1):
            if line.strip():
                try:
                    yield json.loads(line)
                except json.JSONDecodeError as error:
                    raise ValueError(f"{path}:{number}: not JSON ({error}); check the download") from error


def load_drugcomb(path: Path) -> list[Sentence]:
    """DrugComb items. Mentions are put in text order; gold sets are re-indexed to it."""
    out = []
    for item in _jsonl(path):
        spans = sorted(item["spans"], key=lambda s: (s["start"], s["end"]))
        order = {span["span_id"]: index for index, span in enumerate(spans)}
        sentence = Sentence(
            key=item["doc_id"],
            group=item.get("source") or item["paragraph"],
            task="drugcomb",
            text=item["sentence"],
            mentions=[(s["start"], s["end"]) for s in spans],
        )
        for rel in item["rels"]:
            members = frozenset(order[i] for i in rel["spans"])
            sentence.sets.append((members, rel["class"]))
            sentence.needs_context |= bool(rel.get("is_context_needed"))
        for members, label in sorted(sentence.sets, key=lambda s: _PRECEDENCE[s[1]]):
            for pair in itertools.combinations(sorted(members), 2):
                sentence.pairs[pair] = LABELS.index(label)
        out.append(sentence)
    return out


def _word_occurrences(text: str, name: str) -> list[tuple[int, int]]:
    found = [(m.start(), m.end()) for m in re.finditer(re.escape(name), text)]
    whole = [
        (s, e)
        for s, e in found
        if (s == 0 or not text[s - 1].isalnum()) and (e == len(text) or not text[e].isalnum())
    ]
    return whole or found


def _ddi13_blocks(items: list[dict], smallest: int = 20) -> list[int]:
    """Stand-ins for documents, which the file does not name but keeps in order: runs of at least `smallest`
    sentences, ended only before a sentence that shares no name with the three before it. A document may be
    cut in two where it changes its subject; of the sentences next to each other 61 % share a name, of those
    a thousand apart 2 %."""
    names = [{e["entity"].lower() for e in item["entities"]} for item in items]
    out, block, length = [], 0, 0
    for index, own in enumerate(names):
        if length >= smallest and not own & set().union(*names[max(0, index - 3) : index]):
            block, length = block + 1, 0
        out.append(block)
        length += 1
    return out


def load_ddi13(path: Path) -> list[Sentence]:
    """DDI13 items. Entities are given as names: every occurrence is a mention, longer names first;
    a typed pair of names is put on the closest pair of their occurrences (and on no other)."""
    out = []
    items = list(_jsonl(path))
    for item, block in zip(items, _ddi13_blocks(items)):
        text, taken, owner = item["context"], [], {}
        for name in sorted({e["entity"] for e in item["entities"]}, key=len, reverse=True):
            for start, end in _word_occurrences(text, name):
                if all(end <= s or start >= e for s, e in taken):
                    taken.append((start, end))
                    owner[(start, end)] = name
        mentions = sorted(taken)
        sentence = Sentence(f"ddi13-{item['id']}", f"ddi13-block-{block}", "ddi13", text, mentions)
        for rel in item["relations"]:
            if rel["type"] == "other":
                continue
            first, second = rel["ent_sets"]
            options = [
                (mentions[j][0] - mentions[i][1], (i, j))
                for i, j in itertools.combinations(range(len(mentions)), 2)
                if {owner[mentions[i]], owner[mentions[j]]} == {first, second}
            ]
            if options:
                closest = min(options)[1]
                sentence.pairs[closest] = DDI_LABELS.index(rel["type"])
                # The file does not say which occurrences interact: nothing is learnt from the others.
                sentence.soft |= {pair: [0.0] * len(DDI_LABELS) for _, pair in options if pair != closest}
        out.append(sentence)
    return out


def load_bc5cdr(path: Path) -> list[Sentence]:
    """BC5CDR chemicals in IOB columns; words are joined by one space."""
    out = []
    blocks = Path(path).read_text(encoding="utf-8").strip().split("\n\n")
    for number, block in enumerate(blocks):
        text, mentions, open_span = "", [], None
        for line in block.split("\n"):
            word, tag = line.split("\t")
            start = len(text) + (1 if text else 0)
            text = f"{text} {word}" if text else word
            if tag.startswith("I-") and open_span is not None:
                open_span = (open_span[0], len(text))
                continue
            if open_span is not None:
                mentions.append(open_span)
            open_span = None if tag == "O" else (start, len(text))
        if open_span is not None:
            mentions.append(open_span)
        out.append(Sentence(f"bc5cdr-{number}", f"bc5cdr-{number}", "bc5cdr", text, mentions))
    return out


def folds(sentences: list[Sentence], count: int, seed: int) -> list[list[int]]:
    """Document-level folds: indices per fold; sentences of one document never part. Depends only on
    the documents and the seed, so every experiment meets the same folds."""
    groups: dict[str, list[int]] = {}
    for index, sentence in enumerate(sentences):
        groups.setdefault(sentence.group, []).append(index)
    keys = sorted(groups, key=lambda g: hashlib.sha256(f"{seed}:{g}".encode()).hexdigest())
    out: list[list[int]] = [[] for _ in range(count)]
    for position, key in enumerate(keys):
        out[position % count].extend(groups[key])
    return [sorted(fold) for fold in out]


def swap_names(sentence: Sentence, pool: list[str], chance: float, rng: random.Random) -> Sentence:
    """A copy in which gold drug names are replaced by others of the pool with probability `chance`;
    repeated mentions of one name get one new name, so that identity inside the sentence survives."""
    flags, chosen, text, cursor, moved = sentence.flags(), {}, [], 0, {}
    length = 0
    for index in sorted(range(len(sentence.mentions)), key=lambda i: sentence.mentions[i]):
        start, end = sentence.mentions[index]
        if start < cursor:  # overlapping mentions cannot both be rewritten
            return sentence
        surface = sentence.text[start:end]
        new = chosen.get(surface.lower())
        if new is None:
            new = rng.choice(pool) if flags[index] and rng.random() < chance else surface
            chosen[surface.lower()] = new
        text.append(sentence.text[cursor:start])
        length += start - cursor
        moved[index] = (length, length + len(new))
        text.append(new)
        length += len(new)
        cursor = end
    text.append(sentence.text[cursor:])
    return replace(sentence, text="".join(text), mentions=[moved[i] for i in range(len(sentence.mentions))])


def name_pool(sentences: list[Sentence]) -> list[str]:
    """Distinct gold surfaces, to swap names with."""
    return sorted({s.text[a:b] for s in sentences for (a, b), flag in zip(s.mentions, s.flags()) if flag})
