"""``granular-lm sample --explain``: how surprising each character was, in colour."""

import unicodedata
from collections.abc import Iterable, Iterator

import numpy as np
from rich.console import Console
from rich.text import Text

from granular_lm.cli.output import output_width
from granular_lm.generation import Sample
from granular_lm.generation.sample import decoded
from granular_lm.text import printable, to_bytes, to_text

JOINER = "\u200d"
SKIN_TONES = tuple(map(chr, range(0x1F3FB, 0x1F400)))
COLOURS = ((0.5, "green"), (1.0, "cyan"), (2.0, "yellow"), (4.0, "dark_orange"), (float("inf"), "red"))
"""A colour for up to so many bits a byte."""


def explain_samples(samples: Iterable[Sample], errors: str) -> None:
    """Print samples, each character in the colour of its bits per byte, and their bits beneath.

    Args:
        samples: What is printed.
        errors: What bytes that are not valid UTF-8 look like, as an option of sampling.
    """
    console = Console(width=output_width(), highlight=False)
    console.print(_legend())
    for sample in samples:
        console.print(coloured(sample, errors), soft_wrap=True)
        console.print(Text(f"  {_summary(sample)}", style="dim"), soft_wrap=True)


def coloured(sample: Sample, errors: str) -> Text:
    """Return the text of a sample in colours."""
    text = Text()
    bits = byte_bits(sample)
    for character, start, end in _characters(sample, errors):
        text.append(character, style=_colour(float(bits[start:end].mean())))
    return text


def byte_bits(sample: Sample) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """Return the bits of each byte of a sample: a token's are shared out evenly among its bytes."""
    bits = np.zeros(len(sample.data))
    for log_prob, (start, end) in zip(sample.log_probs, sample.byte_spans, strict=True):
        if end > start:
            bits[start:end] = -log_prob / np.log(2) / (end - start)
    return bits


def _characters(sample: Sample, errors: str) -> Iterator[tuple[str, int, int]]:
    """Yield each character as it is seen, with the bytes that it stands for: marks and joined emoji stay together."""
    text = to_text(sample.data)
    start, first = 0, 0
    for position, character in enumerate(text):
        is_last = position + 1 == len(text)
        if is_last or not (_joins(text[position + 1]) or character == JOINER):
            end = start + len(to_bytes(text[first : position + 1]))
            yield "".join(_shown(each, errors) for each in text[first : position + 1]), start, end
            start, first = end, position + 1


def _joins(character: str) -> bool:
    """Whether a character is written onto the one before it."""
    return character in (JOINER, *SKIN_TONES) or unicodedata.category(character).startswith("M")


def _shown(character: str, errors: str) -> str:
    is_invalid = unicodedata.category(character) == "Cs"  # a byte that is not valid UTF-8
    return decoded(to_bytes(character), errors) if is_invalid else printable(character)


def _colour(bits: float) -> str:
    return next(colour for most, colour in COLOURS if bits <= most)


def _legend() -> Text:
    text = Text("bits a byte: ", style="dim")
    for most, colour in COLOURS:
        text.append(f"up to {most:g}  " if np.isfinite(most) else "more", style=colour)
    return text


def _summary(sample: Sample) -> str:
    is_counted = [end > start or step == len(sample.ids) for step, (start, end) in enumerate(sample.byte_spans)]
    bits = -sample.log_probs[is_counted].sum() / np.log(2)  # without those of a stop string
    per_byte = f", {bits / len(sample.data):.2f} a byte" if sample.data else ""
    entropy = f", mean entropy {sample.entropies.mean():.2f} bits a step" if len(sample.entropies) else ""
    ended = {"stop": "", "stop_string": ", ended before a stop string", "max_bytes": ", cut at max_bytes"}
    copy = ", a training document" if sample.novelty == "copy" else ""
    return f"{bits:.1f} bits{per_byte}{entropy}{ended[sample.ended_by]}{copy}"
