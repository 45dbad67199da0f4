"""Fast tests of everything that needs no weights: `python -m unittest discover -s tests`."""

import json
import random
import re
import sys
import unittest
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from rexdrug_training.candidates import FEATURES, LexiconMention, Pieces, candidates, features, fold  # noqa: E402
from rexdrug_training.data import Sentence, folds, swap_names  # noqa: E402
from rexdrug_training.decision import Decision, Example, cross_validate, fnv1a  # noqa: E402
from rexdrug_training.decode import average_link, decode  # noqa: E402
from rexdrug_training.features import token_span  # noqa: E402
from rexdrug_training.mentions import Lexicon, add_superfluous, spans_of_tags, union  # noqa: E402
from rexdrug_training.parity_cases import cases  # noqa: E402
from rexdrug_training.score import Relation, four  # noqa: E402

FIXTURES = Path(__file__).resolve().parents[2] / "operators/src/backend/fixtures"
PARITY = Path(__file__).resolve().parents[3] / "shared/data/scoring_parity"


def sentence(text, mentions, **more):
    return Sentence("k", "g", "drugcomb", text, mentions, **more)


class Scoring(unittest.TestCase):
    def test_published_outputs_are_reproduced(self):
        if not PARITY.exists():
            self.skipTest(f"{PARITY} is absent")
        expected = json.loads((PARITY / "expected.json").read_text())
        for case, values in expected.items():
            read = lambda name: [  # noqa: E731
                Relation(r["doc_id"], tuple(r["drug_idxs"]), r["relation_label"])
                for r in map(json.loads, (PARITY / case / name).read_text().splitlines())
            ]
            got = four(read("leaderboard_gold.jsonl"), read("leaderboard_pred.jsonl"))
            for name, prf in values["leaderboard"].items():
                self.assertAlmostEqual(got[name].f1, prf["F1"], 12)
                self.assertAlmostEqual(got[name].precision, prf["P"], 12)
                self.assertAlmostEqual(got[name].recall, prf["R"], 12)

    def test_partial_overlap_scores_jaccard_and_exact_does_not(self):
        gold, predicted = [Relation("d", (0, 1, 2), "POS")], [Relation("d", (0, 1), "POS")]
        scores = four(gold, predicted)
        self.assertAlmostEqual(scores["pos_partial"].f1, 2 / 3)
        self.assertEqual(scores["pos_exact"].f1, 0)

    def test_nothing_predicted_is_zero(self):
        self.assertEqual(four([Relation("d", (0, 1), "NEG")], [])["any_exact"].f1, 0)


class Decoding(unittest.TestCase):
    def rows(self, links):
        pairs = sorted(links)
        return pairs, np.array([[1 - links[p], links[p] * 0.5, links[p] * 0.2, links[p] * 0.3] for p in pairs])

    def test_two_sets_in_one_sentence(self):
        pairs, rows = self.rows({(0, 1): 0.9, (0, 2): 0.1, (0, 3): 0.1, (1, 2): 0.1, (1, 3): 0.2, (2, 3): 0.8})
        self.assertEqual([s[:2] for s in decode(4, pairs, rows)], [([0, 1], "POS"), ([2, 3], "POS")])

    def test_average_not_single_link(self):
        pairs, rows = self.rows({(0, 1): 0.9, (0, 2): 0.05, (1, 2): 0.8})
        self.assertEqual(average_link(3, pairs, rows, 0.5), [[0, 1]])

    def test_threshold_is_exclusive(self):
        pairs, rows = self.rows({(0, 1): 0.5})
        self.assertEqual(average_link(2, pairs, rows, 0.5), [])

    def test_refused_mentions_leave_the_rest_untouched(self):
        pairs, rows = self.rows({(0, 1): 0.9, (0, 2): 0.9, (1, 2): 0.9})
        self.assertEqual(decode(3, pairs, rows, 0.5, [True, False, True])[0][0], [0, 2])

    def test_order_of_pairs_is_irrelevant(self):
        rng = np.random.default_rng(0)
        for count in range(2, 9):
            links = {(i, j): float(rng.random()) for i in range(count) for j in range(i + 1, count)}
            pairs, rows = self.rows(links)
            turn = rng.permutation(len(pairs))
            self.assertEqual(average_link(count, pairs, rows, 0.4), average_link(count, [pairs[k] for k in turn], rows[turn], 0.4))

    def test_sixty_mentions(self):
        links = {(i, j): 0.9 if i % 6 == j % 6 else 0.01 for i in range(60) for j in range(i + 1, 60)}
        pairs, rows = self.rows(links)
        self.assertEqual([len(c) for c in average_link(60, pairs, rows, 0.5)], [10] * 6)


