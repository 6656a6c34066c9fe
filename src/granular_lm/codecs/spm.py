"""The subword codec: SentencePiece, set up so that it loses nothing.

SentencePiece's own defaults normalise, add a space, merge spaces and map what is rare to one unknown id. Here
it is trained with none of that, its byte pieces stand for whatever it has no piece for, and its ids are turned
back into bytes by our own table instead of its decoder.
"""

import io
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Self

import numpy as np
from sentencepiece import SentencePieceProcessor, SentencePieceTrainer

from granular_lm.checks import check_integer
from granular_lm.codecs.base import Codec, EncodedDocuments, offsets_of, type_of_ids
from granular_lm.codecs.byte import NUM_BYTES
from granular_lm.errors import CodecError, OptionError
from granular_lm.text import has_surrogates, to_bytes

MODEL_FILE = "spm.model"
SPACE_MARK = "\u2581"  # SentencePiece writes a space as this character, so the character itself needs its bytes
SPELLED = re.compile(f"[{SPACE_MARK}\x00\ud800-\udfff]")  # goes to the byte pieces, never through SentencePiece
NOT_TRAINABLE = re.compile(f"[{SPACE_MARK}\u2585\x00\n\r\ud800-\udfff]")  # the trainer skips a line with one
MAX_TRAINING_BYTES = 4192  # the trainer drops a longer line, so longer text is fed in parts
MODEL_TYPES = ("unigram", "bpe")
COVERAGE = 0.9995
MOST_IDS = 1_000_000


class SentencePieceCodec(Codec):
    """Id 0 is the stop, 1 to 256 are bytes, then the learnt pieces.

    Args:
        model: A serialised SentencePiece model that `train` made.

    Raises:
        CodecError: The model is damaged, or was trained with settings that lose information.
    """

    name = "spm"
    stop_id = 0

    def __init__(self, model: bytes) -> None:
        self._model = model
        self._processor = _load(model)
        self.vocab_size = self._processor.get_piece_size()

    @classmethod
    def train(cls, documents: Iterable[str], *, vocab_size: int = 1000, model: str = "unigram") -> Self:
        """Return a codec with at most ``vocab_size`` ids, bytes and stop included.

        Args:
            documents: The training documents, held in memory while SentencePiece learns.
            vocab_size: Upper bound; a small corpus may support fewer pieces.
            model: ``"unigram"`` or ``"bpe"``.

        Raises:
            CodecError: There is no text to learn from.
            OptionError: An option is out of range.
        """
        check_integer("vocab_size", vocab_size, least=NUM_BYTES + 3, most=MOST_IDS)
        if model not in MODEL_TYPES:
            raise OptionError(f"model={model!r} is not accepted; give one of: {', '.join(MODEL_TYPES)}.")
        lines = [line for text in documents for line in _training_lines(text)]
        return cls(_train_model(lines, vocab_size, model))

    def encode(self, text: str) -> list[int]:
        """Return the ids of ``text``."""
        ids: list[int] = self.encode_batch([text]).ids.tolist()
        return ids

    def encode_some(self, documents: Sequence[str]) -> EncodedDocuments:
        """Encode many documents with one call of SentencePiece."""
        spelled = self._with_spelled_characters(documents)
        plain = list(documents)
        for index in spelled:
            plain[index] = ""
        encoded = self._processor.encode(plain, return_type="numpy")
        for index in spelled:
            encoded[index] = np.fromiter(self._encode_parts(documents[index]), dtype=type_of_ids)
        ids = np.concatenate(encoded) if encoded else np.empty(0)
        return EncodedDocuments(ids.astype(type_of_ids, copy=False), offsets_of(map(len, encoded), len(encoded)))

    def _with_spelled_characters(self, documents: Sequence[str]) -> list[int]:
        """Return which documents have characters to spell in byte pieces; as a rule there are none."""
        joined = "".join(documents)
        if not any(special in joined for special in (SPACE_MARK, "\x00")) and not has_surrogates(joined):
            return []
        return [index for index, text in enumerate(documents) if SPELLED.search(text)]

    def _encode_parts(self, text: str) -> Iterator[int]:
        position = 0
        for match in SPELLED.finditer(text):
            yield from self._processor.encode(text[position : match.start()])
            yield from (1 + byte for byte in to_bytes(match.group()))
            position = match.end()
        yield from self._processor.encode(text[position:])

    def token_bytes(self, token_id: int) -> bytes:
        """Return a byte or the UTF-8 bytes of a piece, its space marks read as spaces."""
        if token_id == self.stop_id:
            return b""
        if token_id <= NUM_BYTES:
            return bytes([token_id - 1])
        piece: str = self._processor.id_to_piece(token_id)
        return piece.replace(SPACE_MARK, " ").encode()

    def to_config(self) -> dict[str, Any]:
        """Return nothing: the model file says it all."""
        return {}

    def files(self) -> dict[str, bytes]:
        """Return the SentencePiece model file."""
        return {MODEL_FILE: self._model}

    @classmethod
    def from_config(cls, config: Mapping[str, Any], files: Mapping[str, bytes]) -> Self:
        """Return the codec of the stored model file."""
        return cls(files[MODEL_FILE])


