"""Sentences written for this project, with drugs in double brackets; the parity cases of a model folder."""

from __future__ import annotations

import re

_MARKED = [
    "[[Cisplatin]] plus [[gemcitabine]] prolonged survival compared with [[gemcitabine]] alone.",
    "The combination of [[dabrafenib]] and [[trametinib]] produced durable responses in melanoma.",
    "Concurrent [[warfarin]] and [[fluconazole]] led to major bleeding and should be avoided.",
    "Patients were randomised to [[sertraline]] or [[citalopram]] for twelve weeks.",
    "[[R-CHOP]] was followed by [[lenalidomide]] maintenance in older patients.",
    "Adding [[bevacizumab]] to [[carboplatin]]/[[paclitaxel]] improved progression-free survival (p < 0.05).",
    "[[Amoxicillin]], [[clarithromycin]] and [[omeprazole]] eradicated Helicobacter pylori in 88% of cases.",
    "No interaction between [[metformin]] and [[sitagliptin]] was seen in healthy volunteers.",
    "β-blockers such as [[propranolol]] and [[nadolol]] lower portal pressure; [[octreotide]] was given to 5 µg/h.",
    "In arm A, [[doxorubicin]] and [[cyclophosphamide]] were given; in arm B, [[docetaxel]] and [[trastuzumab]].",
    "All patients had received [[imatinib]].",
    "Synergy was observed for [[colistin]] with [[rifampicin]], [[colistin]] with [[meropenem]], and the triple regimen "
    "of [[colistin]], [[rifampicin]] and [[meropenem]] against carbapenem-resistant isolates.",
]


def cases() -> list[tuple[str, list[tuple[int, int]]]]:
    """(text, spans in code points) per sentence."""
    out = []
    for marked in _MARKED:
        text, spans = "", []
        for piece in re.split(r"(\[\[.*?\]\])", marked):
            if piece.startswith("[["):
                spans.append((len(text), len(text) + len(piece) - 4))
                piece = piece[2:-2]
            text += piece
        out.append((text, spans))
    return out
