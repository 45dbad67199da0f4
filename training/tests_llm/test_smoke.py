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
BINARY = os.environ.get("REXDRUG_BIN")


class Smoke(unittest.TestCase):
    def test_tiny_from_scratch_to_rows(self) -> None:
        recipe = Recipe.load(RECIPE)
        prompt = recipe.prompt_file().read_text()
        keep = os.environ.get("REXDRUG_SMOKE_DIR")
        work = Path(keep) if keep else Path(tempfile.mkdtemp(prefix="rexdrug-llm-"))
        invented.write_data(prompt, work / "data")
        tiny.write_base(prompt, work / "base")
        facts = sft.train(recipe, str(work / "base"), work / "data/sft.jsonl", work / "sft")
        print("sft", facts, flush=True)
        self.assertLess(facts["last_loss"], facts["first_loss"] / 2)

        merge.merge(work / "sft", work / "merged", bf16=False)
        again = sft.train(recipe, str(work / "base"), work / "data/sft.jsonl", work / "sft")
        self.assertEqual(again["steps"], facts["steps"], "a finished run is not repeated")

        held = [{k: r[k] for k in ("prompt", "solution", "task")} for r in invented.rows(prompt, 48, 99)]
        before = grpo.mean_reward(*load(work / "merged", False), held, recipe, 4, 1)
        facts = grpo.train(recipe, str(work / "merged"), work / "data/grpo.jsonl", work / "grpo", 42)
        after = grpo.mean_reward(*merged(work / "grpo", work / "merged", False), held, recipe, 4, 1)
        print("grpo", facts, "mean reward", before, "->", after, flush=True)
        self.assertGreater(after, before)

        export.write(recipe, work / "grpo", work / "model", str(work / "merged"))
        if not BINARY:
            print("REXDRUG_BIN is not set: `rexdrug run` is left out")
            return
        run = lambda *args: subprocess.run([BINARY, *args], cwd=ROOT, check=True, capture_output=True, text=True).stdout  # noqa: E731
        self.assertIn("rexdrug-tiny-llm", run("model", "verify", str(work / "model")))
        run("run", "data/sample/updatefiles", "--model", str(work / "model"), "--warehouse", str(work / "warehouse"))
        rows = json.loads(run("sql", "SELECT count(*) AS n, count(reasoning) AS reasoned, min(extractor) AS extractor FROM combinations", "--format", "json", "--warehouse", str(work / "warehouse")))
        print("rows", rows)
        self.assertGreater(rows[0]["n"], 0)
        self.assertEqual((rows[0]["reasoned"], rows[0]["extractor"]), (rows[0]["n"], "generator"))


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