class Data(unittest.TestCase):
    def test_folds_keep_documents_together_and_cover(self):
        items = [Sentence(str(i), f"doc{i // 3}", "drugcomb", "", []) for i in range(90)]
        parts = folds(items, 5, 42)
        self.assertEqual(sorted(i for p in parts for i in p), list(range(90)))
        for part in parts:
            for other in parts:
                if part is not other:
                    self.assertFalse({items[i].group for i in part} & {items[i].group for i in other})

    def test_swap_keeps_spans_and_identity(self):
        text = "cisplatin plus β-agonist salbutamol, then Cisplatin alone"
        spans = [(0, 9), (25, 35), (42, 51)]
        for seed in range(50):
            new = swap_names(sentence(text, spans), ["5-FU", "interferon alpha"], 1.0, random.Random(seed))
            names = [new.text[a:b] for a, b in new.mentions]
            self.assertEqual(names[0], names[2])
            self.assertTrue(set(names) <= {"5-FU", "interferon alpha"})
            self.assertIn(" plus β-agonist ", new.text)

    def test_superfluous_mentions_reindex_gold(self):
        gold = sentence("a b c", [(0, 1), (4, 5)], pairs={(0, 1): 1}, sets=[(frozenset({0, 1}), "POS")])
        new = add_superfluous(gold, [(2, 3), (0, 1)])
        self.assertEqual((new.mentions, new.gold_flags), ([(0, 1), (2, 3), (4, 5)], [1, 0, 1]))
        self.assertEqual((new.pairs, new.sets), ({(0, 2): 1}, [(frozenset({0, 2}), "POS")]))


class MentionDecision(unittest.TestCase):
    def example(self, text, known, gold, group="g"):
        words = [(m.start(), m.end()) for m in re.finditer(r"\S+", text)]
        tags = np.tile([0.9, 0.06, 0.04], (len(words), 1))
        place = lambda surface: (text.index(surface), text.index(surface) + len(surface))  # noqa: E731
        mentions = [LexiconMention(*place(surface), f"id:{surface.lower()}", surface, kind) for surface, kind in known]
        return Example(group, text, mentions, Pieces(words, tags), [place(s) for s in gold]).prepare()

    def test_parts_of_a_name_and_spans_of_the_tagger_are_candidates(self):
        example = self.example("amphotericin B with chemotherapy now", [("amphotericin B", "drug")], [])
        example.pieces.tags[3] = [0.4, 0.5, 0.1]
        found = candidates(example.text, example.known, example.pieces)
        self.assertEqual([example.text[c.start : c.end] for c in found], ["amphotericin", "amphotericin B", "B", "chemotherapy"])
        self.assertEqual([sorted(c.found) for c in found], [["head"], ["lexicon"], ["tail"], ["tagged"]])
        self.assertEqual(fold("Interferon -\u2011 Alpha"), "interferon alpha")

    def test_features_have_a_name_each(self):
        example = self.example("paclitaxel (Taxol)", [("paclitaxel", "drug"), ("Taxol", "brand")], [])
        example.known[1] = LexiconMention(12, 17, example.known[0].drug_id, "paclitaxel", "brand")
        named = [dict(zip(FEATURES, features(example.text, c, example.known, example.pieces), strict=True)) for c in candidates(example.text, example.known, example.pieces)]
        first, second = named
        self.assertEqual((first["aliased"], first["alias"], second["alias"], second["same_before"]), (1, 0, 1, 1))
        self.assertEqual((second["after_paren"], second["before_paren"], second["kind_drug"], second["title_case"]), (1, 1, 1, 1))

    def test_the_fixture_of_the_rust_side_comes_out_again(self):
        values = json.loads((FIXTURES / "mentions.json").read_text())
        decision = Decision(values["weights"], values["surfaces"], values["drugs"], values["threshold"])
        self.assertEqual(values["features"], list(FEATURES))
        for case in json.loads((FIXTURES / "mentions_parity.json").read_text(encoding="utf-8")):
            known = [LexiconMention(*row) for row in case["known"]]
            pieces = Pieces([tuple(o) for o in case["pieces"]], np.array(case["tags"]))
            example = Example("g", case["text"], known, pieces, []).prepare()
            for score, (_, _, expected) in zip(decision.scores(example), case["candidates"], strict=True):
                self.assertAlmostEqual(score, expected, 4)
            self.assertEqual([list(span) for span, _ in decision.select(example)], case["kept"])

    def test_names_never_annotated_are_learned_and_kept_only_as_hashes(self):
        pool = ["aspirin", "cisplatin", "warfarin", "metformin"]
        examples = [
            self.example(f"{pool[i % 4]} after chemotherapy", [(pool[i % 4], "drug"), ("chemotherapy", "class")], [pool[i % 4]], f"g{i}")
            for i in range(24)
        ]
        figures, kept = cross_validate(examples, [list(range(0, 12)), list(range(12, 24))], (0.4, 0.5))
        self.assertEqual([f[0] for f in figures[0.5]], [1.0, 1.0])
        self.assertEqual([example.text[a:b] for example, ((a, b), _) in ((e, *k) for e, k in zip(examples, kept))], [pool[i % 4] for i in range(24)])
        decision = Decision.fit(examples)
        self.assertIn(fnv1a("aspirin"), decision.surfaces)
        self.assertEqual(fnv1a(""), "811c9dc5")
        self.assertGreater(decision.surfaces[fnv1a("aspirin")], decision.surfaces[fnv1a("chemotherapy")])


