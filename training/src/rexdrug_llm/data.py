"""Datasets as `rexdrug traces generate` writes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def read(path: Path, columns: set[str]) -> list[dict[str, Any]]:
    """Lines of a JSONL file that all have these columns."""
    rows = []
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
        if not line.strip():
            continue
        row = json.loads(line)
        if missing := columns - set(row):
            raise SystemExit(f"{path} line {number}: expected {sorted(columns)}, lacks {sorted(missing)}; write it with `rexdrug traces generate`")
        rows.append(row)
    if not rows:
        raise SystemExit(f"{path} is empty; no trace was accepted, or the gold file is empty")
    return rows


def of_task(path: Path, columns: set[str], task: str) -> list[dict[str, Any]]:
    """Lines that all have these columns, and none of another task; a line that names none is of DrugComb."""
    rows = read(path, columns)
    if others := {r.get("task", "drugcomb") for r in rows} - {task}:
        raise SystemExit(f"{path} holds rows of {', '.join(sorted(others))}, and the recipe's task is {task}; name its own data, or another recipe")
    return rows


def sft_rows(path: Path, task: str = "drugcomb") -> list[dict[str, Any]]:
    """Prompt and completion, both as chats."""
    return [{"prompt": r["prompt"], "completion": r["completion"]} for r in of_task(path, {"prompt", "completion"}, task)]


def grpo_rows(path: Path, task: str = "drugcomb") -> list[dict[str, Any]]:
    """Prompt as a chat, solution and task for the rewards."""
    return [{"prompt": r["prompt"], "solution": r["solution"], "task": task} for r in of_task(path, {"prompt", "solution"}, task)]
