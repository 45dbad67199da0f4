"""Recipes, datasets and rewards: what of the training needs no torch."""

from __future__ import annotations

import tempfile
import unittest
from pathlib import Path

from rexdrug_llm import data, invented, rewards
from rexdrug_llm.recipe import Recipe

RECIPE = Path(__file__).resolve().parents[1] / "recipes/llm/tiny.toml"


class Recipes(unittest.TestCase):
    def test_published_recipes_hold_the_published_values(self) -> None:
        bases = {"llama31-8b": "meta-llama/Llama-3.1-8B-Instruct", "qwen25-7b": "Qwen/Qwen2.5-7B-Instruct"}
        for name, task in [(name, task) for name in bases for task in ("drugcomb", "ddi13")]:
            recipe = Recipe.load(RECIPE.parent / f"{name}{'' if task == 'drugcomb' else '-ddi13'}.toml")
            self.assertEqual((recipe.task, recipe.prompt, recipe.base, recipe.bf16), (task, f"{task}-v1", bases[name], True))
            self.assertEqual((recipe.lora.rank, recipe.lora.alpha, recipe.lora.targets), (16, 32, "all-linear"))
            self.assertEqual((recipe.sft.learning_rate, recipe.sft.epochs, recipe.sft.batch, recipe.sft.warmup), (1e-5, 10, 1, 0.1))
            g = recipe.grpo
            self.assertEqual((g.generations, g.temperature, g.top_p, g.beta, g.learning_rate, g.epochs), (8, 0.7, 0.9, 0.04, 1e-6, 20))
            self.assertEqual((g.batch, g.accumulation, g.max_completion, g.seeds), (4, 4, 2048, [42, 123, 2025, 3407, 6666]))
            self.assertEqual((g.weights, g.loss, g.max_steps), ([0.05, 0.05, 0.1, 0.8], "grpo", -1))
            # TRL wants whole groups in a step: 16 completions are two prompts of eight.
            self.assertEqual(g.batch * g.accumulation % g.generations, 0)

    def test_a_typo_is_an_error(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "r.toml"
            path.write_text(RECIPE.read_text().replace("[sft]", "[sft]\nepoch = 3"))
            with self.assertRaisesRegex(SystemExit, "epoch"):
                Recipe.load(path)

    def test_another_task_is_an_error(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            work = Path(folder)
            invented.write_data("s\n=== user ===\n{sentence}", work, count=4, task="ddi13")
            for read, name in ((data.sft_rows, "sft.jsonl"), (data.grpo_rows, "grpo.jsonl")):
                self.assertEqual(len(read(work / name, "ddi13")), 4)
                with self.assertRaisesRegex(SystemExit, "rows of ddi13, and the recipe's task is drugcomb"):
                    read(work / name)
            path = work / "r.toml"
            path.write_text(RECIPE.read_text().replace("version = 1", 'version = 1\ntask = "ddi"'))
            with self.assertRaisesRegex(SystemExit, "expected one of drugcomb, ddi13"):
                Recipe.load(path)

    def test_rows_without_their_columns_are_named(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "sft.jsonl"
            path.write_text('{"prompt": []}\n')
            with self.assertRaisesRegex(SystemExit, "line 1.*completion"):
                data.sft_rows(path)


class Rewards(unittest.TestCase):
    """The wheel judges the rows that the trainers read."""

    def setUp(self) -> None:
        self.recipe = Recipe.load(RECIPE)
        self.rows = invented.rows(self.recipe.prompt_file().read_text(), 24, 5)

    def test_the_written_datasets_are_read_back(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            work = Path(folder)
            invented.write_data(self.recipe.prompt_file().read_text(), work, count=30)
            self.assertEqual((len(data.sft_rows(work / "sft.jsonl")), len(data.grpo_rows(work / "grpo.jsonl"))), (30, 30))

    def test_a_right_answer_earns_more_than_a_wrong_label_and_that_more_than_none(self) -> None:
        right = [row["completion"][0]["content"] for row in self.rows]
        other = {"POS": "NEG", "NEG": "COMB", "COMB": "POS", "NO_COMB": "POS"}
        wrong = []
        for text in right:
            label = next(name for name in other if f'"type": "{name}"' in text)
            wrong.append(text.replace(f'"type": "{label}"', f'"type": "{other[label]}"'))
        weights = self.recipe.grpo.weights
        best, worse, none = (rewards.totals(self.rows, texts, weights) for texts in (right, wrong, ["I do not know."] * len(right)))
        for a, b, c in zip(best, worse, none):
            self.assertGreater(a, b)
            self.assertGreaterEqual(b, c)
        self.assertGreater(sum(worse), sum(none))

    def test_pairs_are_judged_by_the_rules_of_their_task(self) -> None:
        rows = invented.rows(self.recipe.prompt_file().read_text(), 40, 5, "ddi13")
        right = [row["completion"][0]["content"] for row in rows]
        other = {"effect": "int", "mechanism": "effect", "advise": "mechanism", "int": "advise", "NO_COMB": "int"}
        kinds = [next(name for name in other if f'"type": "{name}"' in text) for text in right]
        self.assertEqual(set(kinds), set(other))
        wrong = [text.replace(f'"type": "{kind}"', f'"type": "{other[kind]}"') for kind, text in zip(kinds, right)]
        weights = self.recipe.grpo.weights
        for best, worse in zip(rewards.totals(rows, right, weights), rewards.totals(rows, wrong, weights)):
            self.assertAlmostEqual(best, 1.0)
            self.assertLess(worse, 0.5)
        solutions = [row["solution"] for row in rows]
        columns = [f(prompts=None, completions=right, solution=solutions, task=["ddi13"] * len(rows)) for f in rewards.functions("ddi13")]
        self.assertEqual([sum(column) for column in columns], [len(rows)] * 4)

    def test_the_trainers_functions_are_those_of_the_totals(self) -> None:
        texts = [row["completion"][0]["content"] for row in self.rows]
        solutions = [row["solution"] for row in self.rows]
        columns = [f(prompts=None, completions=[[{"role": "assistant", "content": t}] for t in texts], solution=solutions) for f in rewards.functions()]
        weighted = [sum(w * v for w, v in zip(self.recipe.grpo.weights, values)) for values in zip(*columns)]
        for a, b in zip(weighted, rewards.totals(self.rows, texts, self.recipe.grpo.weights)):
            self.assertAlmostEqual(a, b)


if __name__ == "__main__":
    unittest.main()
