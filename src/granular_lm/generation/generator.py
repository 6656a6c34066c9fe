"""The sampler. It works through `step` and `token_bytes` alone, so all of it holds for every codec."""

import sys
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Unpack

import numpy as np

from granular_lm.checks import check_integer
from granular_lm.errors import OptionError, SamplingError
from granular_lm.generation.continuations import Continuation, continuations
from granular_lm.generation.drawing import Drawing
from granular_lm.generation.options import Options, SamplingOptions, checked, raw_prompt
from granular_lm.generation.prompts import Prefix
from granular_lm.generation.rules import Rules
from granular_lm.generation.sample import Sample
from granular_lm.generation.search import described, most_likely
from granular_lm.generation.streaming import stream_bytes, stream_text
from granular_lm.model import LanguageModel
from granular_lm.scoring import StepModel, each_batch

STRINGS_AT_ONCE = 512


class Generator:
    """Draws strings from a language model.

    Args:
        model: A `LanguageModel`, or anything with its ``codec``, ``initial_state`` and ``step``.

    Examples:
        >>> generator = Generator.from_pretrained("bios-byte")
        >>> sample = generator.sample("i love ", temperature=0.5, seed=1)
        >>> sample.text.startswith("i love ")
        True
    """

    def __init__(self, model: StepModel) -> None:
        if isinstance(model, str | Path):
            raise OptionError(f"{str(model)!r} is a name, not a model; call Generator.from_pretrained({str(model)!r}).")
        self.model = model

    def __repr__(self) -> str:
        return f"Generator({self.model!r})"

    @classmethod
    def from_pretrained(cls, name_or_folder: str | Path) -> "Generator":
        """Return a generator for a bundled model, a model folder, or a Hub id ``"user/model"``."""
        return cls(LanguageModel.from_pretrained(name_or_folder))

    def sample(self, prompt: str | bytes = "", **options: Unpack[SamplingOptions]) -> Sample:
        """Draw one string: the first of `sample_batch` with the same options and seed."""
        [drawn] = self.iter_samples(1, prompt, **options)
        return drawn

    def sample_batch(self, n: int, prompt: str | bytes = "", **options: Unpack[SamplingOptions]) -> list[Sample]:
        """Draw ``n`` strings and return them together."""
        return list(self.iter_samples(n, prompt, **options))

    def iter_samples(self, n: int, prompt: str | bytes = "", **options: Unpack[SamplingOptions]) -> Iterator[Sample]:
        """Draw ``n`` strings independently of one another, some hundreds at a time, in constant memory.

        Each is yielded as soon as it and those before it are complete. Where numpy has several threads, and there are
        more strings than are drawn at a time, some hundreds come together; and until the iterator has ended or is
        closed, numpy's products use one thread each.

        Args:
            n: How many.
            prompt: What each string begins with. It may end anywhere, inside of a character or of a token: strings are
                drawn from the model's distribution over all strings that begin with these bytes.
            **options: As `SamplingOptions` explains.

        Raises:
            OptionError: An option is out of range, or nothing may follow.
            SamplingError: A string was drawn ``max_draws`` times and never accepted.
        """
        check_integer("n", n, least=0, most=sys.maxsize)
        asked, data = checked(options), raw_prompt(prompt)
        documents = self._documents(are_needed=asked.novel)
        rules = Rules(self.model.codec, asked, data)
        return self._draw(n, data, rules, asked.any_seed(), documents)

    def stream(self, prompt: str | bytes = "", *, index: int = 0, **options: Unpack[SamplingOptions]) -> Iterator[str]:
        """Draw one string, character by character: together they are the text of `sample` with the same seed.

        The prompt comes first. A character is yielded when nothing that follows can take it back.

        Args:
            prompt: What the string begins with.
            index: Which of the strings that `sample_batch` draws with the seed.
            **options: As `SamplingOptions` explains.

        Raises:
            OptionError: As for `sample`; ``accept`` and ``novel`` judge whole strings, so they are refused.
        """
        return stream_text(self.stream_bytes(prompt, index=index, **options), checked(options).errors)

    def stream_bytes(
        self, prompt: str | bytes = "", *, index: int = 0, **options: Unpack[SamplingOptions]
    ) -> Iterator[bytes]:
        """Draw one string as `stream` does, and yield its bytes: together they are the data of `sample`.

        Args:
            prompt: As for `stream`.
            index: As for `stream`.
            **options: As for `stream`.

        Raises:
            OptionError: As for `stream`.
        """
        asked, data = checked(options), raw_prompt(prompt)
        check_integer("index", index, least=0)
        for name, given in (("accept", asked.accept is not None), ("novel", asked.novel)):
            if given:
                raise OptionError(f"{name} judges a whole string, and a stream has none yet; call sample instead.")
        rules = Rules(self.model.codec, asked, data)
        prefix = Prefix(self.model, data, beam=asked.prompt_beam)
        drawing = Drawing(self.model, rules, prefix, _streams(asked.any_seed(), [int(index)]))
        return stream_bytes(drawing, rules, len(data))

    def most_likely(
        self,
        n: int = 1,
        prompt: str | bytes = "",
        *,
        beam: int | None = 64,
        min_bytes: int = 0,
        max_bytes: int | None = None,
        valid_utf8: bool = True,
    ) -> list[Sample]:
        """Return the ``n`` most likely strings, the likeliest first: not what temperature 0 gives, which is greedy.

        A string counts with the likeliest way to divide it into tokens.

        Args:
            n: How many.
            prompt: What each of them begins with.
            beam: How many beginnings are followed at each step. None follows as many as it takes to prove that no other
                string is more likely.
            min_bytes: Shortest string.
            max_bytes: Longest string; None as in `SamplingOptions`.
            valid_utf8: Whether every string has to be valid UTF-8.

        Raises:
            OptionError: An option is out of range.
            SamplingError: There are fewer strings, or a proof would take too many beginnings.
        """
        check_integer("n", n, least=1)
        if beam is not None:
            check_integer("beam", beam, least=1)
        data = raw_prompt(prompt)
        options = Options(min_bytes=min_bytes, max_bytes=max_bytes, valid_utf8=valid_utf8)
        rules = Rules(self.model.codec, options, data)
        found = most_likely(self.model, rules, data, n=n, beam=beam)
        return [described(self.model, ids, self._documents(are_needed=False)) for ids in found]

    def continuations(self, prompt: str | bytes = "", n: int = 10, *, prompt_beam: int = 32) -> list[Continuation]:
        """Return the most likely next tokens after a prompt as whole characters, with their probabilities.

        Args:
            prompt: The text so far.
            n: How many, at most as many as the codec has tokens.
            prompt_beam: How many ways to divide the prompt into tokens are followed at each byte.

        Raises:
            OptionError: An option is out of range.
        """
        check_integer("n", n, least=1, most=self.model.codec.vocab_size)
        check_integer("prompt_beam", prompt_beam, least=1)
        return continuations(self.model, raw_prompt(prompt), n, beam=prompt_beam)

    def _draw(
        self, n: int, data: bytes, rules: Rules, seed: int, documents: Container[bytes] | None
    ) -> Iterator[Sample]:
        prefix = Prefix(self.model, data, beam=rules.options.prompt_beam)
        draw = partial(self._drawn, prefix=prefix, rules=rules, seed=seed, documents=documents)
        starts = range(0, n, STRINGS_AT_ONCE)

        def first_draw(start: int) -> Iterator[tuple[int, Sample]]:
            return draw(range(start, min(start + STRINGS_AT_ONCE, n)))

        for start, drawn in zip(starts, each_batch(self.model, first_draw, starts), strict=True):
            yield from _in_order(_accepted(drawn, draw, rules.options), start)

    def _drawn(
        self,
        indices: Sequence[int],
        attempt: int = 0,
        *,
        prefix: Prefix,
        rules: Rules,
        seed: int,
        documents: Container[bytes] | None,
    ) -> Iterator[tuple[int, Sample]]:
        """Draw some strings once, and yield each with its index when it is complete."""
        drawing = Drawing(self.model, rules, prefix, _streams(seed, indices, attempt))
        for string in drawing.run():
            yield indices[string], drawing.sample(string, documents)

    def _documents(self, *, are_needed: bool) -> Container[bytes] | None:
        documents: Container[bytes] | None = getattr(self.model, "documents", None)
        if are_needed and documents is None:
            raise OptionError(
                "novel=True is not accepted: the model was saved without its training documents, or goes on from one "
                "that was; leave novel out, or train a model from nothing."
            )
        return documents


