"""Weights -> ONNX graphs (fp32), opset 17, every axis dynamic."""

from __future__ import annotations

from pathlib import Path

import onnx
import torch
from torch import nn

from .model import Extractor, PairHeads, encoder_folder, load_encoder


class _Tagger(nn.Module):
    """model.onnx: one pass over the sentences. The additive mask is built here, so that the graph does
    not depend on the masking code of a transformers version."""

    def __init__(self, model: Extractor, task: str):
        super().__init__()
        self.encoder, self.tag = model.encoder, model.tags[task]

    def forward(self, input_ids, attention_mask, token_type_ids):
        mask = (1.0 - attention_mask[:, None, None, :].to(torch.float32)) * -10000.0
        hidden = self.encoder.embeddings(input_ids=input_ids, token_type_ids=token_type_ids)
        for layer in self.encoder.encoder.layer:
            hidden = _first(layer(hidden, mask))
        return hidden, self.tag(hidden)


class _RelativeTagger(nn.Module):
    """The same for MPNet: positions counted from the padding row on, a bias by distance in every layer, one segment
    (`token_type_ids` are read, because every model folder has them, and change nothing)."""

    def __init__(self, model: Extractor, task: str):
        super().__init__()
        self.encoder, self.tag = model.encoder, model.tags[task]

    def forward(self, input_ids, attention_mask, token_type_ids):
        mask = (1.0 - attention_mask[:, None, None, :].to(torch.float32)) * -10000.0
        first = self.encoder.embeddings.padding_idx + 1
        places = torch.arange(input_ids.shape[1], dtype=torch.long, device=input_ids.device)[None, :] + first
        hidden = self.encoder.embeddings(input_ids=input_ids, position_ids=places) + 0.0 * token_type_ids[:, :, None].to(torch.float32)
        hidden = _first(self.encoder.encoder(hidden, attention_mask=mask))
        return hidden, self.tag(hidden)


class _Generic(nn.Module):
    """The same for encoders of other families."""

    def __init__(self, model: Extractor, task: str):
        super().__init__()
        self.model, self.task = model, task

    def forward(self, input_ids, attention_mask, token_type_ids):
        return self.model.encode(input_ids, attention_mask, token_type_ids, self.task)


class AdjustedHeads(nn.Module):
    """pairs.onnx: the heads of a task with temperatures and label shift folded in, as `crossval.adjust` does it.
    `label_bias` has a value for every label after the first related one."""

    def __init__(self, heads: PairHeads, temperature: float | tuple[float, float] = 1.0, label_bias: tuple[float, ...] = (0.0, 0.0), task: str = "drugcomb"):
        super().__init__()
        self.heads, self.ddi = heads, task == "ddi13"
        self.link, self.label = (temperature, temperature) if isinstance(temperature, (int, float)) else temperature
        self.register_buffer("shift", torch.tensor([0.0, *label_bias]))

    def forward(self, hidden, mentions, pairs):
        logits, mention_logits = self.heads(hidden, mentions, pairs, ddi=self.ddi)
        none, linked = logits[:, :1], logits[:, 1:]
        odds = (linked.logsumexp(-1, keepdim=True) - none) / self.link
        labels = (linked / self.label + self.shift).log_softmax(-1)
        return torch.cat([torch.zeros_like(none), odds + labels], -1), mention_logits


def _first(value):
    return value[0] if isinstance(value, tuple) else value


def load_run(weights: Path, encoder: str | None) -> Extractor:
    """A trained model in evaluation mode, with plain attention (which exports and fuses well)."""
    model = Extractor(load_encoder(encoder_folder(encoder), attention="eager"))
    model.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    return model.eval()


def export(model: Extractor, heads: AdjustedHeads, folder: Path, task: str = "drugcomb") -> tuple[Path, Path]:
    """Writes fp32 `model.onnx` and `pairs.onnx`."""
    folder.mkdir(parents=True, exist_ok=True)
    ids = torch.tensor([[101, 5, 6, 7, 8, 9, 102], [101, 5, 6, 7, 102, 0, 0]])
    mask = (ids > 0).long()
    layered = hasattr(model.encoder, "encoder") and hasattr(model.encoder.encoder, "layer")
    relative = layered and hasattr(model.encoder.encoder, "relative_attention_bias")
    tagger = (_RelativeTagger if relative else _Tagger if layered else _Generic)(model, task).eval()
    axes = {0: "batch", 1: "tokens"}
    names = ["input_ids", "attention_mask", "token_type_ids"]
    first, second = folder / "model.onnx", folder / "pairs.onnx"
    with torch.no_grad():
        torch.onnx.export(
            tagger, (ids, mask, torch.zeros_like(ids)), str(first), input_names=names, output_names=["hidden", "tag_logits"],
            dynamic_axes={n: axes for n in [*names, "hidden", "tag_logits"]}, opset_version=17, dynamo=False,
        )
        hidden, _ = tagger(ids, mask, torch.zeros_like(ids))
        mentions = torch.tensor([[0, 1, 2], [0, 3, 5], [1, 1, 3]])
        torch.onnx.export(
            heads.eval(), (hidden, mentions, torch.tensor([[0, 1], [0, 1]])), str(second),
            input_names=["hidden", "mentions", "pairs"], output_names=["pair_logits", "mention_logits"],
            dynamic_axes={"hidden": axes, "mentions": {0: "mentions"}, "pairs": {0: "pairs"}, "pair_logits": {0: "pairs"}, "mention_logits": {0: "mentions"}},
            opset_version=17, dynamo=False,
        )
    for path in (first, second):
        onnx.checker.check_model(str(path))
    return first, second
