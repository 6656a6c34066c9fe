"""What a corpus is made of, counted in one pass.

What a character alone decides (its bytes, its script, whether it is ASCII or an emoji) is worked out at the end
from how often each character occurs, so a document costs little more than its character counts.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

from granular_lm.corpus.scripts import letters_by_script, script_of
from granular_lm.corpus.split import near_duplicate_key
from granular_lm.corpus.statistics.emoji import EMOJI, emoji_in, emoji_unit
from granular_lm.corpus.statistics.lengths import Lengths
from granular_lm.corpus.statistics.sample import DocumentSample, compressed_shares
from granular_lm.errors import CorpusError
from granular_lm.text import is_utf8, to_bytes

NUM_MOST_FREQUENT = 20
ASCII_LETTER = re.compile("[A-Za-z]")
Counted = TypeVar("Counted", int, str)


@dataclass(frozen=True, kw_only=True)
class ScriptCount:
    """A script: the documents that have more than half of their letters in it, and the letters of all documents."""

    name: str
    documents: int
    letters: int


@dataclass(frozen=True, kw_only=True)
class CorpusStatistics:
    """Counts over all documents; shares are between 0 and 1, and 0 where there is nothing to share.

    Attributes:
        documents: All documents, empty ones and duplicates included.
        bytes: Raw bytes of all documents, without line ends.
        characters: Code points; a byte that is no valid UTF-8 counts as one.
        bytes_per_document: Lengths in raw bytes.
        characters_per_document: Lengths in code points.
        byte_counts: How often each of the 256 byte values occurs.
        distinct_bytes: Byte values that occur.
        distinct_characters: Code points that occur.
        most_frequent_bytes: At most 20 pairs of byte value and count, the most frequent first.
        most_frequent_characters: At most 20 pairs of character and count, the most frequent first.
        non_ascii_document_share: Documents with a character outside ASCII.
        emoji_document_share: Documents with an `EMOJI` character.
        non_ascii_character_share: Characters outside ASCII.
        emoji_character_share: Characters that are, or are part of, an emoji.
        exact_duplicates: Documents less distinct ones.
        near_duplicates: Documents less distinct `near_duplicate_key`, by which a split keeps them together; exact
            duplicates included. What `clean` finds is counted in another way.
        empty_documents: Documents of 0 bytes.
        invalid_utf8_documents: Documents whose raw bytes are no valid UTF-8.
        cr_documents: Documents that end in a carriage return, as those of a file do whose lines end in CR LF.
        scripts: Scripts of letters, that with the most letters first.
        scriptless_documents: Documents without letters, or with no more than half of them in one script.
        emoji: Emoji, each counted as one however many characters it takes, if ``emoji_unit`` is ``"grapheme"``.
        emoji_unit: ``"character"`` where the package ``regex`` is missing.
        distinct_emoji: Different ones.
        most_frequent_emoji: At most 20 pairs of emoji and count, the most frequent first.
        sample: Documents from all over the corpus, two million characters at most; in no dictionary.
        sample_documents: How many these are.
        sample_bytes: Their raw bytes.
        compressed_shares: What zlib and xz leave of the sample, each document with a line end, at their usual levels;
            empty where there is no byte.
    """

    documents: int
    bytes: int
    characters: int
    bytes_per_document: Lengths
    characters_per_document: Lengths
    byte_counts: tuple[int, ...]
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
    cr_documents: int
    scripts: tuple[ScriptCount, ...]
    scriptless_documents: int
    emoji: int
    emoji_unit: str
    distinct_emoji: int
    most_frequent_emoji: tuple[tuple[str, int], ...]
    sample: tuple[str, ...] = field(repr=False)
    sample_documents: int
    sample_bytes: int
    compressed_shares: dict[str, float]

    def to_dict(self) -> dict[str, Any]:
        """Return all but the sample as JSON values, tuples as lists."""
        return {name: _as_json(value) for name, value in asdict(self).items() if name != "sample"}


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
    scripts: Counter[str | None] = field(default_factory=Counter)
    emoji: Counter[str] = field(default_factory=Counter)
    sample: DocumentSample = field(default_factory=DocumentSample)
    non_ascii: int = 0
    with_emoji: int = 0
    invalid: int = 0
    ending_in_cr: int = 0

    def add(self, text: str) -> None:
        data = to_bytes(text)
        self.characters.update(text)
        self.byte_lengths[len(data)] += 1
        self.character_lengths[len(text)] += 1
        self.scripts[_script_of(text)] += 1
        self.ending_in_cr += text.endswith("\r")
        self._add_hashed(text, data)
        if not text.isascii():
            self.non_ascii += 1
            self.invalid += not is_utf8(data)
            self._add_emoji(text)

    def _add_hashed(self, text: str, data: bytes) -> None:
        digest = _short_hash(data)
        self.sample.add(digest, text)
        if digest not in self.texts:
            self.texts.add(digest)
            self.keys.add(_short_hash(to_bytes(near_duplicate_key(text))))

    def _add_emoji(self, text: str) -> None:
        if EMOJI.search(text):
            self.with_emoji += 1
            self.emoji.update(emoji_in(text))

    def result(self) -> CorpusStatistics:
        documents = self.byte_lengths.total()
        characters = self.characters.total()
        byte_counts = _byte_counts(self.characters)
        non_ascii = sum(count for character, count in self.characters.items() if not character.isascii())
        emoji = sum(count for character, count in self.characters.items() if EMOJI.match(character))
        sample = self.sample.documents()
        return CorpusStatistics(
            documents=documents,
            bytes=byte_counts.total(),
            characters=characters,
            bytes_per_document=Lengths.of(self.byte_lengths),
            characters_per_document=Lengths.of(self.character_lengths),
            byte_counts=tuple(byte_counts[byte] for byte in range(256)),
            distinct_bytes=len(byte_counts),
            distinct_characters=len(self.characters),
            most_frequent_bytes=_most_frequent(byte_counts),
            most_frequent_characters=_most_frequent(self.characters),
            non_ascii_document_share=self.non_ascii / documents,
            emoji_document_share=self.with_emoji / documents,
            non_ascii_character_share=non_ascii / max(characters, 1),
            emoji_character_share=emoji / max(characters, 1),
            exact_duplicates=documents - len(self.texts),
            near_duplicates=documents - len(self.keys),
            empty_documents=self.byte_lengths[0],
            invalid_utf8_documents=self.invalid,
            cr_documents=self.ending_in_cr,
            scripts=self._scripts(),
            scriptless_documents=self.scripts[None],
            emoji=self.emoji.total(),
            emoji_unit=emoji_unit(),
            distinct_emoji=len(self.emoji),
            most_frequent_emoji=_most_frequent(self.emoji),
            sample=tuple(sample),
            sample_documents=len(sample),
            sample_bytes=sum(len(to_bytes(text)) for text in sample),
            compressed_shares=compressed_shares(sample),
        )

    def _scripts(self) -> tuple[ScriptCount, ...]:
        letters: Counter[str] = Counter()
        for character, count in self.characters.items():
            for script in letters_by_script(character):
                letters[script] += count
        ranked = sorted(letters.items(), key=lambda item: (-item[1], item[0]))
        return tuple(ScriptCount(name=name, documents=self.scripts[name], letters=count) for name, count in ranked)


def _script_of(text: str) -> str | None:
    """Return what `script_of` returns, sooner for a text in one script."""
    if text.isascii():
        return "Latin" if ASCII_LETTER.search(text) else None
    scripts = letters_by_script("".join(set(text)))
    return script_of(text) if len(scripts) > 1 else next(iter(scripts), None)


def _short_hash(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=8).digest()


def _byte_counts(characters: Counter[str]) -> Counter[int]:
    """Return how often each byte occurs: the bytes of a text are the bytes of its characters."""
    counts: Counter[int] = Counter()
    for character, count in characters.items():
        for byte in to_bytes(character):
            counts[byte] += count
    return counts


def _most_frequent(counts: Counter[Counted]) -> tuple[tuple[Counted, int], ...]:
    """Return the most frequent items, the smaller first where counts are equal."""
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(ranked[:NUM_MOST_FREQUENT])


def _as_json(value: Any) -> Any:
    """Return a value with its tuples as lists."""
    if isinstance(value, dict):
        return {name: _as_json(each) for name, each in value.items()}
    return [_as_json(each) for each in value] if isinstance(value, tuple) else value