def _streams(seed: int, indices: Sequence[int], attempt: int = 0) -> list[np.random.Generator]:
    """Return the random numbers of some strings: a string's own, whatever else is drawn, and other ones each time."""
    return [np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(index, attempt))) for index in indices]


def _accepted(
    drawn: Iterable[tuple[int, Sample]],
    draw: Callable[[Sequence[int], int], Iterable[tuple[int, Sample]]],
    options: Options,
) -> Iterator[tuple[int, Sample]]:
    """Yield each string that is accepted; the others are drawn anew."""
    refused = None
    for attempt in range(1, options.max_draws + 1):
        missing = []
        for index, sample in drawn:
            if _is_accepted(sample, options):
                yield index, sample
            else:
                missing.append(index)
                refused = sample
        if not missing:
            return
        drawn = draw(sorted(missing), attempt)
    raise SamplingError(
        f"no string was accepted in {options.max_draws} draws, the last was {str(refused)[:40]!r}"
        f"{', a training document' if refused is not None and refused.novelty == 'copy' else ''}; "
        "accept more, raise max_draws, or raise the temperature."
    )


def _is_accepted(sample: Sample, options: Options) -> bool:
    if options.novel and sample.novelty == "copy":
        return False
    return options.accept is None or bool(options.accept(sample.text))


def _in_order(samples: Iterator[tuple[int, Sample]], first: int) -> Iterator[Sample]:
    """Yield samples by their indices, each as soon as those before it are there."""
    early: dict[int, Sample] = {}
    for index, sample in samples:
        early[index] = sample
        while first in early:
            yield early.pop(first)
            first += 1
