"""The documents of a comparison in three parts, and what has to hold of them before anything is trained."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from granular_lm.codecs import Codec
from granular_lm.corpus.held_out import refuse_shared
from granular_lm.corpus.split import Split, documents_hash, drop_exact_duplicates, split_documents
from granular_lm.corpus.stream import in_chunks
from granular_lm.errors import CorpusError
from granular_lm.text import documents_of, to_bytes
from granular_lm.token_store import LosslessCheck

HELD_OUT = 0.05
SPLIT_SEED = 0
PARTS = ("train", "valid", "test")


def split_parts(
    documents: Iterable[str], valid: Iterable[str] | None = None, test: Iterable[str] | None = None
) -> tuple[Split, dict[str, Any]]:
    """Return the three parts, and their counts and hashes.

    Exact duplicates are dropped from what is given first. A part that is not given is held out from it, 5 % each,
    near-duplicates always on one side.

    Raises:
        CorpusError: There is too little text, or a part that is given shares a document with another one.
    """
    met = list(documents_of(documents))
    distinct = drop_exact_duplicates(met)
    held_out = split_documents(
        distinct, valid=HELD_OUT if valid is None else 0.0, test=HELD_OUT if test is None else 0.0, seed=SPLIT_SEED
    )
    split = Split(
        held_out.train,
        held_out.valid if valid is None else list(documents_of(valid)),
        held_out.test if test is None else list(documents_of(test)),
    )
    _refuse_empty(split)
    _refuse_overlap(split)
    described = {part: _described(getattr(split, part)) for part in PARTS}
    return split, {"exact_duplicates_dropped": len(met) - len(distinct), "split_seed": SPLIT_SEED, **described}


def tokens_per_byte(codec: Codec, split: Split) -> float:
    """Return the tokens that training reads for each byte, each document's stop among them.

    Raises:
        CodecError: The codec does not give a document of any part back as it was.
    """
    tokens = [_checked_tokens(codec, getattr(split, part)) for part in PARTS]
    num_bytes = sum(len(to_bytes(text)) for text in split.train)
    return (tokens[0] + len(split.train)) / num_bytes


def _checked_tokens(codec: Codec, documents: Sequence[str]) -> int:
    check, tokens = LosslessCheck(codec), 0
    for chunk in in_chunks(documents):
        encoded = codec.encode_batch(chunk)
        check.lengths(chunk, list(map(to_bytes, chunk)), encoded)
        tokens += len(encoded.ids)
    return tokens


def _described(documents: Sequence[str]) -> dict[str, Any]:
    num_bytes = sum(len(to_bytes(text)) for text in documents)
    return {"documents": len(documents), "bytes": num_bytes, "sha256": documents_hash(documents)}


def _refuse_empty(split: Split) -> None:
    for part in PARTS:
        documents = getattr(split, part)
        if not any(map(to_bytes, documents)):
            raise CorpusError(f"the {part} part has {len(documents)} documents of 0 bytes; give more text.")


def _refuse_overlap(split: Split) -> None:
    for part, other in (("valid", "train"), ("test", "train"), ("test", "valid")):
        refuse_shared(getattr(split, part), set(_raw(getattr(split, other))), part=part, other=other)


def _raw(documents: Iterable[str]) -> Iterator[bytes]:
    return map(to_bytes, documents)
