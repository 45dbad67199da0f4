"""Exports a Llama or Qwen2 decoder to ONNX with past key values, under the names that optimum uses.

Inputs: `input_ids`, `attention_mask`, `position_ids` (i64), `past_key_values.N.key|value` [B, heads, past, width];
outputs: `logits` [B, 1, V] of the last position (a prompt's other logits are gigabytes that nobody reads) and
`present.N.key|value`. The graph is written out layer by layer, so that it depends on no tracing of cache classes.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

ARCHITECTURES = ("LlamaForCausalLM", "Qwen2ForCausalLM")


def _rotate(x: torch.Tensor) -> torch.Tensor:
    half = x.shape[-1] // 2
    return torch.cat((-x[..., half:], x[..., :half]), dim=-1)


class DecoderGraph(nn.Module):
    """One step of the decoder over flat inputs, with the weights of a transformers model."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        name = type(model).__name__
        if name not in ARCHITECTURES:
            raise SystemExit(f"cannot export {name}; expected one of {', '.join(ARCHITECTURES)}")
        config = model.config
        self.model, self.head = model.model, model.lm_head
        self.heads = config.num_attention_heads
        self.kv_heads = config.num_key_value_heads
        self.width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        if getattr(config, "use_sliding_window", False):
            raise SystemExit("cannot export a model with a sliding window; set use_sliding_window to false")

    def forward(self, input_ids, attention_mask, position_ids, *past):
        hidden = self.model.embed_tokens(input_ids)
        batch, length = input_ids.shape[0], input_ids.shape[1]
        total = attention_mask.shape[1]
        cos, sin = self.model.rotary_emb(hidden, position_ids)
        cos, sin = cos.unsqueeze(1), sin.unsqueeze(1)
        # A token sees the columns that are no padding and not behind it.
        columns = torch.arange(total, device=input_ids.device)
        rows = torch.arange(length, device=input_ids.device) + (total - length)
        seen = (columns[None, :] <= rows[:, None])[None, None] & (attention_mask[:, None, None, :] > 0)
        mask = torch.where(seen, 0.0, torch.finfo(hidden.dtype).min).to(hidden.dtype)
        present = []
        for number, layer in enumerate(self.model.layers):
            attention = layer.self_attn
            normal = layer.input_layernorm(hidden)
            split = lambda x, heads: x.view(batch, length, heads, self.width).transpose(1, 2)  # noqa: E731
            query = split(attention.q_proj(normal), self.heads)
            key = split(attention.k_proj(normal), self.kv_heads)
            value = split(attention.v_proj(normal), self.kv_heads)
            query, key = query * cos + _rotate(query) * sin, key * cos + _rotate(key) * sin
            key = torch.cat((past[2 * number], key), dim=2)
            value = torch.cat((past[2 * number + 1], value), dim=2)
            present += [key, value]
            groups = self.heads // self.kv_heads
            wide = lambda x: x.repeat_interleave(groups, dim=1) if groups > 1 else x  # noqa: E731
            scores = torch.matmul(query, wide(key).transpose(2, 3)) * (self.width**-0.5) + mask
            weights = torch.softmax(scores.float(), dim=-1).to(hidden.dtype)
            out = torch.matmul(weights, wide(value)).transpose(1, 2).reshape(batch, length, self.heads * self.width)
            hidden = hidden + attention.o_proj(out)
            hidden = hidden + layer.mlp(layer.post_attention_layernorm(hidden))
        return (self.head(self.model.norm(hidden[:, -1:])), *present)


def export(model: nn.Module, out: Path, opset: int = 17) -> None:
    """Writes the graph; weights beyond 2 GB go beside it as ONNX external data."""
    graph = DecoderGraph(model.float().eval())
    layers = model.config.num_hidden_layers
    past_names = [f"past_key_values.{n}.{part}" for n in range(layers) for part in ("key", "value")]
    present_names = [name.replace("past_key_values", "present") for name in past_names]
    ids = torch.tensor([[1, 2, 3], [2, 3, 4]])
    mask = torch.ones(2, 5, dtype=torch.long)
    positions = torch.tensor([[2, 3, 4], [2, 3, 4]])
    past = [torch.zeros(2, graph.kv_heads, 2, graph.width) for _ in past_names]
    axes = {"input_ids": {0: "batch", 1: "length"}, "attention_mask": {0: "batch", 1: "total"}, "position_ids": {0: "batch", 1: "length"}, "logits": {0: "batch"}}
    axes |= {name: {0: "batch", 2: "past"} for name in past_names} | {name: {0: "batch", 2: "total"} for name in present_names}
    with torch.no_grad():
        torch.onnx.export(
            graph, (ids, mask, positions, *past), str(out), dynamo=False, opset_version=opset,
            input_names=["input_ids", "attention_mask", "position_ids", *past_names],
            output_names=["logits", *present_names], dynamic_axes=axes,
        )
