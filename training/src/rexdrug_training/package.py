"""Writes the model folder: graphs, tokenizer, configuration, hashes, parity cases."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np

from . import DDI_LABELS, LABELS, TAGS
from .data import Sentence, sha256_file
from .decode import decode
from .parity_cases import cases
from .runtime import OnnxModel, softmax

MINILM = """The weights are fine-tuned from all-MiniLM-L6-v2 (sentence-transformers), itself trained from
nreimers/MiniLM-L6-H384-uncased, a six-layer version of microsoft/MiniLM-L12-H384-uncased.
all-MiniLM-L6-v2: Copyright the sentence-transformers authors, Apache License 2.0,
https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2
MiniLM: Copyright (c) Microsoft Corporation, MIT License,
https://huggingface.co/microsoft/MiniLM-L12-H384-uncased
"""

MPNET = """The weights are fine-tuned from the lowest layers of all-mpnet-base-v2 (sentence-transformers), itself
trained from microsoft/mpnet-base.
all-mpnet-base-v2: Copyright the sentence-transformers authors, Apache License 2.0,
https://huggingface.co/sentence-transformers/all-mpnet-base-v2
MPNet: Copyright (c) Microsoft Corporation, MIT License, https://github.com/microsoft/MPNet
"""

ORIGINS = {"bert": MINILM, "mpnet": MPNET}

NOTICE = """{name}

{origin}tokenizer.json is the WordPiece vocabulary of BERT-base-uncased, or a part of it, Copyright Google, Apache
License 2.0.
Changes: all encoder weights but the word vectors were trained further; heads were added; the graph was
exported to ONNX and its weights are stored in fewer bits.
Apache License 2.0: https://www.apache.org/licenses/LICENSE-2.0

Training data (not part of this folder): {data}.
"""

SOURCES = {
    "drugcomb": ("drugcomb/train.jsonl", "https://github.com/allenai/drug-combo-extraction", "none stated; published for research"),
    "ddi13": ("ddi13/train.jsonl", "https://github.com/DUTIR-BioNLP/RexDrug (DDICorpus 2013)", "CC BY-NC 4.0"),
    "bc5cdr": ("bc5cdr/chem-train.iob.tsv", "https://github.com/cambridgeltl/MTL-Bioinformatics-2016", "CC BY 4.0"),
}


def training_data(folder: Path, items: dict[str, int]) -> list[dict]:
    """One row per data set used."""
    return [
        {"name": name, "source": SOURCES[name][1], "licence": SOURCES[name][2], "sha256": sha256_file(folder / SOURCES[name][0]), "items": count}
        for name, count in items.items()
    ]


def labels_of(task: str) -> tuple[str, ...]:
    """As the manifest names them."""
    return LABELS if task == "drugcomb" else ("NONE", *DDI_LABELS[1:])


def parity(model: OnnxModel, threshold: float, task: str) -> dict:
    """Our own sentences with what the shipped graphs say about them, one sentence per run."""
    out = []
    for text, mentions in cases():
        item, pair_logits, mention_logits, tag_logits = model.run([Sentence(text, text, task, text, mentions)])[0]
        probabilities = softmax(pair_logits)
        sets = decode(len(mentions), item.pairs, probabilities, threshold) if task == "drugcomb" else []
        tags = softmax(tag_logits)
        out.append({
            "text": text,
            "mentions": [list(m) for m in mentions],
            "token_ids": item.ids,
            "token_spans": [list(s) for s in item.spans],
            "pairs": [list(p) for p in item.pairs],
            "probabilities": np.round(probabilities.astype(float), 6).tolist(),
            "mention_probabilities": np.round(softmax(mention_logits)[:, 1].astype(float), 6).tolist(),
            "tag_probabilities": np.round((tags[:, 1] + tags[:, 2]).astype(float), 6).tolist(),
            "sets": [{"members": members, "label": label, "confidence": round(score, 6)} for members, label, score in sets],
        })
    return {"format": 1, "offsets": "code points", "tolerance": 1e-3, "labels": list(labels_of(task)), "cases": out}


def write(folder: Path, source: Path, facts: dict) -> None:
    """`source` holds model.onnx and pairs.onnx as they ship; `facts` the fields only training knows:
    name, task, invariant, decode, calibration, training_data, recipe, scores, encoder (folder), tokenizer."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("model.onnx", "pairs.onnx"):
        if source != folder:
            shutil.copyfile(source / name, folder / name)
    facts["tokenizer"].save(str(folder / "tokenizer.json"), pretty=False)
    config = json.loads((Path(facts["encoder"]) / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps({**config, "num_hidden_layers": facts["layers"]}, indent=2) + "\n", encoding="utf-8")
    (folder / "NOTICE").write_text(
        NOTICE.format(name=facts["name"], origin=ORIGINS.get(config.get("model_type"), f"The weights are fine-tuned from an encoder of the family {config.get('model_type')}, whose licence applies.\n"), data=", ".join(f"{row['name']} training split ({row['licence']})" for row in facts["training_data"])),
        encoding="utf-8",
    )
    threshold = facts["decode"]["threshold"]
    cases_file = folder / "parity.json"
    cases_file.write_text(json.dumps(parity(OnnxModel(folder, facts["tokenizer"]), threshold, facts["task"]), ensure_ascii=False), encoding="utf-8")
    files = {
        n: {"sha256": sha256_file(folder / n), "bytes": (folder / n).stat().st_size}
        for n in ("model.onnx", "pairs.onnx", "tokenizer.json", "config.json")
    }
    description = {
        "format": 1, "name": facts["name"], "task": facts["task"], "backend": "classifier",
        "labels": list(labels_of(facts["task"])), "tags": list(TAGS),
        "input": {"max_tokens": 256, "lowercase": True, "context": "none", "context_tokens": 0},
        "decode": facts["decode"], "batch": {"invariant": facts["invariant"]}, "calibration": facts["calibration"],
        "training_data": facts["training_data"], "recipe": facts["recipe"], "scores": facts["scores"], "files": files,
    }
    (folder / "rexdrug.json").write_text(json.dumps(description, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
