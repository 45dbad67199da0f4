"""A model folder in ONNX Runtime: what the Rust side does, for tests, parity cases and speed."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import onnxruntime as ort

from .data import Sentence
from .features import collate, featurise


def session(path: Path, threads: int = 1) -> ort.InferenceSession:
    """CPU session; the thread count is explicit because timing depends on it."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def softmax(x: np.ndarray) -> np.ndarray:
    """Over the last axis."""
    e = np.exp(x - x.max(-1, keepdims=True)) if x.size else x
    return e / e.sum(-1, keepdims=True) if x.size else x


class OnnxModel:
    """Both graphs of a folder, or those given."""

    def __init__(self, folder: Path, tokenizer, threads: int = 1, graphs: tuple[Path, Path] | None = None):
        self.tokenizer = tokenizer
        encoder, pairs = graphs or (folder / "model.onnx", folder / "pairs.onnx")
        self.model, self.pairs = session(encoder, threads), session(pairs, threads)

    def encode(self, sentences: list[Sentence]):
        """Features, hidden states and tag logits of one padded batch."""
        batch = collate([featurise(s, self.tokenizer) for s in sentences])
        feeds = {n: getattr(batch, n).numpy() for n in ("input_ids", "attention_mask", "token_type_ids")}
        hidden, tags = self.model.run(None, feeds)
        return batch, hidden, tags

    def run(self, sentences: list[Sentence]):
        """-> per sentence: pair logits [P,4], mention logits [M,2], tag logits [T,3]."""
        batch, hidden, tags = self.encode(sentences)
        logits, mention = self.pairs.run(None, {"hidden": hidden, "mentions": batch.mentions.numpy(), "pairs": batch.pairs.numpy()})
        out, pair_at, mention_at = [], 0, 0
        for row, item in enumerate(batch.items):
            out.append((item, logits[pair_at : pair_at + len(item.pairs)], mention[mention_at : mention_at + len(item.spans)], tags[row, : len(item.ids)]))
            pair_at, mention_at = pair_at + len(item.pairs), mention_at + len(item.spans)
        return out


def sentences_per_second(model: OnnxModel, sentences: list[Sentence], batch: int) -> float:
    """Encoder only, sorted by length, in sentences per second of processor time of one thread (so that a
    busy machine does not blur the comparison)."""
    features = sorted((featurise(s, model.tokenizer) for s in sentences), key=lambda f: len(f.ids))
    batches = [collate(features[k : k + batch]) for k in range(0, len(features), batch)]
    feeds = [{n: getattr(b, n).numpy() for n in ("input_ids", "attention_mask", "token_type_ids")} for b in batches]
    model.model.run(None, feeds[-1])
    started = time.process_time()
    for feed in feeds:
        model.model.run(None, feed)
    return len(features) / (time.process_time() - started)
