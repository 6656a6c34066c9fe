"""Bios of accounts on X, read through its API with a token of one's own.

The pages as they came are the state: `journal` keeps them, `sources` tells from them what to ask for next, `client`
asks, and `reading` is the loop of the three.
"""

from granular_lm.corpus.twitter.client import TOKEN_VARIABLE, Surroundings
from granular_lm.corpus.twitter.collector import X_TERMS, Collection, collect
from granular_lm.corpus.twitter.output import collected_ids
from granular_lm.corpus.twitter.reading import CollectionProgress
from granular_lm.corpus.twitter.refresh import Refreshed, refresh
from granular_lm.corpus.twitter.sources import Source, chosen_source

__all__ = [
    "TOKEN_VARIABLE",
    "X_TERMS",
    "Collection",
    "CollectionProgress",
    "Refreshed",
    "Source",
    "Surroundings",
    "chosen_source",
    "collect",
    "collected_ids",
    "refresh",
]
