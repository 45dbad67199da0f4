"""What the stages share: models, adapters, checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from .recipe import Lora, Recipe


def load(folder: str | Path, bf16: bool) -> tuple[Any, Any]:
    """Model and tokenizer of a folder or a hub name."""
    dtype = torch.bfloat16 if bf16 else torch.float32
    tokenizer = AutoTokenizer.from_pretrained(str(folder))
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return AutoModelForCausalLM.from_pretrained(str(folder), dtype=dtype), tokenizer


def adapter(lora: Lora) -> LoraConfig:
    """Adapters on every linear layer, as published."""
    return LoraConfig(
        r=lora.rank, lora_alpha=lora.alpha, lora_dropout=lora.dropout, target_modules=lora.targets,
        task_type="CAUSAL_LM",
    )


def last_checkpoint(out: Path) -> str | None:
    """The newest checkpoint of a run that was stopped."""
    found = sorted(out.glob("checkpoint-*"), key=lambda path: int(path.name.rsplit("-", 1)[1]))
    return str(found[-1]) if found else None


def merged(folder: Path, base: str | Path | None, bf16: bool) -> tuple[Any, Any]:
    """The model of a folder, an adapter in it folded into its base."""
    if not (folder / "adapter_config.json").is_file():
        return load(folder, bf16)
    import json

    base = base or json.loads((folder / "adapter_config.json").read_text())["base_model_name_or_path"]
    model, tokenizer = load(base, bf16)
    return PeftModel.from_pretrained(model, str(folder)).merge_and_unload(), tokenizer


def arguments(recipe: Recipe, out: Path, report_to: str) -> dict[str, Any]:
    """Trainer settings that both stages have."""
    return {
        "output_dir": str(out), "report_to": report_to, "bf16": recipe.bf16, "use_cpu": not torch.cuda.is_available(),
        "gradient_checkpointing": recipe.bf16, "save_strategy": "steps", "save_total_limit": 2, "logging_steps": 5,
        "lr_scheduler_type": "cosine", "dataloader_num_workers": 0, "disable_tqdm": True,
    }
