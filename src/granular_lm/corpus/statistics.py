"""What a corpus is made of, counted in one pass.

What a character alone decides (its bytes, whether it is ASCII, whether it is an emoji) is worked out at the
end from how often each character occurs, so a document costs little more than its character counts.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

from granular_lm.corpus.split import near_duplicate_key
from granular_lm.errors import CorpusError
from granular_lm.text import is_utf8, to_bytes

NUM_MOST_FREQUENT = 20
ByteOrCharacter = TypeVar("ByteOrCharacter", int, str)

EMOJI = re.compile(
    "["
    "\u20e3\ufe0f"  # what makes a keycap of a digit, and an emoji of a symbol
    "\u231a\u231b\u23e9-\u23f3\u23f8-\u23fa\u25fb-\u25fe\u2b1b\u2b1c\u2b50\u2b55"
    "\u2600-\u27bf"  # Miscellaneous Symbols, Dingbats
    "\U0001f004\U0001f0cf\U0001f170\U0001f171\U0001f17e\U0001f17f\U0001f18e\U0001f191-\U0001f19a"
    "\U0001f1e6-\U0001f1ff"  # regional indicators, two of which are a flag
    "\U0001f201-\U0001f251"
    "\U0001f300-\U0001f64f\U0001f680-\U0001f6ff\U0001f7e0-\U0001f7f0"
    "\U0001f900-\U0001f9ff\U0001fa70-\U0001faff"
    "\U000e0020-\U000e007f"  # tags, which spell the flags of regions
    "]"
)
"""A character that is, or is part of, an emoji.

