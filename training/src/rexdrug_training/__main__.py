"""`python -m rexdrug_training`."""

from .cli import main

main()
