"""What the base class makes of a codec that fails."""

from typing import Any

import pytest

from granular_lm.codecs.byte import ByteCodec
from granular_lm.errors import CodecError, LossyCodecError, OptionError


class Raising(ByteCodec):
    """Raises what it is given where it meets a document that begins with an x."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def encode_some(self, documents: Any) -> Any:
        if any(text.startswith("x") for text in documents):
            raise self.error
        return super().encode_some(documents)


def test_what_a_codec_raises_is_told_with_the_document() -> None:
    """One line names the codec, the error, and the document that it is raised on alone."""
    documents = ["fine"] * 3000
    documents[2000] = "x" * 100
    with pytest.raises(LossyCodecError, match=r"codec 'byte' raised RuntimeError: boom .* encode 'x{40}…'") as caught:
        Raising(RuntimeError("boom")).encode_batch(documents)
    assert caught.value.document == "x" * 40 + "…"
    assert isinstance(caught.value.__cause__, RuntimeError)


@pytest.mark.parametrize(
    "error", [CodecError("too long"), OptionError("no such thing"), MemoryError(), KeyboardInterrupt()]
)
def test_what_is_told_already_is_left_as_it_is(error: BaseException) -> None:
    """Errors of this package, too little memory and Ctrl-C are no faults of the codec."""
    with pytest.raises(type(error)) as caught:
        Raising(error).encode_batch(["x"])
    assert caught.value is error