An approximation: whole blocks of symbols count, among them a few that rarely show as pictures (★, ✓). Signs
that are text unless U+FE0F follows (©, ™, ↔) count by that follower alone. The joiner U+200D does not count.
"""


@dataclass(frozen=True)
class Lengths:
    """How long documents are; the median of an even number of them lies halfway between the middle two."""

    mean: float
    median: float
    max: int


@dataclass(frozen=True, kw_only=True)
class CorpusStatistics:
    """Counts over all documents; shares are between 0 and 1, and 0 where there is nothing to share.

    Attributes:
        documents: All documents, empty ones and duplicates included.
        bytes: Raw bytes of all documents, without line ends.
        characters: Code points; a byte that is no valid UTF-8 counts as one.
        bytes_per_document: Lengths in raw bytes.
        characters_per_document: Lengths in code points.
        distinct_bytes: Byte values that occur.
        distinct_characters: Code points that occur.
        most_frequent_bytes: At most 20 pairs of byte value and count, the most frequent first.
        most_frequent_characters: At most 20 pairs of character and count, the most frequent first.
        non_ascii_document_share: Documents with a character outside ASCII.
        emoji_document_share: Documents with an `EMOJI` character.
        non_ascii_character_share: Characters outside ASCII.
        emoji_character_share: Characters that are, or are part of, an emoji.
        exact_duplicates: Documents less distinct ones.
        near_duplicates: Documents less distinct `near_duplicate_key`; exact duplicates included.
        empty_documents: Documents of 0 bytes.
        invalid_utf8_documents: Documents whose raw bytes are no valid UTF-8.
    """

    documents: int
    bytes: int
    characters: int
    bytes_per_document: Lengths
    characters_per_document: Lengths
    distinct_bytes: int
    distinct_characters: int
    most_frequent_bytes: tuple[tuple[int, int], ...]
    most_frequent_characters: tuple[tuple[str, int], ...]
    non_ascii_document_share: float
    emoji_document_share: float
    non_ascii_character_share: float
    emoji_character_share: float
    exact_duplicates: int
    near_duplicates: int
    empty_documents: int
    invalid_utf8_documents: int

    def to_dict(self) -> dict[str, Any]:
        """Return the counts as JSON values, each pair as a list."""
        pairs = ("most_frequent_bytes", "most_frequent_characters")
        return asdict(self) | {name: [list(pair) for pair in getattr(self, name)] for name in pairs}


def corpus_statistics(documents: Iterable[str]) -> CorpusStatistics:
    """Count a corpus in one pass.

    Memory grows with the number of distinct documents (two 8-byte hashes each: among 10 000 000 documents the
    odds that any two are taken for equal by chance are below 1 in 100 000), never with their text.

    Raises:
        CorpusError: There are no documents.
    """
    tally = _Tally()
    for text in documents:
        tally.add(text)
    if not tally.byte_lengths:
        raise CorpusError("the corpus has 0 documents; give a file with at least one.")
    return tally.result()


@dataclass
class _Tally:
    """What is kept of the documents seen so far."""

    characters: Counter[str] = field(default_factory=Counter)
    byte_lengths: Counter[int] = field(default_factory=Counter)
    character_lengths: Counter[int] = field(default_factory=Counter)
    texts: set[bytes] = field(default_factory=set)
    keys: set[bytes] = field(default_factory=set)
    non_ascii: int = 0
    emoji: int = 0
    invalid: int = 0

    def add(self, text: str) -> None:
        data = to_bytes(text)
        self.characters.update(text)
        self.byte_lengths[len(data)] += 1
        self.character_lengths[len(text)] += 1
        self._add_distinct(text, data)
        if not text.isascii():
            self.non_ascii += 1
            self.emoji += EMOJI.search(text) is not None
            self.invalid += not is_utf8(data)

    def _add_distinct(self, text: str, data: bytes) -> None:
        digest = _short_hash(data)
        if digest not in self.texts:
            self.texts.add(digest)
            self.keys.add(_short_hash(to_bytes(near_duplicate_key(text))))

    def result(self) -> CorpusStatistics:
        documents = self.byte_lengths.total()
        characters = self.characters.total()
        byte_counts = _byte_counts(self.characters)
        non_ascii = sum(count for character, count in self.characters.items() if not character.isascii())
        emoji = sum(count for character, count in self.characters.items() if EMOJI.match(character))
        return CorpusStatistics(
            documents=documents,
            bytes=byte_counts.total(),
            characters=characters,
            bytes_per_document=_lengths(self.byte_lengths),
            characters_per_document=_lengths(self.character_lengths),
            distinct_bytes=len(byte_counts),
            distinct_characters=len(self.characters),
            most_frequent_bytes=_most_frequent(byte_counts),
            most_frequent_characters=_most_frequent(self.characters),
            non_ascii_document_share=self.non_ascii / documents,
            emoji_document_share=self.emoji / documents,
            non_ascii_character_share=non_ascii / max(characters, 1),
            emoji_character_share=emoji / max(characters, 1),
            exact_duplicates=documents - len(self.texts),
            near_duplicates=documents - len(self.keys),
            empty_documents=self.byte_lengths[0],
            invalid_utf8_documents=self.invalid,
        )


def _short_hash(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=8).digest()


def _byte_counts(characters: Counter[str]) -> Counter[int]:
    """Return how often each byte occurs: the bytes of a text are the bytes of its characters."""
    counts: Counter[int] = Counter()
    for character, count in characters.items():
        for byte in to_bytes(character):
            counts[byte] += count
    return counts


def _lengths(histogram: Counter[int]) -> Lengths:
    documents = histogram.total()
    total = sum(length * count for length, count in histogram.items())
    middle = _ranked(histogram, (documents - 1) // 2) + _ranked(histogram, documents // 2)
    return Lengths(mean=total / documents, median=middle / 2, max=max(histogram))


def _ranked(histogram: Counter[int], rank: int) -> int:
    """Return the length at ``rank``, counted from 0, when all are lined up by size."""
    for length in sorted(histogram):
        rank -= histogram[length]
        if rank < 0:
            return length
    raise IndexError(rank)


def _most_frequent(counts: Counter[ByteOrCharacter]) -> tuple[tuple[ByteOrCharacter, int], ...]:
    """Return the most frequent items, the smaller first where counts are equal."""
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(ranked[:NUM_MOST_FREQUENT])
