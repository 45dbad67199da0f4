"""Spans that may be drugs, and what is known of each: the input of the mention decision.

`operators/src/backend/classifier/candidates.rs` and `features.rs` follow the same rules; the fixture that
`decision fixture` writes holds both to them.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field

import numpy as np

from .mentions import Span, spans_of_tags

KINDS = ("drug", "product", "class", "regimen", "stem")
TAG_THRESHOLDS = (0.2, 0.5, 0.8)
FEATURES = (
    "bias", "lexicon", "head", "tail", "tagged", "tag_only",
    *(f"kind_{k}" for k in KINDS),
    "tag_mean", "tag_min", "tag_max", "tag_first", "tag_begin", "tag_before", "tag_after", "tag_goes_on",
    "surface_unseen", "drug_unseen",
    "length", "at_most_4", "at_most_6", "capitals", "mixed_case", "title_case", "digit", "hyphen", "slash",
    "two_words", "more_words", "plural",
    "after_paren", "before_paren", "after_hyphen", "before_hyphen", "after_slash", "before_slash", "before_opening",
    "same_before", "same_after", "alias", "aliased", "lexicon_count", "inside_lexicon", "holds_lexicon",
)
_HYPHENS = "-‐‑–"
_WORD = re.compile(r"[^\W_]+", re.UNICODE)
_GAP = re.compile(r"[\s\-‐‑–]+", re.UNICODE)


@dataclass(frozen=True)
class LexiconMention:
    """What `rexdrug lexicon find` prints of one mention; offsets are code points."""

    start: int
    end: int
    drug_id: str
    name: str
    kind: str


@dataclass
class Pieces:
    """Word pieces of a sentence: code-point spans and P(O), P(B), P(I). Special tokens have empty spans."""

    offsets: list[Span]
    tags: np.ndarray


@dataclass
class Candidate:
    """A span with the lexicon mention that it is, or is a part of; `found` says how it came about."""

    start: int
    end: int
    of: LexiconMention | None
    found: set[str] = field(default_factory=set)


def fold(surface: str) -> str:
    """Lower case; runs of spaces and hyphens are one space."""
    return _GAP.sub(" ", surface.lower()).strip()


def candidates(text: str, known: list[LexiconMention], pieces: Pieces) -> list[Candidate]:
    """Lexicon mentions, their leading and trailing words, and the spans of the tagger, in text order.
    A span that no word piece touches is none."""
    found: dict[Span, Candidate] = {}

    def add(start: int, end: int, how: str, of: LexiconMention | None) -> None:
        found.setdefault((start, end), Candidate(start, end, of)).found.add(how)

    for mention in known:
        add(mention.start, mention.end, "lexicon", mention)
        words = [(mention.start + m.start(), mention.start + m.end()) for m in _WORD.finditer(text[mention.start : mention.end])]
        for (_, end), (start, _) in zip(words, words[1:]):
            add(mention.start, end, "head", mention)
            add(start, mention.end, "tail", mention)
    inside = pieces.tags[:, 1] + pieces.tags[:, 2]
    for threshold in TAG_THRESHOLDS:
        tags = np.where(inside > threshold, 1 + (pieces.tags[:, 2] > pieces.tags[:, 1]), 0)
        for start, end in spans_of_tags([int(t) for t in tags], pieces.offsets, text):
            add(start, end, "tagged", None)
    return sorted((c for c in found.values() if touched(pieces, c.start, c.end)), key=lambda c: (c.start, c.end))


def touched(pieces: Pieces, start: int, end: int) -> list[int]:
    """Pieces that touch the span."""
    return [k for k, (a, b) in enumerate(pieces.offsets) if a < end and b > start and b > a]


def logit(p: float) -> float:
    """Log-odds, cut at one in ten thousand."""
    p = min(max(float(p), 1e-4), 1 - 1e-4)
    return math.log(p / (1 - p))


def tag_features(pieces: Pieces, start: int, end: int) -> list[float]:
    """What the tagger says inside the span and beside it; beyond the sentence it says nothing."""
    hit = touched(pieces, start, end)
    inside = pieces.tags[hit, 1] + pieces.tags[hit, 2]
    real = lambda k: 0 <= k < len(pieces.offsets) and pieces.offsets[k][0] < pieces.offsets[k][1]  # noqa: E731
    before, after = hit[0] - 1, hit[-1] + 1
    return [
        logit(inside.mean()), logit(inside.min()), logit(inside.max()), logit(inside[0]), logit(pieces.tags[hit[0], 1]),
        logit(pieces.tags[before, 1:].sum() if real(before) else 0.0),
        logit(pieces.tags[after, 1:].sum() if real(after) else 0.0),
        logit(pieces.tags[after, 2] if real(after) else 0.0),
    ]


def features(text: str, candidate: Candidate, known: list[LexiconMention], pieces: Pieces) -> list[float]:
    """Values in the order of FEATURES; `surface_unseen` and `drug_unseen` are filled in by the decision."""
    start, end, of = candidate.start, candidate.end, candidate.of
    surface = text[start:end]
    letters = [c for c in surface if c.isalpha()]
    upper = sum(c.isupper() for c in letters)
    words = len(_WORD.findall(surface))
    left, right = text[start - 1 : start], text[end : end + 1]
    same = [m for m in known if of is not None and m.drug_id == of.drug_id and (m.end <= start or m.start >= end)]
    opens = ("(", "[")
    kind = of.kind if of is not None else ""
    if of is not None and kind not in KINDS:
        kind = "drug"
    values = [
        1.0, *("lexicon" in candidate.found, "head" in candidate.found, "tail" in candidate.found, "tagged" in candidate.found),
        of is None,
        *(kind == k for k in KINDS),
        *tag_features(pieces, start, end),
        0.0, 0.0,
        min(len(surface), 30) / 10, len(surface) <= 4, len(surface) <= 6,
        bool(letters) and upper == len(letters), 1 < upper < len(letters), surface[0].isupper() and upper == 1,
        any(c.isdigit() for c in surface), any(c in _HYPHENS for c in surface), any(c in "/+" for c in surface),
        words == 2, words >= 3, surface[-1] == "s",
        left == "(", right == ")", left != "" and left in _HYPHENS, right != "" and right in _HYPHENS,
        left != "" and left in "/+", right != "" and right in "/+", text[end : end + 2] == " (",
        any(m.end <= start for m in same), any(m.start >= end for m in same),
        any(m.end <= start and text[m.end : start].strip() in opens for m in same),
        any(m.start >= end and text[end : m.start].strip() in opens for m in same),
        math.log1p(len(known)),
        any(m.start <= start and m.end >= end and (m.start, m.end) != (start, end) for m in known),
        any(m.start >= start and m.end <= end and (m.start, m.end) != (start, end) for m in known),
    ]
    return [float(v) for v in values]
