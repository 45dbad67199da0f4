"""The wheel against our own cases with values worked out by hand, and against the published outputs where they are.

Needs no test runner: `python test_module.py`.
"""

from __future__ import annotations

import json
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "scoring/python"))

import plain  # noqa: E402
import rexdrug_scoring as rs  # noqa: E402

OWN = ROOT / "scoring/fixtures"
SHARED = ROOT.parent / "shared/data/scoring_parity"
PARTS = {"cot_format": "format", "cot_think": "think", "coverage_cot": "coverage", "accuracy_cot": "accuracy"}
BARE = ("format", "coverage", "accuracy")
TRACE = "<think>[1] a\n[2] b\n[3] c\n[4] d</think>"


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


class Rewards(unittest.TestCase):
    def check(self, cases: list[dict]) -> None:
        def columns(*keys):
            return ([case[key] for case in cases] for key in keys)

        tasks, texts, solutions = columns("task", "completion", "solution")
        found = rs.rewards(tasks, texts, solutions)
        bare = rs.rewards(*columns("task", "answer", "answer_solution"), rules="published_answer")
        for index, case in enumerate(cases):
            for published, ours in PARTS.items():
                self.assertAlmostEqual(found[ours][index], case["rewards"][published], delta=1e-9, msg=f"{published} {case}")
            for part in BARE:
                self.assertAlmostEqual(bare[part][index], case["rewards"][part], delta=1e-9, msg=f"{part} {case}")
        for part in PARTS.values():
            reward = getattr(rs, f"{part}_reward")
            self.assertEqual(reward(completions=texts, solution=solutions, task=tasks, prompts=texts), found[part])
        weights = dict(zip(("format", "think", "coverage", "accuracy"), rs.REWARD_WEIGHTS))
        total = sum(weight * found[part][0] for part, weight in weights.items())
        self.assertAlmostEqual(found["total"][0], total, delta=1e-12)

    def test_own_cases(self):
        cases = lines(OWN / "rewards.jsonl")
        self.assertGreaterEqual(len(cases), 40)
        self.check(cases)

    def test_published_cases(self):
        if not SHARED.is_dir():
            print("skipped: no shared/data/scoring_parity beside the repository", file=sys.stderr)
            return
        cases = lines(SHARED / "rewards.jsonl")
        self.assertEqual(len(cases), 500)
        self.check(cases)
        for case in cases:
            ours = plain.rewards(case["task"], case["completion"], case["solution"])
            for part, value in zip(PARTS, ours):
                self.assertAlmostEqual(value, case["rewards"][part], delta=1e-9, msg=f"plain {part} {case}")

    def test_trl_signature(self):
        answer = '[{"type": "POS", "ent_set": ["olaparib", "bevacizumab"]}]'
        completion = f"{TRACE}<answer>{answer}</answer>"
        functions = rs.reward_functions("drugcomb")
        names = [function.__name__ for function in functions]
        self.assertEqual(names, ["format_reward", "think_reward", "coverage_reward", "accuracy_reward"])
        chat = [[{"role": "assistant", "content": completion}]]
        for function in functions + rs.reward_functions("drugcomb", mended=True):
            self.assertEqual(function(prompts=["p"], completions=[completion], solution=[answer], trainer_state=None), [1.0])
            self.assertEqual(function(completions=chat, solution=[answer], completion_ids=[[1]]), [1.0])
        ddi = '[{"type": "int", "ent_set": ["a", "b"]}]'
        self.assertEqual(rs.accuracy_reward([f"<answer>{ddi}</answer>"], solution=[ddi], task="ddi13"), [1.0])
        self.assertEqual(rs.accuracy_reward([f"<answer>{ddi}</answer>"], solution=[ddi], task="drugcomb"), [0.0])
        self.assertEqual(rs.format_reward([completion]), [1.0], "format needs no solution")

    def test_errors_say_what_and_where(self):
        for wrong, message in [
            (lambda: rs.accuracy_reward(["a"]), "solution: expected a column"),
            (lambda: rs.accuracy_reward(["a", "b"], solution=["[]"]), "expected 2 values"),
            (lambda: rs.accuracy_reward(["a", "b"], solution=["[]", "none"]), "row 2: gold answer"),
            (lambda: rs.rewards("x", ["a"], ["[]"]), "expected drugcomb or ddi13, got x"),
            (lambda: rs.rewards("ddi13", ["a"], ["[]"], rules="y"), "got y"),
            (lambda: rs.ddi13_metrics([{"labels": "[]"}]), "row 1: expected a string under `response`"),
            (lambda: rs.parse_answer_strict("drugcomb", "<think>x"), "at byte 8"),
        ]:
            with self.assertRaisesRegex(ValueError, message):
                wrong()
        with self.assertRaises(TypeError):
            rs.format_reward([1])