class Mentions(unittest.TestCase):
    lexicon = Lexicon(["Cisplatin", "Interferon alpha", "interferon alpha-2b", "water"])

    def found(self, text):
        return [text[a:b] for a, b in self.lexicon.find(text)]

    def test_longest_wins_and_hyphens_are_spaces(self):
        self.assertEqual(self.found("Interferon-alpha 2b/cisplatin"), ["Interferon-alpha 2b", "cisplatin"])

    def test_words_are_whole_and_everyday_words_are_not_drugs(self):
        self.assertEqual(self.found("cisplatins in water; interferon, alpha"), [])

    def test_tags_become_whole_words(self):
        self.assertEqual(spans_of_tags([0, 1, 0, 0], [(0, 0), (0, 3), (3, 6), (7, 9)], "abcdef gh"), [(0, 6)])

    def test_union_prefers_the_first(self):
        self.assertEqual(union([(0, 5)], [(3, 9), (10, 12)]), [(0, 5), (10, 12)])

    def test_token_span(self):
        offsets = [(0, 0), (0, 3), (3, 6), (7, 9), (0, 0)]
        self.assertEqual(token_span(offsets, 2, 8), (1, 4))
        self.assertIsNone(token_span(offsets, 9, 12))

    def test_parity_cases_mark_what_they_say(self):
        self.assertEqual(len(cases()), 12)
        text, spans = cases()[0]
        self.assertEqual([text[a:b] for a, b in spans], ["Cisplatin", "gemcitabine", "gemcitabine"])


class Calibration(unittest.TestCase):
    def test_temperatures_and_shift_find_no_other_sets(self):
        from rexdrug_training.crossval import adjust

        rng = np.random.default_rng(1)
        logits = rng.normal(size=(200, 4)) * 3
        rows = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        for temperature, bias in ((1.0, (0.0, 0.0)), ((1.8, 1.3), (0.5, -0.2)), (0.7, (0.0, 1.0))):
            got = adjust(rows, temperature, bias)
            np.testing.assert_allclose(got.sum(1), 1)
            self.assertTrue(((got[:, 0] < 0.5) == (rows[:, 0] < 0.5)).all())
        np.testing.assert_allclose(adjust(rows, 1.0, (0.0, 0.0)), rows, atol=1e-9)

    def test_exported_heads_do_the_same(self):
        import torch

        from rexdrug_training.crossval import adjust
        from rexdrug_training.export import AdjustedHeads

        logits = torch.tensor(np.random.default_rng(2).normal(size=(50, 4)) * 3)
        heads = AdjustedHeads(lambda *_, ddi=False: (logits, None), (1.8, 1.3), (0.5, -0.2))
        got = heads(None, None, None)[0].softmax(-1).numpy()
        np.testing.assert_allclose(got, adjust(logits.softmax(-1).numpy(), (1.8, 1.3), (0.5, -0.2)), atol=1e-6)


