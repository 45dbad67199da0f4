"""One training run: recipe + sentences -> weights. Resumes from its own checkpoint."""

from __future__ import annotations

import copy
import json
import math
import os
import random
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from .data import Sentence, name_pool, swap_names
from .features import Batch, collate, featurise, length_batches
from .lowbit import settled, train_rounded
from .model import Extractor, encoder_folder, keep_layers, load_encoder


@dataclass
class Recipe:
    """Every knob of a run; `recipes/*.json` holds the values in use."""

    epochs: int = 6
    # Stop after so many epochs of the schedule, before its learning rate is spent; 0: run to its end.
    stop: int = 0
    encoder_lr: float = 1e-4
    head_lr: float = 5e-4
    layer_decay: float = 1.0
    weight_decay: float = 0.01
    warmup: float = 0.1
    batch: int = 16
    clip: float = 1.0
    dropout: float = 0.2
    swap_share: float = 0.8
    swap_chance: float = 0.5
    tag_weight: float = 1.0
    mention_weight: float = 0.5
    ddi_weight: float = 1.0
    none_label_weight: float = 1.0
    neg_label_weight: float = 1.0
    ema: float = 0.0
    production_mentions: bool = True
    freeze_layers: int = 0
    # A student: the lowest layers of the start weights, a share of the teacher in the targets of labelled
    # sentences, and how many unlabelled sentences the teacher labels besides: of the same paragraphs, of MEDLINE files.
    layers: int = 0
    soft_weight: float = 0.0
    unlabelled: int = 0
    plain: int = 0
    # Train with encoder weights of so many bits, a scale for `group` of them; 0: full precision.
    bits: int = 0
    group: int = 64
    seed: int = 42

    @classmethod
    def of(cls, values: dict) -> "Recipe":
        """From JSON; an unknown knob is an error, not silence."""
        unknown = set(values) - set(cls.__dataclass_fields__)
        if unknown:
            raise ValueError(f"recipe: unknown keys {sorted(unknown)}; known: {sorted(cls.__dataclass_fields__)}")
        return cls(**values)


def seed_all(seed: int) -> random.Random:
    """Seeds python, numpy and torch; returns the run's own generator."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)
    return random.Random(seed)


def device() -> torch.device:
    """The GPU when there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def new_model(encoder: str | None, recipe: Recipe, start: str | None = None) -> Extractor:
    """A model on pretrained encoder weights; `start` is a state dict of an earlier stage. The recipe's seed draws the
    heads, so that runs of one recipe begin alike."""
    torch.manual_seed(recipe.seed)
    model = Extractor(load_encoder(encoder_folder(encoder)), recipe.dropout)
    if start:
        model.load_state_dict(torch.load(start, map_location="cpu", weights_only=True))
    if recipe.layers:
        keep_layers(model.encoder, recipe.layers)
    if recipe.bits:
        train_rounded(model.encoder, recipe.bits, recipe.group)
    return model


def _layer_of(name: str, count: int) -> int:
    if "embeddings" in name:
        return 0
    for part, following in zip(name.split("."), name.split(".")[1:]):
        if part == "layer" and following.isdigit():
            return int(following) + 1
    return count + 1


def parameter_groups(model: Extractor, recipe: Recipe) -> list[dict]:
    """AdamW groups: word embeddings (and frozen layers) left out, no decay on biases and norms."""
    count = model.encoder.config.num_hidden_layers
    groups: dict[tuple[float, float], list] = {}
    for name, parameter in model.named_parameters():
        inside = name.startswith("encoder.")
        level = _layer_of(name, count) if inside else count + 1
        if inside and ("word_embeddings" in name or (recipe.freeze_layers and level <= recipe.freeze_layers)):
            parameter.requires_grad_(False)
            continue
        rate = recipe.encoder_lr * recipe.layer_decay ** (count - level) if inside else recipe.head_lr
        decay = 0.0 if parameter.ndim < 2 else recipe.weight_decay
        groups.setdefault((rate, decay), []).append(parameter)
    return [{"params": p, "lr": rate, "weight_decay": decay} for (rate, decay), p in groups.items()]


def loss_of(model: Extractor, batch: Batch, task: str, recipe: Recipe) -> torch.Tensor:
    """Pairs (normalised per sentence by the root of their number) + tags + mentions."""
    hidden, tag_logits = model.encode(batch.input_ids, batch.attention_mask, batch.token_type_ids, task)
    loss = recipe.tag_weight * nn.functional.cross_entropy(tag_logits.flatten(0, 1), batch.tags.flatten(), ignore_index=-100)
    if task == "bc5cdr" or not len(batch.mentions):
        return loss
    logits, mention_logits = model.heads(hidden, batch.mentions, batch.pairs, ddi=task == "ddi13")
    if len(batch.pairs):
        weight = torch.ones(logits.shape[1], device=logits.device)
        if task == "drugcomb":
            weight[0], weight[2] = recipe.none_label_weight, recipe.neg_label_weight
        per_pair = -(batch.targets * weight * logits.log_softmax(-1)).sum(-1)
        counts = torch.bincount(batch.pair_row, minlength=len(batch.items)).clamp(min=1)
        share = per_pair / counts[batch.pair_row].sqrt()
        loss = loss + (recipe.ddi_weight if task == "ddi13" else 1.0) * share.sum() / len(batch.items)
    if task == "drugcomb":
        loss = loss + recipe.mention_weight * nn.functional.cross_entropy(mention_logits, torch.stack([1 - batch.flags, batch.flags], -1))
    return loss


