"""Throughput of the module's rewards against the same rules in plain Python (`plain.py`).

`python bench.py [CASES.jsonl]`: lines with task, completion and solution; default: our own cases. Eight completions in a
row share a solution, as the generations of one prompt do in GRPO. Both sides must agree on every case. Measured is
processor time on one thread, the best pass of three seconds each, so that other work on the machine hardly counts.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import plain
import rexdrug_scoring


def seconds(run) -> float:
    best, until = float("inf"), time.perf_counter() + 3
    while time.perf_counter() < until:
        started = time.thread_time()
        run()
        best = min(best, time.thread_time() - started)
    return best


def main() -> int:
    default = Path(__file__).parent.parent / "fixtures/rewards.jsonl"
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else default
    cases = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    cases = [case for case in cases for _ in range(8)] * max(1, 5000 // (8 * len(cases)))
    tasks, texts, solutions = ([case[key] for case in cases] for key in ("task", "completion", "solution"))

    def python():
        return [plain.rewards(*case) for case in zip(tasks, texts, solutions)]

    def module():
        return rexdrug_scoring.rewards(tasks, texts, solutions)

    found = module()
    parts = zip(found["format"], found["think"], found["coverage"], found["accuracy"])
    wrong = [
        (case, ours, theirs)
        for case, ours, theirs in zip(cases, parts, python())
        if max(abs(a - b) for a, b in zip(ours, theirs)) > 1e-9
    ]
    if wrong:
        case, ours, theirs = wrong[0]
        print(f"{len(wrong)} of {len(cases)} cases differ; the first: module {ours}, plain {theirs}\n{case}", file=sys.stderr)
        return 1
    slow, fast = seconds(python), seconds(module)
    print(f"{len(cases)} completions, four rewards each, equal on all")
    print(f"plain Python {len(cases) / slow:>12,.0f} completions/s")
    print(f"module       {len(cases) / fast:>12,.0f} completions/s   {slow / fast:.1f} times")
    return 0


if __name__ == "__main__":
    sys.exit(main())
