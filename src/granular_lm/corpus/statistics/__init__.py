"""What one wants to know of a corpus before training, counted in one pass."""

from granular_lm.corpus.statistics.counting import CorpusStatistics, ScriptCount, corpus_statistics
from granular_lm.corpus.statistics.emoji import EMOJI
from granular_lm.corpus.statistics.lengths import Lengths, readable_length

__all__ = ["EMOJI", "CorpusStatistics", "Lengths", "ScriptCount", "corpus_statistics", "readable_length"]