class Distillation(unittest.TestCase):
    def test_neighbours_come_from_the_given_paragraphs_only(self):
        import tempfile

        from rexdrug_training.distil import neighbours

        rows = [
            {"doc_id": key, "sentence": "Target sentence.", "paragraph": f"{key} got aspirin together with warfarin daily. Target sentence. Nothing was seen here."}
            for key in ("Shown", "Held")
        ]
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "train.jsonl"
            path.write_text("\n".join(map(json.dumps, rows)))
            found = neighbours(path, {"Shown"}, Lexicon(["aspirin", "warfarin"]))
        self.assertEqual([s.text for s in found], ["Shown got aspirin together with warfarin daily."])

    def test_plain_sentences_are_new_and_name_two_drugs(self):
        import tempfile

        from rexdrug_training.distil import plain

        texts = [
            "The trial gave aspirin and warfarin to everybody.",
            "The trial gave aspirin and warfarin, to everybody.",
            "Nobody in the trial was given any aspirin at all.",
            "Aspirin , taken with warfarin , caused bleeding .",
        ]
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "plain.json"
            path.write_text(json.dumps([{"doc_id": "pmid:1", "sentence": t} for t in texts]))
            found = plain(path, {"Aspirin, taken with warfarin, caused bleeding."}, Lexicon(["aspirin", "warfarin"]))
        self.assertEqual([s.text for s in found], texts[:1])

    def test_the_first_teacher_links_and_all_of_them_label(self):
        from rexdrug_training.distil import consensus
        from rexdrug_training.predict import Prediction

        class Fixed:
            def __init__(self, pairs, rows, mention):
                self.told = [Prediction(pairs, np.array(rows), np.array(mention))]

            def predict(self, sentences):
                return self.told

        one = Fixed([(0, 1), (1, 2)], [[0.5, 0.5, 0, 0], [0, 0.8, 0.2, 0]], [1.0, 0.5, 0.0])
        two = Fixed([(1, 0)], [[0.9, 0, 0.1, 0]], [0.0, 0.5, 0.0])
        [(pairs, flags)] = consensus([one, two], [sentence("a b c", [(0, 1), (2, 3), (4, 5)])])
        np.testing.assert_allclose(pairs[(0, 1)], [0.5, 0.25, 0.25, 0])
        np.testing.assert_allclose(pairs[(1, 2)], [0, 0.8, 0.2, 0])
        np.testing.assert_allclose(flags, [0.5, 0.5, 0.0])

    def test_soft_targets_follow_the_pairs_through_a_swap(self):
        s = sentence("aspirin and warfarin", [(0, 7), (12, 20)], soft={(0, 1): [0.1, 0.7, 0.1, 0.1]}, soft_flags=[0.9, 0.8])
        swapped = swap_names(s, ["x"], 1.0, random.Random(0))
        self.assertEqual((swapped.text, swapped.soft, swapped.flag_targets()), ("x and x", s.soft, [0.9, 0.8]))

    def test_a_student_keeps_the_lowest_layers(self):
        import torch
        from torch import nn

        from rexdrug_training.model import keep_layers, layer_count

        class Tiny(nn.Module):
            def __init__(self):
                super().__init__()
                self.encoder = nn.Module()
                self.encoder.layer = nn.ModuleList(nn.Linear(2, 2) for _ in range(4))
                self.config = type("Config", (), {"num_hidden_layers": 4})()

        holder = nn.Module()
        holder.encoder = Tiny()
        first = torch.clone(holder.encoder.encoder.layer[0].weight)
        keep_layers(holder.encoder, 2)
        self.assertEqual((layer_count(holder.state_dict()), holder.encoder.config.num_hidden_layers), (2, 2))
        self.assertTrue(torch.equal(holder.encoder.encoder.layer[0].weight, first))


if __name__ == "__main__":
    unittest.main()
