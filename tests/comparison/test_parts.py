"""The documents of a comparison in three parts."""

from typing import Any

import pytest

from granular_lm.codecs import Codec
from granular_lm.codecs.byte import ByteCodec
from granular_lm.comparison.parts import split_parts, tokens_per_byte
from granular_lm.corpus.split import near_duplicate_key
from granular_lm.errors import CodecError, CorpusError


def test_parts_that_are_not_given_are_held_out(bios: list[str]) -> None:
    """Exact duplicates are dropped first, and near-duplicates stay on one side."""
    split, data = split_parts([*bios, bios[0]])
    assert data["exact_duplicates_dropped"] == 1
    assert data["test"]["documents"] == len(split.test) == pytest.approx(0.05 * len(bios), abs=3)
    assert not {near_duplicate_key(text) for text in split.test} & {near_duplicate_key(text) for text in split.train}


def test_parts_that_are_given_are_taken_as_they_are(bios: list[str]) -> None:
    """Repeated test documents are scored as often as they stand there."""
    split, _ = split_parts(bios[:100], valid=bios[100:110], test=[*bios[110:120], bios[110]])
    assert split.train == bios[:100]
    assert split.valid == bios[100:110]
    assert split.test == [*bios[110:120], bios[110]]


@pytest.mark.parametrize(("part", "other"), [("valid", "train"), ("test", "train"), ("test", "valid")])
def test_a_part_that_overlaps_another_is_refused(bios: list[str], part: str, other: str) -> None:
    """The message says how many documents are shared, and shows one."""
    parts = {"train": bios[:100], "valid": bios[100:110], "test": bios[110:120]}
    parts[part] = [*parts[part], parts[other][0]]
    with pytest.raises(CorpusError, match=f"1 of 11 {part} documents stand in the {other} part") as caught:
        split_parts(parts["train"], valid=parts["valid"], test=parts["test"])
    assert repr(parts[other][0][:40]) in str(caught.value)


def test_a_part_without_a_byte_is_refused(bios: list[str]) -> None:
    """Bits per byte of it would mean nothing."""
    with pytest.raises(CorpusError, match="test part has 1 documents of 0 bytes"):
        split_parts(bios[:100], test=[""])


def test_tokens_count_the_stops(bios: list[str]) -> None:
    """With the byte codec there is a token for each byte, and one for each document's end."""
    split, data = split_parts(bios)
    expected = 1 + len(split.train) / data["train"]["bytes"]
    assert tokens_per_byte(ByteCodec(), split) == pytest.approx(expected)


class CapitalsLost(ByteCodec):
    """Forgets capitals."""

    def encode(self, text: str) -> list[int]:
        return super().encode(text.lower())

    def encode_some(self, documents: Any) -> Any:
        return super().encode_some([text.lower() for text in documents])


@pytest.mark.parametrize("part", ["train", "valid", "test"])
def test_a_lossy_codec_is_refused_on_every_part(bios: list[str], part: str) -> None:
    """A document that does not come back is shown, whichever part it is in."""
    lower = [text.lower() for text in bios]
    parts = {"train": lower[:100], "valid": lower[100:110], "test": lower[110:120]}
    parts[part] = [*parts[part], "Capital"]
    split, _ = split_parts(parts["train"], valid=parts["valid"], test=parts["test"])
    codec: Codec = CapitalsLost()
    with pytest.raises(CodecError, match="Capital"):
        tokens_per_byte(codec, split)
