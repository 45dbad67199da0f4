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
        for name in ("llama31-8b", "qwen25-7b"):
            recipe = Recipe.load(RECIPE.parent / f"{name}.toml")
            self.assertEqual((recipe.lora.rank, recipe.lora.alpha, recipe.lora.targets), (16, 32, "all-linear"))
            self.assertEqual((recipe.sft.learning_rate, recipe.sft.epochs, recipe.sft.batch, recipe.sft.warmup), (1e-5, 10, 1, 0.1))
            g = recipe.grpo
            self.assertEqual((g.generations, g.temperature, g.top_p, g.beta, g.learning_rate, g.epochs), (8, 0.7, 0.9, 0.04, 1e-6, 20))
            self.assertEqual((g.batch, g.accumulation, g.max_completion, g.seeds), (4, 4, 2048, [42, 123, 2025, 3407, 6666]))

    def test_a_typo_is_an_error(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "r.toml"
            path.write_text(RECIPE.read_text().replace("[sft]", "[sft]\nepoch = 3"))
            with self.assertRaisesRegex(SystemExit, "epoch"):
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

    def test_the_trainers_functions_are_those_of_the_totals(self) -> None:
        texts = [row["completion"][0]["content"] for row in self.rows]
        solutions = [row["solution"] for row in self.rows]
        columns = [f(prompts=None, completions=[[{"role": "assistant", "content": t}] for t in texts], solution=solutions) for f in rewards.functions()]
        weighted = [sum(w * v for w, v in zip(self.recipe.grpo.weights, values)) for values in zip(*columns)]
        for a, b in zip(weighted, rewards.totals(self.rows, texts, self.recipe.grpo.weights)):
            self.assertAlmostEqual(a, b)


if __name__ == "__main__":
    unittest.main()
