"""Datasets as `rexdrug traces generate` writes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def read(path: Path, columns: set[str]) -> list[dict[str, Any]]:
    """Lines of a JSONL file that all have these columns."""
    rows = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        row = json.loads(line)
        if missing := columns - set(row):
            raise SystemExit(f"{path} line {number}: expected {sorted(columns)}, lacks {sorted(missing)}; write it with `rexdrug traces generate`")
        rows.append(row)
    if not rows:
        raise SystemExit(f"{path} is empty; no trace was accepted, or the gold file is empty")
    return rows


def sft_rows(path: Path) -> list[dict[str, Any]]:
    """Prompt and completion, both as chats."""
    return [{"prompt": r["prompt"], "completion": r["completion"]} for r in read(path, {"prompt", "completion"})]


def grpo_rows(path: Path) -> list[dict[str, Any]]:
    """Prompt as a chat, solution and task for the rewards."""
    return [{"prompt": r["prompt"], "solution": r["solution"], "task": r.get("task", "drugcomb")} for r in read(path, {"prompt", "solution"})]
