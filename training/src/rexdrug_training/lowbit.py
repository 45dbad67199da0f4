"""Weights of few bits: a scale for every `group` values of a row, codes that are symmetric about zero.

A model that trains with them (`Recipe.bits`) sees in every step the weights that will ship, so the shipped form loses nothing: what
is exported are these very values."""

from __future__ import annotations

import torch
from torch import nn


def rounded(values: torch.Tensor, bits: int, group: int) -> torch.Tensor:
    """`values` [rows, width] on their grid. Scales are 16-bit numbers; rounding what is rounded changes nothing."""
    rows, width = values.shape
    if width % group:
        raise ValueError(f"rows of {width} values do not divide into groups of {group}; choose another `group`")
    top = 2 ** (bits - 1) - 1
    parts = values.detach().reshape(rows, width // group, group)
    scale = (parts.abs().amax(-1, keepdim=True) / top).clamp(min=1e-7).half().float()
    return (parts / scale).round_().clamp_(-top, top).mul_(scale).reshape(rows, width)


class RoundedLinear(nn.Linear):
    """A linear layer that computes with rounded weights and trains the weights behind them (straight-through)."""

    bits: int
    group: int

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """As `nn.Linear`."""
        if not torch.is_grad_enabled():
            return nn.functional.linear(x, rounded(self.weight, self.bits, self.group), self.bias)
        return nn.functional.linear(x, self.weight + (rounded(self.weight, self.bits, self.group) - self.weight).detach(), self.bias)


def train_rounded(encoder: nn.Module, bits: int, group: int) -> None:
    """Turns the linear layers of `encoder` into rounded ones and rounds its word vectors, which are not trained."""
    for module in encoder.modules():
        if type(module) is nn.Linear:
            module.__class__ = RoundedLinear
            module.bits, module.group = bits, group
    words = encoder.embeddings.word_embeddings.weight
    words.data = rounded(words.data, bits, group)


def settled(weights: dict, bits: int, group: int) -> dict:
    """A state dict with the rounded values in place of those behind them."""
    inside = [n for n, v in weights.items() if n.startswith("encoder.encoder.layer.") and v.ndim == 2]
    return {**weights, **{n: rounded(weights[n], bits, group) for n in inside}}
