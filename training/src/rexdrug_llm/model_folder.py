"""Writes a generator's model folder: graph, tokenizer, chat template, `rexdrug.json` with hashes."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

FILES = ("model.onnx", "tokenizer.json", "tokenizer_config.json", "config.json")

DEFAULTS = {
    "prompt": "drugcomb-v1", "context_chars": 2000, "constrained": True, "think_tokens": 512, "answer_tokens": 256,
    "seconds": 120.0, "temperature": 0.0, "top_p": 1.0, "seed": 42,
}


def sha256_file(path: Path) -> str:
    """Hex digest."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def describe(folder: Path, name: str, generation: dict, notes: dict, more: list[str] | None = None, task: str = "drugcomb") -> None:
    """The manifest over what lies in the folder; external weights of the graph count as files of it."""
    unknown = set(generation) - set(DEFAULTS)
    if unknown:
        raise SystemExit(f"unknown generation settings {sorted(unknown)}; expected some of {sorted(DEFAULTS)}")
    names = [*FILES, *(more or []), *sorted(p.name for p in folder.iterdir() if p.name.startswith("model.onnx") and p.name != "model.onnx")]
    files = {n: {"sha256": sha256_file(folder / n), "bytes": (folder / n).stat().st_size} for n in names}
    manifest = {
        "format": 1, "name": name, "task": task, "backend": "generator",
        "generation": DEFAULTS | generation, "files": files, **notes,
    }
    (folder / "rexdrug.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


def tokenizer_config(tokenizer) -> dict:
    """What a runtime needs of tokenizer_config.json: the chat template inside it, and the names of special tokens."""
    return {
        "chat_template": tokenizer.chat_template, "bos_token": tokenizer.bos_token, "eos_token": tokenizer.eos_token,
        "pad_token": tokenizer.pad_token,
    }
