"""Training of rexdrug's small classifier: data in, model folder out."""

LABELS = ("NONE", "POS", "NEG", "COMB")
DDI_LABELS = ("none", "effect", "advise", "int", "mechanism")
TAGS = ("O", "B", "I")