def _load(model: bytes) -> SentencePieceProcessor:
    try:
        if not model:
            raise ValueError("the file is empty")
        processor = SentencePieceProcessor(model_proto=model)
    except (RuntimeError, ValueError, IndexError) as error:
        raise CodecError(f"{MODEL_FILE} is not a readable SentencePiece model; train the codec again.") from error
    is_ours = (
        processor.is_unknown(0)
        and processor.get_piece_size() > NUM_BYTES + 1
        and all(processor.is_byte(1 + byte) for byte in range(NUM_BYTES))
        and not processor.is_unknown(processor.piece_to_id(SPACE_MARK))
        and processor.normalize(" \ufb01  ") == f"{SPACE_MARK}\ufb01{SPACE_MARK * 2}"
    )
    if not is_ours:
        raise CodecError(
            f"{MODEL_FILE} was trained with settings that lose information (normalisation, a dummy prefix, no byte "
            "pieces or no piece for the space); train it with granular_lm.train_codec('spm', documents)."
        )
    return processor


def _training_lines(text: str) -> Iterator[str]:
    """Cut a document into lines that the trainer keeps: none too long, none with a character it skips."""
    longest = MAX_TRAINING_BYTES // 4  # four bytes are the most a character takes
    for line in NOT_TRAINABLE.split(text):
        yield from (line[start : start + longest] for start in range(0, len(line), longest))


def _train_model(lines: list[str], vocab_size: int, model_type: str) -> bytes:
    if not any(lines):
        raise CodecError("a subword codec cannot be trained without text; give at least one non-empty document.")
    out = io.BytesIO()
    try:
        SentencePieceTrainer.train(
            sentence_iterator=iter(_without_rare_characters(lines, vocab_size)),
            model_writer=out,
            model_type=model_type,
            vocab_size=vocab_size,
            hard_vocab_limit=False,
            character_coverage=1.0,
            required_chars=SPACE_MARK,
            byte_fallback=True,
            normalization_rule_name="identity",
            add_dummy_prefix=False,
            remove_extra_whitespaces=False,
            unk_id=0,
            bos_id=-1,
            eos_id=-1,
            pad_id=-1,
            max_sentence_length=MAX_TRAINING_BYTES,
            num_threads=16,  # sums are taken thread by thread: the same number everywhere, the same model
            minloglevel=2,
        )
    except RuntimeError as error:
        reason = str(error).rpartition("] ")[2] or str(error)
        raise CodecError(
            f"SentencePiece could not learn vocab_size={vocab_size} from this text ({reason.strip()}); "
            "give more text or another vocab_size."
        ) from error
    return out.getvalue()


def _without_rare_characters(lines: list[str], vocab_size: int) -> list[str]:
    """Cut lines at each character that gets no piece, to be spelled in bytes like any unseen one.

    The most frequent characters are kept: 99.95 % of all occurrences, or fewer where they would take more than
    half of the vocabulary. (SentencePiece's own coverage option refuses to go below 98 %.)
    """
    counts = Counter(itertools.chain.from_iterable(lines))
    budget = COVERAGE * counts.total()
    kept: set[str] = set()
    for character, count in counts.most_common((vocab_size - NUM_BYTES - 1) // 2):
        if budget <= 0:
            break
        kept.add(character)
        budget -= count
    cut = {ord(character): "\n" for character in counts if character not in kept}
    return [part for line in lines for part in line.translate(cut).split("\n")]
