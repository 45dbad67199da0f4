"""Which candidate spans are drugs: a logistic regression over `candidates.FEATURES`, with a learned weight per
surface and per drug. Weights travel as `mentions.json`; `backend/classifier/decision.rs` applies them."""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .candidates import FEATURES, TAG_THRESHOLDS, Candidate, LexiconMention, Pieces, candidates, features, fold, logit
from .mentions import Span

FORMAT = 1
# Of the annotation counts (annotated, not annotated) of a surface or drug in other documents.
_PRIOR = ("surface_odds", "surface_count", "surface_never", "drug_odds")


@dataclass
class Example:
    """One sentence with all that the decision may look at, and its gold mentions."""

    group: str
    text: str
    known: list[LexiconMention]
    pieces: Pieces
    gold: list[Span]
    found: list[Candidate] = field(default_factory=list)
    rows: np.ndarray = field(default_factory=lambda: np.zeros((0, len(FEATURES))))

    def prepare(self) -> "Example":
        """Fills candidates and their features."""
        self.found = candidates(self.text, self.known, self.pieces)
        self.rows = np.array([features(self.text, c, self.known, self.pieces) for c in self.found]).reshape(-1, len(FEATURES))
        return self

    def surface(self, candidate: Candidate) -> str:
        """Folded surface: the key of the learned weights."""
        return fold(self.text[candidate.start : candidate.end])

    def labels(self) -> list[int]:
        """1 for a candidate that is a gold mention."""
        gold = set(self.gold)
        return [int((c.start, c.end) in gold) for c in self.found]


def fnv1a(text: str) -> str:
    """32-bit FNV-1a of the UTF-8 bytes, in hexadecimal: names are kept as hashes with weights, never as names."""
    value = 0x811C9DC5
    for byte in text.encode():
        value = ((value ^ byte) * 0x01000193) & 0xFFFFFFFF
    return f"{value:08x}"


class Counts:
    """(annotated, not annotated) per surface and per drug."""

    def __init__(self, examples: list[Example]):
        self.surfaces: Counter = Counter()
        self.drugs: Counter = Counter()
        for example in examples:
            for candidate, label in zip(example.found, example.labels()):
                self.surfaces[example.surface(candidate), label] += 1
                if "lexicon" in candidate.found and candidate.of is not None:
                    self.drugs[candidate.of.drug_id, label] += 1

    def without(self, other: "Counts") -> "Counts":
        """These counts less those of `other`."""
        out = Counts([])
        out.surfaces, out.drugs = self.surfaces.copy(), self.drugs.copy()
        out.surfaces.subtract(other.surfaces)
        out.drugs.subtract(other.drugs)
        return out

    def prior(self, surface: str, drug: str | None) -> tuple[list[float], bool, bool]:
        """Values of _PRIOR, and whether the surface and the drug are new."""
        yes, no = self.surfaces[surface, 1], self.surfaces[surface, 0]
        drug_yes, drug_no = (self.drugs[drug, 1], self.drugs[drug, 0]) if drug else (0, 0)
        odds = lambda a, b: math.log((a + 0.5) / (b + 0.5)) if a + b else 0.0  # noqa: E731
        never = math.log1p(no) if yes == 0 else 0.0
        return [odds(yes, no), math.log1p(yes + no), never, odds(drug_yes, drug_no)], yes + no == 0, drug_yes + drug_no == 0


def _matrix(examples: list[Example], counts: Counts) -> np.ndarray:
    rows = []
    for example in examples:
        for candidate, row in zip(example.found, example.rows):
            prior, new_surface, new_drug = counts.prior(example.surface(candidate), candidate.of.drug_id if candidate.of else None)
            row = row.copy()
            row[FEATURES.index("surface_unseen")], row[FEATURES.index("drug_unseen")] = new_surface, new_drug
            rows.append(np.concatenate([row, prior]))
    return np.array(rows).reshape(-1, len(FEATURES) + len(_PRIOR))


def _logistic(x: np.ndarray, y: np.ndarray, strength: float) -> np.ndarray:
    """Newton's method with an L2 penalty."""
    weights = np.zeros(x.shape[1])
    for _ in range(30):
        p = 1 / (1 + np.exp(-np.clip(x @ weights, -30, 30)))
        gradient = x.T @ (p - y) + strength * weights
        curvature = (x * np.maximum(p * (1 - p), 1e-6)[:, None]).T @ x + strength * np.eye(len(weights))
        step = np.linalg.solve(curvature, gradient)
        weights -= step
        if np.abs(step).max() < 1e-6:
            break
    return weights


