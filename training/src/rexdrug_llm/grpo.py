"""Stage 2: group relative policy optimisation on the four rewards, from the merged model of stage 1."""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path

import torch
from datasets import Dataset
from trl import GRPOConfig, GRPOTrainer

from .common import adapter, arguments, last_checkpoint, load
from .data import grpo_rows
from .recipe import Recipe
from .rewards import functions, totals


def train(recipe: Recipe, base: str, data: Path, out: Path, seed: int, report_to: str = "none") -> dict:
    """Trains, or goes on from the last checkpoint; returns the mean rewards of the first and last steps."""
    model, tokenizer = load(base, recipe.bf16)
    stage = recipe.grpo
    config = GRPOConfig(
        **arguments(recipe, out, report_to) | {"logging_steps": 1}, learning_rate=stage.learning_rate,
        num_train_epochs=stage.epochs, max_steps=stage.max_steps, per_device_train_batch_size=stage.batch,
        gradient_accumulation_steps=stage.accumulation, num_generations=stage.generations,
        temperature=stage.temperature, top_p=stage.top_p, beta=stage.beta,
        max_completion_length=stage.max_completion, reward_weights=stage.weights, seed=seed, data_seed=seed,
        loss_type=stage.loss, save_steps=50,
    )
    trainer = GRPOTrainer(
        model=model, reward_funcs=functions(recipe.task), args=config, train_dataset=Dataset.from_list(grpo_rows(data, recipe.task)),
        processing_class=tokenizer, peft_config=adapter(recipe.lora),
    )
    trainer.train(resume_from_checkpoint=last_checkpoint(out))
    trainer.save_model(str(out))
    tokenizer.save_pretrained(str(out))
    rewards = [entry["reward"] for entry in trainer.state.log_history if "reward" in entry]
    facts = {"seed": seed, "first_reward": rewards[0], "last_reward": rewards[-1], "steps": trainer.state.global_step}
    (out / "facts.json").write_text(json.dumps(facts) + "\n")
    return facts


@torch.no_grad()
def prompt_rewards(model, tokenizer, rows: list[dict], recipe: Recipe, samples: int, seed: int) -> list[float]:
    """Mean total reward of each prompt's sampled completions, to compare two checkpoints prompt by prompt."""
    torch.manual_seed(seed)
    stage = recipe.grpo
    texts = [tokenizer.apply_chat_template(row["prompt"], tokenize=False, add_generation_prompt=True) for row in rows]
    asked = tokenizer(texts, return_tensors="pt", padding=True, padding_side="left", add_special_tokens=False)
    made = model.eval().generate(
        input_ids=asked["input_ids"], attention_mask=asked["attention_mask"], do_sample=True,
        temperature=stage.temperature, top_p=stage.top_p, top_k=0, num_return_sequences=samples,
        max_new_tokens=stage.max_completion, pad_token_id=tokenizer.pad_token_id,
    )
    completions = tokenizer.batch_decode(made[:, asked["input_ids"].shape[1]:], skip_special_tokens=True)
    repeated = [row for row in rows for _ in range(samples)]
    values = totals(repeated, completions, stage.weights)
    return [sum(values[i : i + samples]) / samples for i in range(0, len(values), samples)]


def mean_and_error(values: list[float]) -> tuple[float, float]:
    """Mean and its standard error."""
    mean = sum(values) / len(values)
    variance = sum((v - mean) ** 2 for v in values) / (len(values) - 1)
    return mean, math.sqrt(variance / len(values))


def main(argv: list[str] | None = None) -> None:
    """`python -m rexdrug_llm.grpo`"""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipe", type=Path, required=True)
    parser.add_argument("--model", required=True, help="merged model of stage 1")
    parser.add_argument("--data", type=Path, required=True, help="grpo.jsonl of `rexdrug traces generate`")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, help="default: the first of the recipe's")
    parser.add_argument("--report-to", default="none", help="none, tensorboard or wandb")
    args = parser.parse_args(argv)
    recipe = Recipe.load(args.recipe)
    seed = recipe.grpo.seeds[0] if args.seed is None else args.seed
    print(json.dumps(train(recipe, args.model, args.data, args.out, seed, args.report_to)))


if __name__ == "__main__":
    main()
