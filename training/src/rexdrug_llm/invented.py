"""Invented sentences with traces: the datasets of the tiny recipe and of the tests. Needs no torch."""

from __future__ import annotations

import json
import random
from pathlib import Path

# Few pairs, in one order: a decoder this small learns to tell them apart, and not to copy any word.
PARTNERS = [("cisplatin", "gemcitabine"), ("aspirin", "warfarin"), ("paclitaxel", "metformin")]
DRUGS = [drug for pair in PARTNERS for drug in pair]
FORMS = {"drugcomb": [
    ("POS", "{a} plus {b} improved survival."),
    ("POS", "Adding {a} to {b} raised the response rate."),
    ("NEG", "{a} together with {b} caused bleeding."),
    ("COMB", "Patients received {a} and {b} for two weeks."),
    ("NO_COMB", "{a} was compared with {b} in separate arms."),
], "ddi13": [
    ("effect", "{a} made the sedation by {b} worse."),
    ("mechanism", "{a} raised the plasma levels of {b}."),
    ("advise", "{a} should not be given with {b}."),
    ("int", "{a} interacts with {b}."),
    ("NO_COMB", "{a} was compared with {b} in separate arms."),
]}
WORDS = {
    "POS": "a benefit", "NEG": "harm", "COMB": "joint use without a verdict", "NO_COMB": "no joint use",
    "effect": "what it does", "mechanism": "how it comes about", "advise": "a warning", "int": "no more than that",
}


def rows(prompt: str, count: int, seed: int, task: str = "drugcomb", wrong: float = 0.0) -> list[dict]:
    """Rows with prompt, completion and solution; a share `wrong` of the completions states another label."""
    system, user = prompt.rstrip("\n").split("\n=== user ===\n")
    chosen, mistakes, out = random.Random(seed), random.Random(seed + 1), []
    labels = [label for label, _ in FORMS[task]]
    for _ in range(count):
        label, form = chosen.choice(FORMS[task])
        a, b = chosen.choice(PARTNERS)
        sentence = form.format(a=a, b=b)
        sentence = sentence[0].upper() + sentence[1:]
        said = mistakes.choice([other for other in labels if other != label]) if mistakes.random() < wrong else label
        # In lower case throughout: names are compared without regard to it.
        solution, answer = (
            json.dumps([{"type": of, "ent_set": [] if of == "NO_COMB" else [a, b]}]) for of in (label, said)
        )
        think = f"[1] a short report\n[2] {a}, {b}\n[3] it states {WORDS[said]}\n[4] {said}"
        chat = [{"role": "system", "content": system}, {"role": "user", "content": user.replace("{sentence}", sentence)}]
        out.append({
            "prompt": chat, "solution": f"<answer>{solution}</answer>", "task": task,
            "completion": [{"role": "assistant", "content": f"<think>{think}</think>\n<answer>{answer}</answer>"}],
        })
    return out


def write_data(
    prompt: str, folder: Path, seed: int = 7, count: int = 400, task: str = "drugcomb", wrong: float = 0.0,
) -> None:
    """`sft.jsonl` and `grpo.jsonl` in the layout of `rexdrug traces generate`; a share `wrong` of the traces to imitate
    states a wrong label, which only the rewards can mend."""
    folder.mkdir(parents=True, exist_ok=True)
    made = rows(prompt, count, seed, task, wrong)
    (folder / "sft.jsonl").write_text("".join(json.dumps({k: r[k] for k in ("prompt", "completion", "task")}) + "\n" for r in made))
    (folder / "grpo.jsonl").write_text("".join(json.dumps({k: r[k] for k in ("prompt", "solution", "task")}) + "\n" for r in made))


def write_gold(path: Path, count: int, seed: int) -> None:
    """Sentences as a DDI13 gold file, as `rexdrug eval ddi13` reads it."""
    lines = []
    for number, row in enumerate(rows("s\n=== user ===\n{sentence}", count, seed, "ddi13")):
        sentence = row["prompt"][1]["content"]
        names = [word for word in sentence.rstrip(".").split() if word.lower() in DRUGS]
        answer = json.loads(row["solution"].removeprefix("<answer>").removesuffix("</answer>"))
        pairs = [{"type": item["type"], "ent_sets": item["ent_set"]} for item in answer if item["ent_set"]]
        lines.append(json.dumps({"id": number, "context": sentence, "entities": [{"entity": name} for name in names], "relations": pairs}))
    path.write_text("\n".join(lines) + "\n")
