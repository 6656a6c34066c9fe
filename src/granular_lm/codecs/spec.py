"""A codec and its options as text: ``byte``, ``char:min_count=5``, ``spm:vocab_size=512,model=bpe``."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from granular_lm.codecs.base import Codec
from granular_lm.codecs.registry import codec_class, refuse_unknown_options
from granular_lm.errors import OptionError
from granular_lm.text import documents_of


@dataclass(frozen=True, slots=True)
class CodecSpec:
    """Which codec to train, and how.

    Attributes:
        name: As registered.
        options: Of its ``train``.
    """

    name: str
    options: dict[str, object] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> "CodecSpec":
        """Read ``name`` or ``name:option=value,option=value`` and check that the codec and its options exist.

        Raises:
            CodecNotFoundError: No installed package offers the name.
            CodecError: The codec has no such option.
            OptionError: The text is not of that form.

        Examples:
            >>> CodecSpec.parse("spm:vocab_size=512,model=bpe")
            CodecSpec(name='spm', options={'vocab_size': 512, 'model': 'bpe'})
        """
        name, _, rest = text.strip().partition(":")
        options = dict(_parse_option(item, text) for item in rest.split(",") if item)
        refuse_unknown_options(codec_class(name), options)
        return cls(name, options)

    @classmethod
    def parse_list(cls, text: str) -> list["CodecSpec"]:
        """Read several, separated by commas; ``option=value`` belongs to the codec before it.

        Raises:
            OptionError: The list is empty, or names one codec twice with the same options.

        Examples:
            >>> [str(spec) for spec in CodecSpec.parse_list("byte,spm:vocab_size=512,model=bpe,char")]
            ['byte', 'spm:vocab_size=512,model=bpe', 'char']
        """
        items: list[str] = []
        for part in text.split(","):
            is_option = "=" in part and ":" not in part
            if is_option and items:
                items[-1] += f",{part}"
            elif part.strip():
                items.append(part)
        specs = [cls.parse(item) for item in items]
        if not specs or len({str(spec) for spec in specs}) < len(specs):
            raise OptionError(f"codecs {text!r} names no codec or one twice; give for example byte,char,spm.")
        return specs

    def train(self, documents: Iterable[str]) -> Codec:
        """Return the codec, trained on ``documents``."""
        return codec_class(self.name).train(documents_of(documents), **self.options)

    def __str__(self) -> str:
        options = ",".join(f"{key}={value}" for key, value in self.options.items())
        return f"{self.name}:{options}" if options else self.name


def train_codec(name: str, documents: Iterable[str], **options: object) -> Codec:
    """Return the codec called ``name``, trained on ``documents``.

    Args:
        name: One of `available_codecs`, with options behind a colon if wanted: ``"spm:vocab_size=512"``.
        documents: The training documents, and only those: never development or test text.
        options: The codec's own options, such as ``min_count`` or ``vocab_size``.

    Raises:
        CodecNotFoundError: No installed package offers the name.
        CodecError: The codec cannot be trained on these documents, or knows no such option.
    """
    spec = CodecSpec.parse(name)
    refuse_unknown_options(codec_class(spec.name), options)
    return CodecSpec(spec.name, {**spec.options, **options}).train(documents)


def _parse_option(item: str, text: str) -> tuple[str, object]:
    key, equals, value = item.partition("=")
    if not (key and equals and value):
        raise OptionError(f"{item!r} in codec {text!r} is no option; write name:option=value,option=value.")
    try:
        return key.strip(), json.loads(value)
    except ValueError:
        return key.strip(), value
