"""The sampler. It works through `step` and `token_bytes` alone, so all of it holds for every codec."""

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import TypedDict, Unpack

from granular_lm.errors import OptionError
from granular_lm.generation.drawing import Drawing, Rules
from granular_lm.generation.sample import Sample
from granular_lm.generation.strategies import Strategy
from granular_lm.model import LanguageModel
from granular_lm.scoring import StepModel

STRINGS_AT_ONCE = 256


class SamplingOptions(TypedDict, total=False):
    """The options of `Generator.iter_samples`, for those that pass them on."""

    temperature: float
    top_k: int | None
    top_p: float | None
    min_p: float | None
    max_bytes: int
    valid_utf8: bool
    seed: int | None


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

    def sample(
        self,
        prompt: str = "",
        *,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        min_p: float | None = None,
        max_bytes: int = 200,
        valid_utf8: bool = True,
        seed: int | None = None,
    ) -> Sample:
        """Draw one string: the first of `sample_batch` with the same options and seed."""
        [drawn] = self.sample_batch(
            1,
            prompt,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            min_p=min_p,
            max_bytes=max_bytes,
            valid_utf8=valid_utf8,
            seed=seed,
        )
        return drawn

    def sample_batch(self, n: int, prompt: str = "", **options: Unpack[SamplingOptions]) -> list[Sample]:
        """Draw ``n`` strings and return them together; the options are those of `iter_samples`."""
        return list(self.iter_samples(n, prompt, **options))

    def iter_samples(
        self,
        n: int,
        prompt: str = "",
        *,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        min_p: float | None = None,
        max_bytes: int = 200,
        valid_utf8: bool = True,
        seed: int | None = None,
    ) -> Iterator[Sample]:
        """Draw ``n`` strings independently of one another, some hundreds at a time, in constant memory.

        Args:
            n: How many.
            prompt: What each string begins with, read as the codec encodes it.
            temperature: 1 draws from the model as it is; lower is safer, higher is wilder; 0 takes the most likely
                token at each step.
            top_k: Draw from this many of the most likely tokens.
            top_p: Draw from the fewest most likely tokens with this share of the probability.
            min_p: Draw from tokens at least this share as likely as the most likely one.
            max_bytes: Cut a string that grows longer than this many bytes, the prompt included; `Sample.finished` is
                False then.
            valid_utf8: Draw only tokens that keep the string valid UTF-8; a cut never parts a character then.
            seed: The same seed gives the same strings, however many are drawn. None draws a new one.

        Raises:
            OptionError: An option is out of range.
        """
        if n < 0:
            raise OptionError(f"n={n} is not accepted; give 0 or more.")
        if not isinstance(prompt, str):
            raise OptionError(f"prompt={prompt!r} is not accepted; give a str.")
        if seed is not None and seed < 0:
            raise OptionError(f"seed={seed} is not accepted; give a whole number of at least 0.")
        strategy = Strategy(temperature=temperature, top_k=top_k, top_p=top_p, min_p=min_p)
        rules = Rules(self.model.codec, strategy, max_bytes=max_bytes, valid_utf8=valid_utf8)
        return self._draw(n, prompt, rules, secrets.randbits(64) if seed is None else seed)

    def _draw(self, n: int, prompt: str, rules: Rules, seed: int) -> Iterator[Sample]:
        for start in range(0, n, STRINGS_AT_ONCE):
            indices = range(start, min(start + STRINGS_AT_ONCE, n))
            drawing = Drawing(self.model, rules, prompt, seed=seed, indices=indices)
            while drawing.is_active:
                drawing.advance()
            yield from drawing.samples()
