"""``python -m granular_lm``: the command line."""

from granular_lm.cli import main

main()
