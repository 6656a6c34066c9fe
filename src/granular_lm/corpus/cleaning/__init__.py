"""Cleaning a corpus: text mended and scrubbed on request, filters, duplicates, and a card that says what was done.

`pipeline` runs it. `steps` puts in order what looks at one document at a time: `changes` and `scrubbing` of its text,
and `filters`. `duplicates` compares documents with one another, by their `signatures`.
"""

from granular_lm.corpus.cleaning.card import changing_steps, group_field
from granular_lm.corpus.cleaning.options import CleaningOptions
from granular_lm.corpus.cleaning.pipeline import clean
from granular_lm.corpus.cleaning.scrubbing import scrub

__all__ = ["CleaningOptions", "changing_steps", "clean", "group_field", "scrub"]
