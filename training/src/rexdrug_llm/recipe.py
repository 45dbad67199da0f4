"""Recipes: one versioned TOML file decides a whole run. Unknown keys are errors, so that a typo is no setting."""

from __future__ import annotations

import dataclasses
import hashlib
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

VERSION = 1
TASKS = ("drugcomb", "ddi13")


@dataclass
class Lora:
    """Low-rank adapters."""

    rank: int = 16
    alpha: int = 32
    dropout: float = 0.0
    targets: str | list[str] = "all-linear"


@dataclass
class Sft:
    """Supervised fine-tuning on traces."""

    learning_rate: float = 1e-5
    epochs: float = 10
    batch: int = 1
    accumulation: int = 1
    warmup: float = 0.1
    max_length: int = 4096
    seed: int = 42
    full: bool = False


@dataclass
class Grpo:
    """Reinforcement learning on rewards."""

    learning_rate: float = 1e-6
    epochs: float = 20
    max_steps: int = -1
    batch: int = 4
    accumulation: int = 4
    generations: int = 8
    loss: str = "grpo"
    temperature: float = 0.7
    top_p: float = 0.9
    beta: float = 0.04
    max_completion: int = 2048
    weights: list[float] = field(default_factory=lambda: [0.05, 0.05, 0.1, 0.8])
    seeds: list[int] = field(default_factory=lambda: [42, 123, 2025, 3407, 6666])


@dataclass
class Recipe:
    """A whole run."""

    version: int
    name: str
    base: str
    task: str = "drugcomb"
    prompt: str = "drugcomb-v1"
    bf16: bool = True
    lora: Lora = field(default_factory=Lora)
    sft: Sft = field(default_factory=Sft)
    grpo: Grpo = field(default_factory=Grpo)
    generation: dict[str, Any] = field(default_factory=dict)
    path: Path | None = None

    @classmethod
    def load(cls, path: Path) -> Recipe:
        """Reads a recipe file."""
        values = tomllib.loads(path.read_text(encoding="utf-8"))
        if values.get("version") != VERSION:
            raise SystemExit(f"{path}: version is {values.get('version')}, this code reads {VERSION}")
        if values.get("task", TASKS[0]) not in TASKS:
            raise SystemExit(f"{path}: task is {values['task']!r}, expected one of {', '.join(TASKS)}")
        parts = {"lora": Lora, "sft": Sft, "grpo": Grpo}
        for name, kind in parts.items():
            values[name] = _build(kind, values.get(name, {}), f"{path} [{name}]")
        return dataclasses.replace(_build(cls, values, str(path)), path=path)

    def sha256(self) -> str:
        """Digest of the file, for the model's manifest."""
        return hashlib.sha256(self.path.read_bytes()).hexdigest() if self.path else ""

    def prompt_file(self) -> Path | None:
        """A template beside the recipe; none for a built-in one."""
        beside = self.path.parent / self.prompt if self.path else None
        return beside if beside and beside.is_file() else None


def _build(kind: type, values: dict[str, Any], where: str) -> Any:
    known = {f.name for f in dataclasses.fields(kind)} - {"path"}
    if unknown := set(values) - known:
        raise SystemExit(f"{where}: unknown {sorted(unknown)}; expected some of {sorted(known)}")
    return kind(**values)
