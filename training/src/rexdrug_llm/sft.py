"""Stage 1: supervised fine-tuning on accepted traces; the loss is on the completion alone."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from datasets import Dataset
from trl import SFTConfig, SFTTrainer

from .common import adapter, arguments, last_checkpoint, load
from .data import sft_rows
from .recipe import Recipe


def train(recipe: Recipe, base: str, data: Path, out: Path, report_to: str = "none") -> dict:
    """Trains, or goes on from the last checkpoint; returns first and last loss."""
    model, tokenizer = load(base, recipe.bf16)
    stage = recipe.sft
    config = SFTConfig(
        **arguments(recipe, out, report_to), learning_rate=stage.learning_rate, num_train_epochs=stage.epochs,
        per_device_train_batch_size=stage.batch, gradient_accumulation_steps=stage.accumulation,
        warmup_steps=stage.warmup, max_length=stage.max_length, seed=stage.seed, data_seed=stage.seed,
        completion_only_loss=True, save_steps=200,
    )
    trainer = SFTTrainer(
        model=model, args=config, train_dataset=Dataset.from_list(sft_rows(data, recipe.task)), processing_class=tokenizer,
        peft_config=None if stage.full else adapter(recipe.lora),
    )
    trainer.train(resume_from_checkpoint=last_checkpoint(out))
    trainer.save_model(str(out))
    tokenizer.save_pretrained(str(out))
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    facts = {"first_loss": losses[0], "last_loss": losses[-1], "steps": trainer.state.global_step}
    (out / "facts.json").write_text(json.dumps(facts) + "\n")
    return facts


def main(argv: list[str] | None = None) -> None:
    """`python -m rexdrug_llm.sft`"""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipe", type=Path, required=True)
    parser.add_argument("--base", help="folder or hub name; default: the recipe's")
    parser.add_argument("--data", type=Path, required=True, help="sft.jsonl of `rexdrug traces generate`")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--report-to", default="none", help="none, tensorboard or wandb")
    args = parser.parse_args(argv)
    recipe = Recipe.load(args.recipe)
    print(json.dumps(train(recipe, args.base or recipe.base, args.data, args.out, args.report_to)))


if __name__ == "__main__":
    main()
