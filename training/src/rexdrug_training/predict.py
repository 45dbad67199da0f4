"""Predictions of a torch model. The encoder runs once per sentence; heads run over its states as often
as there are sets of mentions to look at."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from .data import Sentence
from .features import collate, featurise
from .mentions import Span, spans_of_tags
from .model import Extractor


@dataclass
class Encoded:
    """Hidden states [T,H] of one sentence, offsets of its pieces, P(B) and P(I) per piece [T,3]."""

    hidden: torch.Tensor
    offsets: list[Span]
    tags: np.ndarray


@dataclass
class Prediction:
    """For one sentence with given mentions: pairs (indices into the sentence's mentions), their label
    probabilities [P,4] (or [P,5]), and P(annotated drug) per mention (0 for one cut off)."""

    pairs: list[tuple[int, int]]
    probabilities: np.ndarray
    mention: np.ndarray


@torch.no_grad()
def encode_all(model: Extractor, sentences: list[Sentence], tokenizer, task: str = "drugcomb", size: int = 16) -> list[Encoded]:
    """One encoder pass per sentence, batched by length."""
    model.eval()
    place = next(model.parameters()).device
    features = [featurise(s, tokenizer) for s in sentences]
    order = sorted(range(len(features)), key=lambda i: len(features[i].ids))
    out: list[Encoded | None] = [None] * len(features)
    for start in range(0, len(order), size):
        part = order[start : start + size]
        batch = collate([features[i] for i in part]).to(place)
        hidden, logits = model.encode(batch.input_ids, batch.attention_mask, batch.token_type_ids, task)
        probabilities = logits.softmax(-1).cpu().numpy()
        for row, index in enumerate(part):
            length = len(features[index].ids)
            out[index] = Encoded(hidden[row, :length].clone(), features[index].offsets, probabilities[row, :length])
    return out  # type: ignore[return-value]


@torch.no_grad()
def predict_pairs(model: Extractor, sentences: list[Sentence], encoded: list[Encoded], tokenizer, spans: list[list[Span]] | None = None) -> list[Prediction]:
    """Pair probabilities for the mentions each sentence carries, or for `spans`."""
    out = []
    for index, (sentence, states) in enumerate(zip(sentences, encoded)):
        if spans is not None:
            sentence = replace(sentence, mentions=spans[index], pairs={}, sets=[], gold_flags=[])
        item = featurise(sentence, tokenizer)
        weights = np.zeros(len(sentence.mentions))
        probabilities = np.zeros((0, 4))
        if item.spans:
            batch = collate([item]).to(states.hidden.device)
            logits, mention = model.heads(states.hidden[None], batch.mentions, batch.pairs, ddi=sentence.task == "ddi13")
            probabilities = logits.softmax(-1).cpu().numpy()
            weights[item.origin] = mention.softmax(-1)[:, 1].cpu().numpy()
        out.append(Prediction([(item.origin[a], item.origin[b]) for a, b in item.pairs], probabilities, weights))
    return out


def tagger_spans(sentences: list[Sentence], encoded: list[Encoded], threshold: float) -> list[list[Span]]:
    """Spans of the tagger: a piece belongs to a drug when P(B) + P(I) > threshold."""
    out = []
    for sentence, states in zip(sentences, encoded):
        p = states.tags
        tags = np.where(p[:, 1] + p[:, 2] > threshold, 1 + (p[:, 2] > p[:, 1]), 0)
        out.append(spans_of_tags([int(t) for t in tags], states.offsets, sentence.text))
    return out
