"""``granular-lm sample --explain``: how surprising each character was, in colour."""

from collections.abc import Iterable, Iterator

import numpy as np
from rich.console import Console
from rich.text import Text

from granular_lm.cli.output import output_width
from granular_lm.generation import Sample

COLOURS = ((0.5, "green"), (1.0, "cyan"), (2.0, "yellow"), (4.0, "dark_orange"), (float("inf"), "red"))
"""A colour for up to so many bits a byte."""


def explain_samples(samples: Iterable[Sample]) -> None:
    """Print samples, each character in the colour of its bits per byte, and their bits beneath."""
    console = Console(width=output_width(), highlight=False)
    console.print(_legend())
    for sample in samples:
        console.print(coloured(sample), soft_wrap=True)
        console.print(Text(f"  {_summary(sample)}", style="dim"), soft_wrap=True)


def coloured(sample: Sample) -> Text:
    """Return the text of a sample in colours."""
    text = Text()
    bits = byte_bits(sample)
    for character, start, end in _characters(sample):
        text.append(character, style=_colour(float(bits[start:end].mean()) if end > start else 0.0))
    return text


def byte_bits(sample: Sample) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """Return the bits of each byte of a sample: a token's are shared out evenly among its bytes."""
    bits = np.zeros(len(sample.data))
    for log_prob, (start, end) in zip(sample.log_probs, sample.byte_spans, strict=True):
        if end > start:
            bits[start:end] = -log_prob / np.log(2) / (end - start)
    return bits


def _characters(sample: Sample) -> Iterator[tuple[str, int, int]]:
    """Yield each character with the bytes that it stands for."""
    start = 0
    for character in sample.data.decode("utf-8", "surrogateescape"):
        end = start + len(character.encode("utf-8", "surrogateescape"))
        yield (character if character.isprintable() else "\ufffd"), start, end
        start = end


def _colour(bits: float) -> str:
    return next(colour for most, colour in COLOURS if bits <= most)


def _legend() -> Text:
    text = Text("bits a byte: ", style="dim")
    for most, colour in COLOURS:
        text.append(f"up to {most:g}  " if np.isfinite(most) else "more", style=colour)
    return text


def _summary(sample: Sample) -> str:
    bits = -sample.log_prob / np.log(2)
    per_byte = f", {bits / len(sample.data):.2f} a byte" if sample.data else ""
    entropy = f", mean entropy {sample.entropies.mean():.2f} bits a step" if len(sample.entropies) else ""
    ended = {"stop": "", "stop_string": ", ended before a stop string", "max_bytes": ", cut at max_bytes"}
    copy = ", a training document" if sample.novelty == "copy" else ""
    return f"{bits:.1f} bits{per_byte}{entropy}{ended[sample.ended_by]}{copy}"