@dataclass
class Decision:
    """Learned weights; scores are log-odds."""

    weights: list[float]
    surfaces: dict[str, float]
    drugs: dict[str, float]
    threshold: float = 0.4

    @classmethod
    def fit(cls, examples: list[Example], strength: float = 1.0, threshold: float = 0.4) -> "Decision":
        """Counts that a sentence sees in training are those of the other documents, as in use."""
        everything = Counts(examples)
        by_group = defaultdict(list)
        for example in examples:
            by_group[example.group].append(example)
        x = np.concatenate([_matrix(group, everything.without(Counts(group))) for group in by_group.values()])
        y = np.array([label for group in by_group.values() for example in group for label in example.labels()], float)
        mean, scale = x.mean(0), x.std(0) + 1e-9
        mean[0], scale[0] = 0.0, 1.0
        weights = _logistic((x - mean) / scale, y, strength) / scale
        weights[0] -= float((weights * mean).sum())
        count = len(FEATURES)
        odds, seen, never, drug = weights[count:]
        surfaces = {}
        for surface in sorted({s for s, _ in everything.surfaces}):
            (a, b, c, _), _, _ = everything.prior(surface, None)
            surfaces[fnv1a(surface)] = round(odds * a + seen * b + never * c, 4)
        drugs = {fnv1a(d): round(drug * everything.prior("", d)[0][3], 4) for d in sorted({d for d, _ in everything.drugs})}
        return cls([round(float(w), 5) for w in weights[:count]], surfaces, drugs, threshold)

    def scores(self, example: Example) -> list[float]:
        """Log-odds per candidate."""
        out = []
        for candidate, row in zip(example.found, example.rows):
            surface = self.surfaces.get(fnv1a(example.surface(candidate)))
            drug = self.drugs.get(fnv1a(candidate.of.drug_id)) if candidate.of else None
            row = row.copy()
            row[FEATURES.index("surface_unseen")], row[FEATURES.index("drug_unseen")] = surface is None, drug is None
            out.append(float(row @ np.array(self.weights)) + (surface or 0.0) + (drug or 0.0))
        return out

    def select(self, example: Example, threshold: float | None = None) -> list[tuple[Span, float]]:
        """Spans that are drugs, in text order, with their log-odds: the best first, none that overlaps a better one."""
        least = logit(self.threshold if threshold is None else threshold)
        ranked = sorted(zip(self.scores(example), example.found), key=lambda r: (-r[0], r[1].start, r[1].end))
        kept: list[tuple[Span, float]] = []
        for score, c in ranked:
            if score > least and all(c.end <= a or c.start >= b for (a, b), _ in kept):
                kept.append(((c.start, c.end), score))
        return sorted(kept)

    def write(self, path: Path, notes: dict) -> None:
        """`mentions.json` of a model folder."""
        path.write_text(json.dumps({
            "format": FORMAT, "features": list(FEATURES), "weights": self.weights, "threshold": self.threshold,
            "tag_thresholds": list(TAG_THRESHOLDS), "surfaces": self.surfaces, "drugs": self.drugs, **notes,
        }, separators=(",", ":")) + "\n", encoding="utf-8")


def cross_validate(examples: list[Example], parts: list[list[int]], thresholds: tuple[float, ...]) -> tuple[dict[float, list], list[list]]:
    """Per threshold the (F1, P, R) of every fold; and per example the spans at the lowest threshold with log-odds."""
    kept: list[list] = [[] for _ in examples]
    figures: dict[float, list] = {t: [] for t in thresholds}
    for part in parts:
        outside = set(part)
        decision = Decision.fit([e for i, e in enumerate(examples) if i not in outside])
        for index in part:
            kept[index] = decision.select(examples[index], min(thresholds))
        for threshold in thresholds:
            spans = [{s for s, z in kept[i] if z > logit(threshold)} for i in part]
            figures[threshold].append(mention_f1([examples[i].gold for i in part], spans))
    return figures, kept


def mention_f1(gold: list, found: list) -> tuple[float, float, float]:
    """F1, precision, recall of exact spans over sentences."""
    hits = sum(len(set(a) & set(b)) for a, b in zip(gold, found))
    given, wanted = sum(len(set(b)) for b in found), sum(len(set(a)) for a in gold)
    precision, recall = hits / max(given, 1), hits / max(wanted, 1)
    return 2 * precision * recall / max(precision + recall, 1e-12), precision, recall
