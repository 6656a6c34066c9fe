"""Public corpora by name: where each is, under which licence, and how its files become documents."""

from granular_lm.corpus.catalog.entries import Download, Entry, catalog, find_entry
from granular_lm.corpus.catalog.fetching import Fetched, cache_folder, fetch

__all__ = ["Download", "Entry", "Fetched", "cache_folder", "catalog", "fetch", "find_entry"]
