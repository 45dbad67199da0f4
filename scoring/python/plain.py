"""The published rewards of tagged completions in plain Python, for `bench.py`: what a training script would write.

Checked against the module on every case that the benchmark runs.
"""

from __future__ import annotations

import ast
import json
import re

LABELS = {
    "drugcomb": {"POS", "NEG", "COMB", "NO_COMB"},
    "ddi13": {"EFFECT", "ADVISE", "INT", "MECHANISM", "NO_COMB"},
}
THINK = re.compile(r"<think>(.*?)</think>", re.DOTALL)
ANSWER = re.compile(r"<answer>(.*?)</answer>", re.DOTALL)
POINTS = [re.compile(rf"\[{n}\]|(?<!\d){n}[.):]") for n in range(1, 5)]


def read_list(text):
    """The list between the first `[` and the last `]`: JSON, else a Python literal; None when there is none."""
    start, end = text.find("["), text.rfind("]")
    if start < 0 or end < start:
        return None
    text = text[start : end + 1]
    try:
        found = json.loads(text)
    except ValueError:
        try:
            found = ast.literal_eval(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
            return None
    return found if isinstance(found, list) else None


def name_of(name):
    return " ".join(str(name).lower().split())


def names_of(item):
    drugs = item.get("ent_set")
    return drugs if isinstance(drugs, list) else []


def label_of(item, task):
    label = item.get("type")
    label = label.upper() if isinstance(label, str) else None
    return label if label in LABELS[task] else None


def well_formed(items, task):
    if not items:
        return False
    for item in items:
        if not isinstance(item, dict) or not isinstance(item.get("ent_set"), list):
            return False
        label = label_of(item, task)
        if label is None or (label != "NO_COMB" and len(item["ent_set"]) < 2):
            return False
    return True


def overlap(a, b):
    shared = len(a & b)
    return shared / len(a | b) if shared >= 2 else 0.0


def f1(precision, recall):
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def coverage(items, gold, task, none):
    for item in items:
        if (str(item.get("type", "")).upper() == "NO_COMB") != (not names_of(item)):
            return -1.0
    if not gold:
        return 1.0 if none else 0.0
    if none:
        return -1.0
    stated = [item for item in items if item["type"].upper() != "NO_COMB"]
    sets = [frozenset(map(name_of, item["ent_set"])) for item in stated]
    if task == "ddi13":
        found = sum(drugs in sets for _, drugs in gold)
    else:
        found = sum(max((overlap(drugs, other) for other in sets), default=0.0) for _, drugs in gold)
    written = [tuple(sorted(item["ent_set"])) for item in stated]
    repeated = sum(written.count(names) > 1 for names in written)
    return max(found / len(gold) - (repeated / len(written) if written else 0.0), -1.0)


def accuracy(items, gold, task, none):
    if not gold or none:
        return 1.0 if not gold and none else 0.0
    stated = [(label_of(item, task), frozenset(map(name_of, item["ent_set"]))) for item in items]
    stated = list(dict.fromkeys(of for of in stated if of[0] != "NO_COMB" and len(of[1]) >= 2))
    gold = list(dict.fromkeys(gold))
    if not stated:
        return 0.0
    exact = len(set(stated) & set(gold))
    exact_f1 = f1(exact / len(stated), exact / len(gold))
    if task == "ddi13":
        return exact_f1

    def best(one, others):
        return max((overlap(one[1], other[1]) for other in others if other[0] == one[0]), default=0.0)

    precision = sum(best(one, gold) for one in stated) / len(stated)
    recall = sum(best(one, stated) for one in gold) / len(gold)
    return 0.33 * f1(precision, recall) + 0.67 * exact_f1


def rewards(task, completion, solution):
    """(format, think, coverage, accuracy) of one completion."""
    task = "ddi13" if task == "ddi" else task
    think, answer = THINK.search(completion), ANSWER.search(completion)
    items = read_list(answer.group(1).strip()) if answer else None
    fits = well_formed(items, task)
    format_reward = 0.5 + 0.5 * fits if think and answer else 0.0
    think_reward = float(bool(think) and all(point.search(think.group(1)) for point in POINTS))
    if not fits:
        return format_reward, think_reward, 0.0, 0.0
    tagged = ANSWER.search(solution)
    gold_items = read_list(tagged.group(1) if tagged else solution)
    gold = [(label_of(of, task), frozenset(map(name_of, of["ent_set"]))) for of in gold_items]
    gold = [of for of in gold if of[0] != "NO_COMB"]
    none = len(items) == 1 and items[0]["type"].upper() == "NO_COMB" and not items[0]["ent_set"]
    return format_reward, think_reward, coverage(items, gold, task, none), accuracy(items, gold, task, none)
