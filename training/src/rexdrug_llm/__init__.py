"""Trains RexDrug: supervised fine-tuning on traces, merge, reinforcement learning, export (see docs/training-rexdrug.md)."""
