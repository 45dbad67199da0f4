"""Writes the model folder that `rexdrug run --model` takes: ONNX decoder, tokenizer, chat template, manifest."""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

from .common import merged
from .decoder_export import export
from .model_folder import describe, tokenizer_config
from .recipe import Recipe


def write(recipe: Recipe, folder: Path, out: Path, base: str | None = None) -> None:
    """Folds an adapter in, exports, describes."""
    model, tokenizer = merged(folder, base, bf16=False)
    out.mkdir(parents=True, exist_ok=True)
    export(model, out / "model.onnx")
    tokenizer.backend_tokenizer.save(str(out / "tokenizer.json"))
    (out / "tokenizer_config.json").write_text(json.dumps(tokenizer_config(tokenizer), indent=1) + "\n")
    (out / "config.json").write_text(json.dumps(model.config.to_dict(), indent=1, default=str) + "\n")
    own = recipe.prompt_file()
    if own:
        shutil.copyfile(own, out / own.name)
    generation = {"prompt": recipe.prompt} | recipe.generation
    describe(out, recipe.name, generation, {"recipe": {"name": recipe.path.name, "sha256": recipe.sha256()}}, [own.name] if own else [], recipe.task)


def main(argv: list[str] | None = None) -> None:
    """`python -m rexdrug_llm.export`"""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipe", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True, help="folder of a stage, merged or with an adapter")
    parser.add_argument("--base", help="base of its adapter; default: the one it names")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args(argv)
    write(Recipe.load(args.recipe), args.model, args.out, args.base)


if __name__ == "__main__":
    main()
