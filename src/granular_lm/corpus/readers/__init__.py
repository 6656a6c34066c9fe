"""Files, and what is like files, to documents, one at a time.

`places` finds what a name means: a file, a folder, a pattern, standard input; `remote` does so for addresses.
What is found is a `Source`, whose bytes `packing` unpacks. A reader turns a source into documents and knows
nothing of where it is: `txt`, `jsonl`, `tables`, `parquet`. `hub` reads data sets, which are no files.
"""

from granular_lm.corpus.readers.documents import read_documents

__all__ = ["read_documents"]
