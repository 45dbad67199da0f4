"""Sentences to padded tensors."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator

import torch

from . import DDI_LABELS, LABELS
from .data import Sentence

MAX_TOKENS = 256


def load_tokenizer(folder: str):
    """`tokenizer.json` of an encoder folder, the file that ships, without padding or truncation of its own."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(Path(folder) / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


@dataclass
class Features:
    """One tokenised sentence. `spans` are token spans of the mentions that survive truncation,
    `origin` their indices in the sentence, `pairs` indices into `spans`."""

    sentence: Sentence
    ids: list[int]
    offsets: list[tuple[int, int]]
    tags: list[int]
    spans: list[tuple[int, int]]
    origin: list[int]
    pairs: list[tuple[int, int]]
    targets: list[list[float]]
    flags: list[float]


def token_span(offsets: list[tuple[int, int]], start: int, end: int) -> tuple[int, int] | None:
    """[first, one past last) of the tokens that touch the code points [start, end)."""
    hit = [k for k, (a, b) in enumerate(offsets) if a < end and b > start and b > a]
    return (hit[0], hit[-1] + 1) if hit else None


def featurise(sentence: Sentence, tokenizer, max_tokens: int = MAX_TOKENS) -> Features:
    """Tokenise; what lies behind `max_tokens` is cut, the final [SEP] stays."""
    encoding = tokenizer.encode(sentence.text)
    ids, offsets = list(encoding.ids), list(encoding.offsets)
    if len(ids) > max_tokens:
        ids = ids[: max_tokens - 1] + ids[-1:]
        offsets = offsets[: max_tokens - 1] + offsets[-1:]
    tags = [0] * len(ids)
    spans, origin, flags = [], [], []
    order = sorted(range(len(sentence.mentions)), key=lambda i: sentence.mentions[i])
    all_flags, flag_targets = sentence.flags(), sentence.flag_targets()
    for index in order:
        span = token_span(offsets, *sentence.mentions[index])
        if span is None:
            continue
        spans.append(span)
        origin.append(index)
        flags.append(flag_targets[index])
        if all_flags[index]:
            tags[span[0]] = 1
            for k in range(span[0] + 1, span[1]):
                tags[k] = 2
    pairs, targets, count = [], [], len(DDI_LABELS if sentence.task == "ddi13" else LABELS)
    for a in range(len(spans)):
        for b in range(a + 1, len(spans)):
            pairs.append((a, b))
            place = (min(origin[a], origin[b]), max(origin[a], origin[b]))
            label = sentence.pairs.get(place, 0)
            targets.append(sentence.soft.get(place) or [float(k == label) for k in range(count)])
    return Features(sentence, ids, offsets, tags, spans, origin, pairs, targets, flags)


@dataclass
class Batch:
    """Tensors of several sentences; `pair_row` is the sentence of each pair."""

    items: list[Features]
    input_ids: torch.Tensor
    attention_mask: torch.Tensor
    token_type_ids: torch.Tensor
    tags: torch.Tensor
    mentions: torch.Tensor
    pairs: torch.Tensor
    targets: torch.Tensor
    pair_row: torch.Tensor
    flags: torch.Tensor

    def to(self, device) -> "Batch":
        """The same on another device."""
        return Batch(self.items, *(getattr(self, n).to(device) for n in list(self.__dataclass_fields__)[1:]))


def collate(items: list[Features], pad: int = 0) -> Batch:
    """Pads to the longest; tags at padding and special tokens are -100 (no loss)."""
    longest = max(len(f.ids) for f in items)
    ids, mask, tags = [], [], []
    mentions, pairs, targets, rows, flags = [], [], [], [], []
    for row, item in enumerate(items):
        gap = longest - len(item.ids)
        ids.append(item.ids + [pad] * gap)
        mask.append([1] * len(item.ids) + [0] * gap)
        tags.append([t if b > a else -100 for t, (a, b) in zip(item.tags, item.offsets)] + [-100] * gap)
        base = len(mentions)
        mentions += [(row, a, b) for a, b in item.spans]
        pairs += [(base + a, base + b) for a, b in item.pairs]
        targets += item.targets
        rows += [row] * len(item.pairs)
        flags += item.flags
    input_ids = torch.tensor(ids)
    return Batch(
        items, input_ids, torch.tensor(mask), torch.zeros_like(input_ids), torch.tensor(tags),
        torch.tensor(mentions, dtype=torch.long).reshape(-1, 3), torch.tensor(pairs, dtype=torch.long).reshape(-1, 2),
        torch.tensor(targets, dtype=torch.float32), torch.tensor(rows, dtype=torch.long), torch.tensor(flags, dtype=torch.float32),
    )


def length_batches(items: list[Features], size: int, rng: random.Random, pool: int = 16) -> Iterator[list[Features]]:
    """Random batches of like length: shuffle, sort inside pools of `pool` batches, shuffle the batches."""
    order = items[:]
    rng.shuffle(order)
    batches = []
    for start in range(0, len(order), size * pool):
        part = sorted(order[start : start + size * pool], key=lambda f: len(f.ids))
        batches += [part[k : k + size] for k in range(0, len(part), size)]
    rng.shuffle(batches)
    yield from batches
