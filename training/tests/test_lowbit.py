"""Weights of few bits: what is trained, what is stored, what a graph computes from it."""

import json
import tempfile
import unittest
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import MPNetConfig, MPNetModel

from rexdrug_training import nibbles
from rexdrug_training.export import AdjustedHeads, export
from rexdrug_training.lowbit import RoundedLinear, rounded, settled, train_rounded
from rexdrug_training.model import Extractor
from rexdrug_training.narrow import kept_pieces, narrowed_tokenizer
from rexdrug_training.runtime import session
from rexdrug_training.train import Recipe, new_model


def small_model() -> Extractor:
    torch.manual_seed(3)
    config = MPNetConfig(vocab_size=9000, hidden_size=128, num_hidden_layers=2, num_attention_heads=4, intermediate_size=512, max_position_embeddings=80)
    return Extractor(MPNetModel(config, add_pooling_layer=False)).eval()


class Rounding(unittest.TestCase):
    def test_rounding_twice_is_rounding_once(self):
        for seed in range(20):
            torch.manual_seed(seed)
            values = torch.randn(7, 128) * 10 ** torch.empty(7, 1).uniform_(-6, 3)
            once = rounded(values, 4, 64)
            self.assertTrue(torch.equal(once, rounded(once, 4, 64)))
            step = values.reshape(7, 2, 64).abs().amax(-1, keepdim=True) / 7
            self.assertTrue(((once - values).reshape(7, 2, 64).abs() <= 0.51 * step + 1e-6).all())

    def test_a_width_that_does_not_divide_is_refused(self):
        with self.assertRaisesRegex(ValueError, "rows of 100 values"):
            rounded(torch.zeros(2, 100), 4, 64)

    def test_gradients_reach_the_weights_behind(self):
        layer = torch.nn.Linear(64, 8)
        layer.__class__, layer.bits, layer.group = RoundedLinear, 4, 64
        layer(torch.ones(1, 64)).sum().backward()
        self.assertTrue(torch.equal(layer.weight.grad, torch.ones(8, 64)))

    def test_codes_are_those_of_training(self):
        values = torch.randn(6, 128)
        codes, scale = nibbles.codes_of(values.numpy(), 64)
        again = ((codes.astype(np.float32) - nibbles.MIDDLE) * scale.astype(np.float32)).reshape(6, 128)
        np.testing.assert_array_equal(again, rounded(values, 4, 64).numpy())


class Graphs(unittest.TestCase):
    def test_the_small_graph_computes_what_was_trained(self):
        model = small_model()
        train_rounded(model.encoder, 4, 64)
        weights = settled(model.state_dict(), 4, 64)
        plain = small_model()
        plain.load_state_dict(weights)
        with tempfile.TemporaryDirectory() as work:
            folder = Path(work)
            export(plain, AdjustedHeads(plain.heads), folder)
            nibbles.nibble(folder / "model.onnx", folder / "small.onnx", smallest=1 << 12)
            nibbles.bytewise(folder / "pairs.onnx", folder / "pairs8.onnx")
            self.assertLess((folder / "small.onnx").stat().st_size, (folder / "model.onnx").stat().st_size / 5)
            ids = np.array([[0, 40, 50, 8000, 2, 1, 1], [0, 7, 6, 5, 4, 3, 2]], np.int64)
            feeds = {"input_ids": ids, "attention_mask": np.array([[1] * 5 + [0] * 2, [1] * 7], np.int64), "token_type_ids": np.zeros_like(ids)}
            full, small = (session(folder / name).run(None, feeds) for name in ("model.onnx", "small.onnx"))
            # Position vectors and the tagger are stored in 16 bits.
            np.testing.assert_allclose(small[0], full[0], atol=2e-2)
            alone = session(folder / "small.onnx").run(None, {name: value[:1, :5] for name, value in feeds.items()})
            np.testing.assert_allclose(alone[0][0], small[0][0, :5], atol=1e-5)
            with torch.no_grad():
                expected, _ = model.encode(torch.tensor(ids), torch.tensor(feeds["attention_mask"]))
            np.testing.assert_allclose(full[0][1], expected[1].numpy(), atol=1e-4)
            rows = {"hidden": full[0], "mentions": np.array([[0, 1, 2], [0, 3, 4]], np.int64), "pairs": np.array([[0, 1]], np.int64)}
            heads = [session(folder / name).run(None, rows)[0] for name in ("pairs.onnx", "pairs8.onnx")]
            np.testing.assert_allclose(heads[1], heads[0], atol=2e-2)


class Vocabulary(unittest.TestCase):
    def test_a_narrowed_tokenizer_cuts_known_words_alike_and_spells_the_others(self):
        pieces = ["<s>", "<pad>", "</s>", "[UNK]", "aspirin", "with", "zebra", "##s", *"abcdefghijklmnopqrstuvwxyz", *(f"##{c}" for c in "abcdefghijklmnopqrqtuvwxyz" if c != "s")]
        vocabulary = {p: i for i, p in enumerate(dict.fromkeys(pieces))}
        whole = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
        whole.normalizer, whole.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
        whole.add_special_tokens(["<s>", "<pad>", "</s>", "[UNK]"])
        whole.post_processor = processors.RobertaProcessing(("</s>", vocabulary["</s>"]), ("<s>", 0))
        kept = kept_pieces(whole, ["aspirin with aspirin"], len(vocabulary) - 1)
        self.assertNotIn("zebra", kept)
        narrow = Tokenizer.from_str(json.dumps(narrowed_tokenizer(whole, kept)))
        self.assertEqual(narrow.encode("aspirins with").tokens, whole.encode("aspirins with").tokens)
        spelled = narrow.encode("zebra").tokens
        self.assertEqual((spelled[0], spelled[-1]), ("<s>", "</s>"))
        self.assertEqual("".join(spelled[1:-1]).replace("##", ""), "zebra")


class Beginning(unittest.TestCase):
    def test_runs_of_one_recipe_begin_with_the_same_heads(self):
        with tempfile.TemporaryDirectory() as folder:
            small_model().encoder.save_pretrained(folder)
            heads = [new_model(folder, Recipe(seed=seed)).heads.inner.weight for seed in (42, 42, 43)]
        self.assertTrue(torch.equal(heads[0], heads[1]))
        self.assertFalse(torch.equal(heads[0], heads[2]))


if __name__ == "__main__":
    unittest.main()
