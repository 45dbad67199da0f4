"""The leaderboard rule of DrugComb, mention F1 and DDI13 micro-F1."""

from __future__ import annotations

from collections import defaultdict
from typing import Iterable, NamedTuple

_CLASS = {"POS": 2, "NEG": 1, "COMB": 1, "NO_COMB": 0, 2: 2, 1: 1, 0: 0}


class Relation(NamedTuple):
    """One set of drugs of one sentence; `label` is POS, NEG, COMB, NO_COMB or its leaderboard number."""

    doc: str
    drugs: tuple[int, ...]
    label: str | int


class Prf(NamedTuple):
    """F1, precision, recall."""

    f1: float
    precision: float
    recall: float


def _side(rows: dict, empty: float = 0.0) -> float:
    wanted = [(key, hits) for key, hits in rows.items() if key[2] != 0]
    if not wanted:
        return empty
    return sum(max((score for label, score in hits if label == key[2]), default=0.0) for key, hits in wanted) / len(wanted)


def leaderboard(gold: Iterable[Relation], predicted: Iterable[Relation], exact: bool, any_comb: bool) -> Prf:
    """One of the four figures. Rows with equal document, drugs (as listed) and class are one row, as in
    the published scorer; the class is POS against all others, or combination against none."""

    def cls(label) -> int:
        number = _CLASS[label]
        return int(number > 0) if any_comb else int(number == 2)

    by_doc = defaultdict(list)
    for row in predicted:
        by_doc[row.doc].append(row)
    gold_rows, predicted_rows = defaultdict(list), defaultdict(list)
    for doc_rows in by_doc.values():
        for row in doc_rows:
            predicted_rows[(row.doc, tuple(row.drugs), cls(row.label))] += []
    for row in gold:
        key, left = (row.doc, tuple(row.drugs), cls(row.label)), set(row.drugs)
        gold_rows[key] += []
        for other in by_doc.get(row.doc, ()):
            right = set(other.drugs)
            shared, score = len(left & right), len(left & right) / len(left | right)
            if score == 1 or (not exact and shared >= 2):
                gold_rows[key].append((cls(other.label), score))
                predicted_rows[(other.doc, tuple(other.drugs), cls(other.label))].append((cls(row.label), score))
    precision, recall = _side(predicted_rows), _side(gold_rows)
    total = precision + recall
    return Prf(2 * precision * recall / total if total else 0.0, precision, recall)


def four(gold: list[Relation], predicted: list[Relation]) -> dict[str, Prf]:
    """pos_exact, pos_partial, any_exact, any_partial."""
    return {
        f"{'any' if any_comb else 'pos'}_{'exact' if exact else 'partial'}": leaderboard(gold, predicted, exact, any_comb)
        for any_comb in (False, True)
        for exact in (True, False)
    }


def set_f1(gold: set, predicted: set) -> Prf:
    """Micro F1 of two sets of hashable items (mentions, typed pairs)."""
    hits = len(gold & predicted)
    precision = hits / len(predicted) if predicted else 0.0
    recall = hits / len(gold) if gold else 0.0
    total = precision + recall
    return Prf(2 * precision * recall / total if total else 0.0, precision, recall)


def mean_sd(values: list[float]) -> tuple[float, float]:
    """Mean and sample standard deviation."""
    mean = sum(values) / len(values)
    if len(values) < 2:
        return mean, 0.0
    return mean, (sum((v - mean) ** 2 for v in values) / (len(values) - 1)) ** 0.5
