"""The codec contract as checks that name the property and the text that breaks it."""

import json
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from granular_lm.codecs import Codec
from granular_lm.codecs.excerpts import difference
from granular_lm.errors import CodecContractError
from granular_lm.text import to_bytes, to_text

CASES: tuple[str, ...] = (
    "",
    "a",
    " ",
    " a",
    "  a",
    "a b",
    "a  b ",
    "\t\n\r\n\x0b\x0c\x1c\x85\u2028\u2029",
    "\x00",
    "a\x00b",
    "\u2581",
    "a\u2581b",
    "\u2581\u2581 ",
    "\u2585 \u2047",
    "</s>",
    "<s> <unk> <pad> <0x41> <|endoftext|>",
    "\ufeffbom",
    "\ufb01 \uff21 \u00bd \u2460 \u212b",  # change under NFKC
    "e\u0301 \u00e9 \u1e9b\u0323",
    "STRASSE stra\u00dfe \u0130",
    "\u0645\u0631\u062d\u0628\u0627 \u05e9\u05dc\u05d5\u05dd \u200f\u200e",
    "\u65e5\u672c\u8a9e \ud55c\uad6d\uc5b4",
    "\U0001f469\U0001f3fd\u200d\U0001f4bb \U0001f3f3\ufe0f\u200d\U0001f308 \U0001f1ea\U0001f1f8",
    "\U0010ffff\uffff\ue000",
    "\udcff\udc80",  # bytes that are no UTF-8
    "caf\udce9 au lait",
    "\udcc3\udca9",  # bytes that make a character together
    "\ud83d lone",  # no byte can have made this one
    "".join(map(chr, range(256))),
)
"""Texts that codecs have been seen to change."""


@dataclass(frozen=True, slots=True)
class PropertyCheck:
    """Whether a codec has one property.

    Attributes:
        name: The property.
        failure: What breaks it, in a line; None if nothing did.
    """

    name: str
    failure: str | None


def check_codec(codec: Codec, documents: Iterable[str] = ()) -> None:
    """Check the whole contract on `CASES`, on seeded random text and bytes, and on your documents.

    Raises:
        CodecContractError: A property does not hold; the message names each one and a text that shows it.
    """
    broken = [check for check in check_properties(codec, documents) if check.failure]
    if broken:
        details = "; ".join(f"{check.name}: {check.failure}" for check in broken)
        raise CodecContractError(f"codec {codec.name!r} breaks its contract. {details}.")


def check_properties(codec: Codec, documents: Iterable[str] = ()) -> list[PropertyCheck]:
    """Return every property of the contract, with the first failure of each that does not hold."""
    texts = [*CASES, *_random_texts(), *documents]
    checks: dict[str, Callable[[Codec, Sequence[str]], Iterator[str]]] = {
        "ids in range": _ids_in_range,
        "structural stop": _structural_stop,
        "lossless": _lossless,
        "non-erasing": _non_erasing,
        "multiplicative": _multiplicative,
        "byte-complete": _byte_complete,
        "batch equals one by one": _batch_equals_single,
        "deterministic": _deterministic,
        "stored and loaded alike": _stored_alike,
    }
    return [PropertyCheck(name, _first_failure(check, codec, texts)) for name, check in checks.items()]


def _first_failure(
    check: Callable[[Codec, Sequence[str]], Iterator[str]], codec: Codec, texts: Sequence[str]
) -> str | None:
    try:
        return next(check(codec, texts), None)
    except Exception as error:  # noqa: BLE001 - a codec under test may raise anything, and that is the finding
        return f"raised {type(error).__name__}: {str(error).partition(chr(10))[0]}"


def _ids_in_range(codec: Codec, texts: Sequence[str]) -> Iterator[str]:
    for text in texts:
        for token_id in codec.encode(text):
            if not 0 <= token_id < codec.vocab_size:
                yield f"{text!r} encodes to id {token_id}, outside 0 to {codec.vocab_size - 1}"


def _structural_stop(codec: Codec, texts: Sequence[str]) -> Iterator[str]:
    if not 0 <= codec.stop_id < codec.vocab_size:
        yield f"the stop id {codec.stop_id} is outside 0 to {codec.vocab_size - 1}"
    if codec.token_bytes(codec.stop_id):
        yield f"the stop stands for {codec.token_bytes(codec.stop_id)!r}, not for nothing"
    for text in texts:
        if codec.stop_id in codec.encode(text):
            yield f"{text!r} encodes to the stop id"


def _lossless(codec: Codec, texts: Sequence[str]) -> Iterator[str]:
    for text in texts:
        decoded = codec.decode_bytes(codec.encode(text))
        if decoded != to_bytes(text):
            shown, made = difference(to_bytes(text), decoded)
            yield f"{shown!r} comes back as {made!r}"


def _non_erasing(codec: Codec, _: Sequence[str]) -> Iterator[str]:
    for token_id in range(codec.vocab_size):
        if token_id != codec.stop_id and not codec.token_bytes(token_id):
            yield f"id {token_id} stands for no bytes"


def _multiplicative(codec: Codec, texts: Sequence[str]) -> Iterator[str]:
    for text in texts:
        ids = codec.encode(text)
        if codec.decode_bytes(ids) != b"".join(map(codec.token_bytes, ids)):
            yield f"decoding {text[:40]!r} is not its tokens' bytes one after another"


def _byte_complete(codec: Codec, _: Sequence[str]) -> Iterator[str]:
    for byte in range(256):
        data = bytes([byte])
        if codec.decode_bytes(codec.encode(to_text(data))) != data:
            yield f"the single byte {data!r} does not come back"


def _batch_equals_single(codec: Codec, texts: Sequence[str]) -> Iterator[str]:
    encoded = codec.encode_batch(texts)
    if len(encoded) != len(texts):
        yield f"{len(texts)} documents give {len(encoded)}"
    for index, text in enumerate(texts):
        if encoded[index].tolist() != list(codec.encode(text)):
            yield f"{text[:40]!r} encodes otherwise in a batch"


def _deterministic(codec: Codec, texts: Sequence[str]) -> Iterator[str]:
    before = [list(codec.encode(text)) for text in texts]
    for text, ids in zip(reversed(texts), reversed(before), strict=True):
        if list(codec.encode(text)) != ids:
            yield f"{text[:40]!r} encodes otherwise the second time"


def _stored_alike(codec: Codec, texts: Sequence[str]) -> Iterator[str]:
    config = json.loads(json.dumps(codec.to_config()))
    loaded = type(codec).from_config(config, codec.files())
    if loaded.fingerprint() != codec.fingerprint():
        yield "the fingerprint is another after storing and loading"
    for text in texts:
        if list(loaded.encode(text)) != list(codec.encode(text)):
            yield f"{text[:40]!r} encodes otherwise after storing and loading"


def _random_texts(count: int = 40, seed: int = 0) -> Iterator[str]:
    """Yield random bytes as text, then random characters from all of Unicode."""
    rng = random.Random(seed)
    for _ in range(count):
        yield to_text(rng.randbytes(rng.randrange(40)))
        yield "".join(chr(rng.randrange(0x11_0000)) for _ in range(rng.randrange(20)))