class Parsing(unittest.TestCase):
    def test_tolerant_and_strict(self):
        loose = "<think>t</think><answer>so [{'type': 'pos', 'ent_set': ['5-FU ', 'Folinic  Acid']}, 3]</answer>"
        found = rs.parse_answer("drugcomb", loose)
        self.assertEqual((found["parsed"], found["think"], found["dropped"]), (True, "t", ["shape"]))
        self.assertEqual(found["relations"][0]["type"], "POS")
        self.assertEqual(found["relations"][0]["names"], ["5-fu", "folinic acid"])
        strict = '<think>t</think><answer>[{"type": "NO_COMB", "ent_set": []}]</answer>'
        self.assertEqual(rs.parse_answer_strict("drugcomb", strict), {"think": "t", "relations": []})
        with self.assertRaises(ValueError):
            rs.parse_answer_strict("drugcomb", loose)
        self.assertEqual(rs.normalize_names([" A  b", "ΑΣ"]), ["a b", "ας"])
        self.assertEqual(rs.normalize_name("X"), "x")


class Metrics(unittest.TestCase):
    def check(self, folder: Path, expected: dict) -> None:
        def close(found: dict, wanted: dict) -> None:
            for key in ("P", "R", "F1"):
                self.assertAlmostEqual(found[key], wanted[key], delta=1e-9)

        board = rs.leaderboard_metrics(lines(folder / "leaderboard_gold.jsonl"), lines(folder / "leaderboard_pred.jsonl"))
        for name, wanted in expected["leaderboard"].items():
            close(board[name], wanted)
        comb = rs.drugcomb_metrics(lines(folder / "rexdrug_drugcomb.jsonl"))
        self.assertEqual(comb["error_stats"], expected["rexdrug_drugcomb"]["summary"]["error_stats"])
        close(comb["scores"]["pos_partial"], expected["rexdrug_drugcomb"]["pos_vs_other"]["partial"])
        close(comb["scores"]["any_exact"], expected["rexdrug_drugcomb"]["any_comb"]["exact"])
        ddi = rs.ddi13_metrics(lines(folder / "rexdrug_ddi13.jsonl"))
        close(ddi["micro"], expected["rexdrug_ddi13"]["micro"])
        self.assertAlmostEqual(ddi["macro_f1"], expected["rexdrug_ddi13"]["macro"]["F1"], delta=1e-9)

    def test_own_and_published_files(self):
        for root in (OWN, SHARED):
            if root.is_dir():
                for name, expected in json.loads((root / "expected.json").read_text()).items():
                    self.check(root / name, expected)

    def test_mended_rules(self):
        gold = [{"doc_id": "d", "drug_idxs": [0, 1], "relation_label": "POS"}]
        pred = [{"doc_id": "d", "drug_idxs": [1, 0], "relation_label": 2}]
        self.assertEqual(rs.leaderboard_metrics(gold, pred, mended=True)["pos_exact"]["F1"], 1.0)
        none = '[{"type": "NO_COMB", "ent_set": []}]'
        rows = [{"labels": none, "response": none}]
        self.assertEqual(rs.drugcomb_metrics(rows)["scores"]["any_exact"]["F1"], 1.0)
        self.assertEqual(rs.drugcomb_metrics(rows, mended=True)["scores"]["any_exact"]["F1"], 0.0)
        self.assertNotIn("NO_COMB", rs.ddi13_metrics(rows, mended=True)["per_type"])

    def test_reasoning(self):
        text = "Adding encorafenib to cetuximab improved overall survival."
        completion = (
            "<think>[1] Clinical scenario\n- x\n[2] Candidate drugs\n- encorafenib, cetuximab\n[3] Clinical effect\n"
            '- "improved overall survival"\n[4] Clinical summary\n- beneficial</think>'
            '<answer>[{"type": "POS", "ent_set": ["encorafenib", "cetuximab"]}]</answer>'
        )
        found = rs.reasoning_metrics("drugcomb", [completion, "nothing"], [text, text], [["trametinib"], []])
        self.assertTrue(found[0]["structured"] and found[0]["has_think"] and not found[1]["has_think"])
        self.assertEqual(found[0]["quotes_verbatim"], {"hits": 1, "total": 1})
        self.assertEqual(found[0]["drugs_in_text"], {"hits": 2, "total": 2})


if __name__ == "__main__":
    unittest.main()
