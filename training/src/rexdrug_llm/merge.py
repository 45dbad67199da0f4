"""Folds an adapter into its base, so that the next stage and every server load one plain model."""

from __future__ import annotations

import argparse
from pathlib import Path

from .common import merged


def merge(folder: Path, out: Path, base: str | None = None, bf16: bool = True) -> None:
    """Writes the merged model; a folder without an adapter is written as it is."""
    model, tokenizer = merged(folder, base, bf16)
    model.save_pretrained(str(out), safe_serialization=True)
    tokenizer.save_pretrained(str(out))


def main(argv: list[str] | None = None) -> None:
    """`python -m rexdrug_llm.merge`"""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="folder of a stage")
    parser.add_argument("--base", help="base of its adapter; default: the one it names")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--float32", action="store_true", help="keep 32 bits; default: bfloat16")
    args = parser.parse_args(argv)
    merge(args.model, args.out, args.base, not args.float32)


if __name__ == "__main__":
    main()
