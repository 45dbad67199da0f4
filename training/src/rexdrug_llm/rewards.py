"""The four rewards, computed by `rexdrug_scoring`: the code that evaluates is the code that trains."""

from __future__ import annotations

from typing import Any, Callable

import rexdrug_scoring


def functions(task: str = "drugcomb") -> list[Callable[..., list[float]]]:
    """format, think, coverage, accuracy, in the order of the recipe's weights."""
    return rexdrug_scoring.reward_functions(task)


def totals(rows: list[dict[str, Any]], completions: list[str], weights: list[float]) -> list[float]:
    """Weighted sum of every completion against the solution of its row, by the rules of the row's task."""
    tasks = [row["task"] for row in rows]
    parts = rexdrug_scoring.rewards(tasks, completions, [row["solution"] for row in rows])
    columns = [parts[name] for name in ("format", "think", "coverage", "accuracy")]
    return [sum(w * v for w, v in zip(weights, values)) for values in zip(*columns)]
