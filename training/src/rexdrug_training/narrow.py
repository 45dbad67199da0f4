"""`python -m rexdrug_training.narrow`: an encoder folder -> one with its lowest layers and the word pieces that
biomedical text uses, to start from. A general vocabulary is half names, places and other scripts: of MPNet's 30,527 pieces
12,666 MEDLINE sentences use 10,906."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path

import torch

from .data import load_bc5cdr, load_ddi13
from .features import MAX_TOKENS, load_tokenizer
from .model import keep_layers, load_encoder


def texts(data: Path, plain: Path) -> list[str]:
    """What the pieces are counted in: MEDLINE sentences, the paragraphs and sentences of the training sets."""
    with open(data / "drugcomb/train.jsonl", encoding="utf-8") as handle:
        paragraphs = sorted({json.loads(line)["paragraph"] for line in handle if line.strip()})
    others = load_ddi13(data / "ddi13/train.jsonl") + load_bc5cdr(data / "bc5cdr/chem-train.iob.tsv")
    return [item["sentence"] for item in json.loads(plain.read_text(encoding="utf-8"))] + paragraphs + [s.text for s in others]


def kept_pieces(tokenizer, lines: list[str], count: int) -> list[str]:
    """`count` pieces in the order of the vocabulary: the special ones, single characters (so that no word is unknown that was
    known), then the most frequent."""
    vocabulary = tokenizer.get_vocab(with_added_tokens=True)
    special = {token.content for token in tokenizer.get_added_tokens_decoder().values()}
    seen: Counter[str] = Counter()
    for encoding in tokenizer.encode_batch(lines, add_special_tokens=False):
        seen.update(encoding.tokens)
    letters = {p for p in vocabulary if len(p.removeprefix("##")) == 1 and p.removeprefix("##").isascii()}
    letters |= {p for p in seen if len(p.removeprefix("##")) == 1}
    taken = special | letters
    for piece, _ in seen.most_common():
        if len(taken) >= count:
            break
        taken.add(piece)
    return sorted(taken, key=vocabulary.__getitem__)


def narrowed_tokenizer(tokenizer, pieces: list[str]) -> dict:
    """`tokenizer.json` over `pieces`, numbered in their order."""
    number = {piece: i for i, piece in enumerate(pieces)}
    out = json.loads(tokenizer.to_str())
    out["model"]["vocab"] = {p: number[p] for p in out["model"]["vocab"] if p in number}
    out["added_tokens"] = [{**token, "id": number[token["content"]]} for token in out["added_tokens"]]
    processor = out.get("post_processor") or {}
    for side in ("sep", "cls"):
        if side in processor:
            processor[side][1] = number[processor[side][0]]
    for token in (processor.get("special_tokens") or {}).values():
        token["ids"] = [number[t] for t in token["tokens"]]
    return out


def main(argv: list[str] | None = None) -> None:
    """Entry point."""
    args = argparse.ArgumentParser(prog="rexdrug_training.narrow")
    args.add_argument("--encoder", required=True, help="Hugging Face encoder folder")
    args.add_argument("--data", type=Path, required=True)
    args.add_argument("--plain", type=Path, required=True, help="JSON array of doc_id and sentence")
    args.add_argument("--layers", type=int, default=6)
    args.add_argument("--pieces", type=int, default=10_800)
    args.add_argument("--out", type=Path, required=True)
    args = args.parse_args(argv)
    tokenizer, encoder = load_tokenizer(args.encoder), load_encoder(args.encoder)
    vocabulary = tokenizer.get_vocab(with_added_tokens=True)
    pieces = kept_pieces(tokenizer, texts(args.data, args.plain), args.pieces)
    keep_layers(encoder, args.layers)
    words = encoder.embeddings.word_embeddings
    table = words.weight.data[torch.tensor([vocabulary[p] for p in pieces])].clone()
    padding = pieces.index(tokenizer.id_to_token(words.padding_idx))
    encoder.embeddings.word_embeddings = torch.nn.Embedding.from_pretrained(table, freeze=False, padding_idx=padding)
    # Families with a padding row number positions from the row behind it.
    first = 0 if encoder.embeddings.position_embeddings.padding_idx is None else encoder.embeddings.position_embeddings.padding_idx + 1
    places = encoder.embeddings.position_embeddings
    places.weight = torch.nn.Parameter(places.weight.data[: MAX_TOKENS + first].clone())
    places.num_embeddings = MAX_TOKENS + first
    encoder.config.vocab_size, encoder.config.max_position_embeddings = len(pieces), MAX_TOKENS + first
    encoder.config.pad_token_id = padding
    encoder.save_pretrained(args.out)
    (args.out / "tokenizer.json").write_text(json.dumps(narrowed_tokenizer(tokenizer, pieces), ensure_ascii=False), encoding="utf-8")
    print(json.dumps({"pieces": len(pieces), "layers": args.layers, "parameters": sum(p.numel() for p in encoder.parameters())}))


if __name__ == "__main__":
    main()