def augmented(sentences: list[Sentence], pools: dict[str, list[str]], recipe: Recipe, rng: random.Random, tokenizer):
    """This epoch's features: names swapped in a share of the sentences."""
    out = []
    for sentence in sentences:
        if sentence.task in pools and rng.random() < recipe.swap_share:
            sentence = swap_names(sentence, pools[sentence.task], recipe.swap_chance, rng)
        out.append(featurise(sentence, tokenizer))
    return out


def train(model: Extractor, sentences: list[Sentence], tokenizer, recipe: Recipe, folder: Path, log=print, on_epoch=None):
    """Runs the recipe over `sentences` (tasks may be mixed; a batch holds one task) and returns the
    weights to use (the moving average when the recipe asks for it). `folder/last.pt` resumes."""
    folder.mkdir(parents=True, exist_ok=True)
    rng, place = seed_all(recipe.seed), device()
    model.to(place)
    groups = parameter_groups(model, recipe)
    optimiser = torch.optim.AdamW(groups, fused=True)
    tasks = sorted({s.task for s in sentences})
    by_task = {t: [s for s in sentences if s.task == t] for t in tasks}
    pools = {t: name_pool(by_task[t]) for t in tasks if t != "bc5cdr"}
    steps = recipe.epochs * sum(math.ceil(len(v) / recipe.batch) for v in by_task.values())
    warm = max(1, int(recipe.warmup * steps))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda s: min((s + 1) / warm, max(0.0, (steps - s) / max(1, steps - warm)))
    )
    average = copy.deepcopy(model.state_dict()) if recipe.ema else None
    done, step, checkpoint = 0, 0, folder / "last.pt"
    if checkpoint.exists():
        state = torch.load(checkpoint, map_location=place, weights_only=False)
        if state["recipe"] != asdict(recipe):
            raise ValueError(f"{checkpoint}: written by another recipe; delete it or use another --out")
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        schedule.load_state_dict(state["schedule"])
        average, done, step = state["average"], state["epoch"], state["step"]
        rng.setstate(state["rng"])
        torch.set_rng_state(state["torch_rng"].cpu())
    for epoch in range(done, recipe.stop or recipe.epochs):
        started, total, count = time.time(), 0.0, 0
        model.train()
        batches = []
        for task in tasks:
            features = augmented(by_task[task], pools, recipe, rng, tokenizer)
            batches += [(task, b) for b in length_batches(features, recipe.batch, rng)]
        rng.shuffle(batches)
        for task, items in batches:
            loss = loss_of(model, collate(items).to(place), task, recipe)
            loss.backward()
            nn.utils.clip_grad_norm_([p for g in groups for p in g["params"]], recipe.clip, foreach=True)
            optimiser.step()
            schedule.step()
            optimiser.zero_grad(set_to_none=True)
            step += 1
            if average is not None:
                decay = min(recipe.ema, (1 + step) / (10 + step))
                with torch.no_grad():
                    for name, value in model.named_parameters():
                        if value.requires_grad:
                            average[name].lerp_(value, 1 - decay)
            total, count = total + float(loss.detach()), count + 1
        log(f"epoch {epoch + 1}/{recipe.epochs} loss {total / count:.4f} seconds {time.time() - started:.0f}")
        if on_epoch:
            on_epoch(epoch + 1, model, average)
        torch.save(
            {"recipe": asdict(recipe), "model": model.state_dict(), "optimiser": optimiser.state_dict(),
             "schedule": schedule.state_dict(), "average": average, "epoch": epoch + 1, "step": step,
             "rng": rng.getstate(), "torch_rng": torch.get_rng_state()}, checkpoint.with_suffix(".tmp"))
        os.replace(checkpoint.with_suffix(".tmp"), checkpoint)
    return shipped(average if average is not None else copy.deepcopy(model.state_dict()), recipe)


def shipped(weights: dict, recipe: Recipe) -> dict:
    """The weights as they ship."""
    return settled(weights, recipe.bits, recipe.group) if recipe.bits else weights


def save_run(folder: Path, weights: dict, recipe: Recipe, facts: dict) -> None:
    """`model.pt` (state dict) and `run.json`; the checkpoint is no longer needed."""
    torch.save({k: v.cpu() for k, v in weights.items()}, folder / "model.pt")
    (folder / "run.json").write_text(json.dumps({"recipe": asdict(recipe), **facts}, indent=1), encoding="utf-8")
    (folder / "last.pt").unlink(missing_ok=True)


def checkpoint_weights(folder: Path) -> dict:
    """The weights (moving average, if any) of a run that was stopped before its last epoch."""
    state = torch.load(folder / "last.pt", map_location="cpu", weights_only=False)
    print(f"{folder}: stopped after epoch {state['epoch']} of {state['recipe']['epochs']}", flush=True)
    return shipped(state["average"] or state["model"], Recipe.of(state["recipe"]))


def soup(files: list[Path]) -> dict:
    """Mean of the weights of runs that began from the same intermediate weights. Runs of the five folds
    together have seen all of the training data, and their mean costs no further training."""
    states = [torch.load(f, map_location="cpu", weights_only=True) for f in files]
    return {name: torch.stack([s[name].double() for s in states]).mean(0).to(states[0][name].dtype) for name in states[0]}
