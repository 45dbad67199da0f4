"""The tiny recipe through SFT, merge, GRPO, export and `rexdrug run`."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

import torch

from rexdrug_llm import export, grpo, invented, merge, sft, tiny
from rexdrug_llm.common import load, merged
from rexdrug_llm.recipe import Recipe

ROOT = Path(__file__).resolve().parents[2]
RECIPE = ROOT / "training/recipes/llm/tiny.toml"
PAIRS = RECIPE.with_name("tiny-ddi13.toml")
BINARY = os.environ.get("REXDRUG_BIN")
# Reproducible sums, and no fight for cores.
torch.set_num_threads(1)


def rexdrug(*args: str) -> str:
    return subprocess.run([BINARY, *args], cwd=ROOT, check=True, capture_output=True, text=True).stdout


class Smoke(unittest.TestCase):
    def test_tiny_from_scratch_to_rows(self) -> None:
        recipe = Recipe.load(RECIPE)
        prompt = recipe.prompt_file().read_text()
        keep = os.environ.get("REXDRUG_SMOKE_DIR")
        work = Path(keep) if keep else Path(tempfile.mkdtemp(prefix="rexdrug-llm-"))
        # Four traces in ten state a wrong label: imitation alone ends there, and leaves the rewards something to mend.
        invented.write_data(prompt, work / "data", wrong=0.4)
        tiny.write_base(prompt, work / "base")
        facts = sft.train(recipe, str(work / "base"), work / "data/sft.jsonl", work / "sft")
        print("sft", facts, flush=True)
        self.assertLess(facts["last_loss"], facts["first_loss"] / 2)

        merge.merge(work / "sft", work / "merged", bf16=False)
        again = sft.train(recipe, str(work / "base"), work / "data/sft.jsonl", work / "sft")
        self.assertEqual(again["steps"], facts["steps"], "a finished run is not repeated")

        held = [{k: r[k] for k in ("prompt", "solution", "task")} for r in invented.rows(prompt, 64, 99)]
        before = grpo.prompt_rewards(*load(work / "merged", False), held, recipe, 8, 1)
        facts = grpo.train(recipe, str(work / "merged"), work / "data/grpo.jsonl", work / "grpo", 42)
        after = grpo.prompt_rewards(*merged(work / "grpo", work / "merged", False), held, recipe, 8, 1)
        # Prompt by prompt, since prompts differ more from each other than the two checkpoints do.
        gain, error = grpo.mean_and_error([b - a for a, b in zip(before, after)])
        for name, values in (("before", before), ("after", after)):
            print("grpo", name, "mean reward %.4f ± %.4f over 64 prompts of 8 samples" % grpo.mean_and_error(values), flush=True)
        print("grpo", facts, "gain %.4f ± %.4f" % (gain, error), flush=True)
        self.assertGreater(gain, 2 * error)

        export.write(recipe, work / "grpo", work / "model", str(work / "merged"))
        if not BINARY:
            print("REXDRUG_BIN is not set: `rexdrug run` is left out")
            return
        self.assertIn("rexdrug-tiny-llm", rexdrug("model", "verify", str(work / "model")))
        rexdrug("run", "data/sample/updatefiles", "--model", str(work / "model"), "--warehouse", str(work / "warehouse"))
        rows = json.loads(rexdrug("sql", "SELECT count(*) AS n, count(reasoning) AS reasoned, min(extractor) AS extractor FROM combinations", "--format", "json", "--warehouse", str(work / "warehouse")))
        print("rows", rows)
        self.assertGreater(rows[0]["n"], 0)
        self.assertEqual((rows[0]["reasoned"], rows[0]["extractor"]), (rows[0]["n"], "generator"))


class Pairs(unittest.TestCase):
    """The same stages under DDI13: fewer steps, since what they can reach is shown above."""

    def test_tiny_pairs_from_scratch_to_figures(self) -> None:
        recipe = Recipe.load(PAIRS)
        prompt = recipe.prompt_file().read_text()
        with tempfile.TemporaryDirectory(prefix="rexdrug-pairs-") as folder:
            work = Path(folder)
            invented.write_data(prompt, work / "data", task="ddi13")
            tiny.write_base(prompt, work / "base", task="ddi13")
            facts = sft.train(recipe, str(work / "base"), work / "data/sft.jsonl", work / "sft")
            print("ddi13 sft", facts, flush=True)
            self.assertLess(facts["last_loss"], facts["first_loss"] / 2)
            facts = grpo.train(recipe, str(work / "sft"), work / "data/grpo.jsonl", work / "grpo", 42)
            print("ddi13 grpo", facts, flush=True)
            self.assertEqual(facts["steps"], recipe.grpo.max_steps)
            export.write(recipe, work / "grpo", work / "model", str(work / "sft"))
            if not BINARY:
                print("REXDRUG_BIN is not set: `rexdrug eval ddi13` is left out")
                return
            invented.write_gold(work / "gold.jsonl", 40, 77)
            found = json.loads(rexdrug("eval", "ddi13", "--gold", str(work / "gold.jsonl"), "--model", str(work / "model"), "--json"))
            print("ddi13 eval", {k: found[k] for k in ("micro_f1", "macro_f1", "judged")}, flush=True)
            self.assertEqual((found["items"], found["errors"]["refused"]), (40, 0))
            # Four sentences in five state a pair and the constraint leaves no other drugs: only the type is to be learned.
            self.assertGreater(found["micro_f1"], 0.5)


class Merge(unittest.TestCase):
    def test_a_merged_adapter_gives_the_logits_of_base_and_adapter(self) -> None:
        from peft import get_peft_model

        from rexdrug_llm.common import adapter

        with tempfile.TemporaryDirectory() as folder:
            work, recipe = Path(folder), Recipe.load(RECIPE)
            tiny.write_base(recipe.prompt_file().read_text(), work / "base")
            model, tokenizer = load(work / "base", False)
            model = get_peft_model(model, adapter(recipe.lora))
            torch.manual_seed(1)
            for name, weight in model.named_parameters():
                if "lora_B" in name:
                    torch.nn.init.normal_(weight, std=0.1)
            model.save_pretrained(str(work / "adapter"))
            merge.merge(work / "adapter", work / "merged", str(work / "base"), bf16=False)
            ids = torch.tensor([tokenizer("Cisplatin plus aspirin.")["input_ids"]])
            with torch.no_grad():
                torch.testing.assert_close(load(work / "merged", False)[0](ids).logits, model(ids).logits, atol=1e-4, rtol=1e-4)


if __name__ == "__main__":
    unittest.main()
