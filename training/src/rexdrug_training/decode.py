"""From pair probabilities to sets: average-link clustering. The Rust decoder follows the same rules."""

from __future__ import annotations

import numpy as np

from . import LABELS


def average_link(count: int, pairs: list[tuple[int, int]], probabilities: np.ndarray, threshold: float) -> list[list[int]]:
    """Clusters of 2+ mentions. Start from single mentions; while the best mean P(not NONE) between two
    clusters is > `threshold`, merge them (ties: the clusters with the smallest first members)."""
    link = np.zeros((count, count))
    for (i, j), row in zip(pairs, probabilities):
        link[i, j] = link[j, i] = 1.0 - row[0]
    clusters = [[i] for i in range(count)]
    sums = link.copy()
    while len(clusters) > 1:
        sizes = np.array([len(c) for c in clusters], dtype=float)
        means = sums / np.outer(sizes, sizes)
        means[np.tril_indices(len(clusters))] = -1.0
        best = int(np.argmax(means))
        a, b = divmod(best, len(clusters))
        if means[a, b] <= threshold:
            break
        clusters[a] = sorted(clusters[a] + clusters[b])
        sums[a, :] += sums[b, :]
        sums[:, a] += sums[:, b]
        sums = np.delete(np.delete(sums, b, 0), b, 1)
        del clusters[b]
    return sorted(c for c in clusters if len(c) > 1)


def label_of(members: list[int], pairs: list[tuple[int, int]], probabilities: np.ndarray) -> tuple[str, float]:
    """Label with the greatest mean probability over the pairs of the set (NONE left out), and the
    confidence: mean P(not NONE)."""
    inside = set(members)
    rows = np.array([row for (i, j), row in zip(pairs, probabilities) if i in inside and j in inside])
    mean = rows.mean(0)
    return LABELS[1 + int(np.argmax(mean[1:]))], float(1.0 - mean[0])


def decode(count, pairs, probabilities, threshold=0.5, keep=None) -> list[tuple[list[int], str, float]]:
    """(members, label, confidence) of every set. Mentions with `keep` false are left out beforehand."""
    if keep is not None:
        kept = [i for i in range(count) if keep[i]]
        place = {old: new for new, old in enumerate(kept)}
        rows = [k for k, (i, j) in enumerate(pairs) if i in place and j in place]
        local = [(place[pairs[k][0]], place[pairs[k][1]]) for k in rows]
        found = decode(len(kept), local, probabilities[rows], threshold)
        return [([kept[i] for i in members], label, confidence) for members, label, confidence in found]
    if not pairs:
        return []
    return [(c, *label_of(c, pairs, probabilities)) for c in average_link(count, pairs, probabilities, threshold)]
