"""The shipped model folders: hashes, size, and their parity cases run again."""

import hashlib
import json
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))
MODELS = Path(__file__).resolve().parents[2] / "data/models"
FOLDERS = [MODELS / "rexdrug-base", MODELS / "rexdrug-mini"]


class Folder(unittest.TestCase):
    def test_hashes_and_size(self):
        for folder in FOLDERS:
            with self.subTest(folder.name):
                self.hashes_and_size(folder)

    def hashes_and_size(self, folder):
        described = json.loads((folder / "rexdrug.json").read_text())["files"]
        for name, facts in described.items():
            content = (folder / name).read_bytes()
            self.assertEqual((len(content), hashlib.sha256(content).hexdigest()), (facts["bytes"], facts["sha256"]), name)
        self.assertLessEqual(sum(p.stat().st_size for p in folder.iterdir()), 30_000_000)

    def test_parity_cases_come_out_again(self):
        for folder in FOLDERS:
            with self.subTest(folder.name):
                self.parity_cases_come_out_again(folder)

    def parity_cases_come_out_again(self, folder):
        try:
            from tokenizers import Tokenizer
            from rexdrug_training.data import Sentence
            from rexdrug_training.runtime import OnnxModel, softmax
        except ImportError as error:
            self.skipTest(f"{error}; install requirements.txt")
        parity = json.loads((folder / "parity.json").read_text(encoding="utf-8"))
        model = OnnxModel(folder, Tokenizer.from_file(str(folder / "tokenizer.json")))
        self.assertEqual(len(parity["cases"]), 12)
        for case in parity["cases"]:
            sentence = Sentence("k", "g", "drugcomb", case["text"], [tuple(m) for m in case["mentions"]])
            item, pairs, mention, _ = model.run([sentence])[0]
            self.assertEqual(item.ids, case["token_ids"])
            self.assertEqual([list(s) for s in item.spans], case["token_spans"])
            for got, expected in zip(softmax(pairs).tolist(), case["probabilities"], strict=True):
                for a, b in zip(got, expected, strict=True):
                    self.assertAlmostEqual(a, b, delta=parity["tolerance"])
            for a, b in zip(softmax(mention)[:, 1].tolist(), case["mention_probabilities"], strict=True):
                self.assertAlmostEqual(a, b, delta=parity["tolerance"])


if __name__ == "__main__":
    unittest.main()
