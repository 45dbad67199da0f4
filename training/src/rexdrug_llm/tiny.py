"""The starting point of the tiny recipe: invented sentences with traces, and a random decoder with its own tokenizer."""

from __future__ import annotations

import json
import random
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

DRUGS = ["cisplatin", "gemcitabine", "aspirin", "warfarin", "paclitaxel", "metformin"]
FORMS = [
    ("POS", "{a} plus {b} improved survival."),
    ("POS", "Adding {a} to {b} raised the response rate."),
    ("NEG", "{a} together with {b} caused bleeding."),
    ("COMB", "Patients received {a} and {b} for two weeks."),
    ("NO_COMB", "{a} was compared with {b} in separate arms."),
]
WORDS = {"POS": "a benefit", "NEG": "harm", "COMB": "joint use without a verdict", "NO_COMB": "no joint use"}
TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}{{ '<|' + message['role'] + '|>' }}{{ message['content'] }}<|end|>"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
SPECIAL = ["<|begin|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>"]


def rows(prompt: str, count: int, seed: int) -> list[dict]:
    """Rows with prompt, completion and solution."""
    system, user = prompt.rstrip("\n").split("\n=== user ===\n")
    chosen, out = random.Random(seed), []
    for _ in range(count):
        label, form = chosen.choice(FORMS)
        a, b = chosen.sample(DRUGS, 2)
        sentence = form.format(a=a, b=b)
        sentence = sentence[0].upper() + sentence[1:]
        drugs = [] if label == "NO_COMB" else [a.capitalize() if sentence.startswith(a.capitalize()) else a, b]
        answer = json.dumps([{"type": label, "ent_set": drugs}])
        think = f"[1] a short report\n[2] {a}, {b}\n[3] it states {WORDS[label]}\n[4] {label}"
        chat = [{"role": "system", "content": system}, {"role": "user", "content": user.replace("{sentence}", sentence)}]
        out.append({
            "prompt": chat, "solution": f"<answer>{answer}</answer>", "task": "drugcomb",
            "completion": [{"role": "assistant", "content": f"<think>{think}</think>\n<answer>{answer}</answer>"}],
        })
    return out


def write_data(prompt: str, folder: Path, seed: int = 7, count: int = 400) -> None:
    """`sft.jsonl` and `grpo.jsonl` in the layout of `rexdrug traces generate`."""
    folder.mkdir(parents=True, exist_ok=True)
    made = rows(prompt, count, seed)
    (folder / "sft.jsonl").write_text("".join(json.dumps({k: r[k] for k in ("prompt", "completion")}) + "\n" for r in made))
    (folder / "grpo.jsonl").write_text("".join(json.dumps({k: r[k] for k in ("prompt", "solution", "task")}) + "\n" for r in made))


def write_base(prompt: str, folder: Path, seed: int = 42) -> None:
    """A random Llama and a byte-level tokenizer trained on the invented sentences."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    texts = [m["content"] for r in rows(prompt, 400, 1) for m in r["prompt"] + r["completion"]]
    trainer = trainers.BpeTrainer(vocab_size=640, special_tokens=SPECIAL, initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator(texts, trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=SPECIAL[0], eos_token=SPECIAL[1], pad_token=SPECIAL[0])
    fast.chat_template = TEMPLATE
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=tokenizer.get_vocab_size(), hidden_size=128, intermediate_size=256, num_hidden_layers=3,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=1024, bos_token_id=0, eos_token_id=1,
        pad_token_id=0, tie_word_embeddings=False,
    )
    LlamaForCausalLM(config).save_pretrained(str(folder))
    fast.save_pretrained(str(folder))
