"""The options of sampling, for every way to sample."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import TypedDict

from granular_lm.checks import check_integer
from granular_lm.codecs.utf8 import CONTINUATIONS
from granular_lm.errors import OptionError
from granular_lm.generation.sample import ERRORS
from granular_lm.generation.strategies import Strategy
from granular_lm.text import to_bytes

MOST_BYTES = 2**31
USUAL_BYTES, ROOM = 200, 100
"""Where a string is cut if nothing else is said, and what is left for it at least."""


class SamplingOptions(TypedDict, total=False):
    """The options that `Generator.sample` and its relatives take by keyword.

    Attributes:
        temperature: 1 draws from the model as it is; lower is safer, higher is wilder; 0 takes the most likely token
            at each step. A list is gone through step by step, and again from its start.
        top_k: Draw from this many of the most likely tokens.
        top_p: Draw from the fewest most likely tokens with this share of the probability.
        min_p: Draw from tokens at least this share as likely as the most likely one.
        typical_p: Draw from the tokens whose surprise is nearest to the entropy, with this share of the probability.
        repetition_penalty: Raise the probability of tokens that the string already has to this power; 1 is none. It
            suits subwords: strings of bytes cannot do without repeating them.
        max_bytes: Cut a string that grows longer than this many bytes, the prompt included, behind the last token that
            fits and ends a character, or inside of one if that alone ends the character that the prompt begins;
            `Sample.ended_by` is ``"max_bytes"`` then. Nothing else about it changes. None is 200, or more if that would
            leave less than 100 after the prompt or ``min_bytes``.
        min_bytes: Let the model not end a string before it has this many bytes, the prompt included. A stop string may.
        valid_utf8: Draw only tokens that keep the string valid UTF-8; a cut never parts a character then. Like
            ``ban`` and ``min_bytes``, that takes tokens away step by step; it does not weigh whole strings.
        errors: What bytes that are not valid UTF-8 look like in the text: ``"replace"`` is U+FFFD, ``"space"`` a space.
        ban: Strings, str or bytes, that must not occur after the prompt, wherever the tokens part them.
        stop: Strings, str or bytes, before which a sample ends; what the prompt holds of them does not count.
        accept: Takes the text of a finished draw and says whether to keep it; what is not kept is drawn anew.
        novel: Draw anew what is, byte for byte, a document that the model was trained on.
        max_draws: How often to draw for one string before giving up.
        prompt_beam: How many ways to divide the prompt into tokens are followed at each byte.
        seed: The same seed gives the same strings, however many are drawn, as far as the model computes the same for
            one string as for many: rounding makes about one string in a thousand differ. None draws a new seed.
    """

    temperature: float | Sequence[float]
    top_k: int | None
    top_p: float | None
    min_p: float | None
    typical_p: float | None
    repetition_penalty: float
    max_bytes: int | None
    min_bytes: int
    valid_utf8: bool
    errors: str
    ban: Sequence[str | bytes]
    stop: Sequence[str | bytes]
    accept: Callable[[str], bool] | None
    novel: bool
    max_draws: int
    prompt_beam: int
    seed: int | None


@dataclass(frozen=True, kw_only=True)
class Options(Strategy):
    """`SamplingOptions` with the defaults, checked: those of a strategy, and these.

    Raises:
        OptionError: An option is out of range.
    """

    max_bytes: int | None = None
    min_bytes: int = 0
    valid_utf8: bool = True
    errors: str = "replace"
    ban: Sequence[str | bytes] = ()
    stop: Sequence[str | bytes] = ()
    accept: Callable[[str], bool] | None = None
    novel: bool = False
    max_draws: int = 100
    prompt_beam: int = 32
    seed: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.max_bytes is not None:
            check_integer("max_bytes", self.max_bytes, least=1, most=MOST_BYTES)
        check_integer("min_bytes", self.min_bytes, least=0, most=MOST_BYTES)
        if self.max_bytes is not None and self.min_bytes > self.max_bytes:
            raise OptionError(
                f"min_bytes={self.min_bytes} is above max_bytes={self.max_bytes}; raise max_bytes, or lower min_bytes."
            )
        check_integer("max_draws", self.max_draws, least=1)
        check_integer("prompt_beam", self.prompt_beam, least=1)
        if self.seed is not None:
            check_integer("seed", self.seed, least=0)
        for name in ("valid_utf8", "novel"):
            if getattr(self, name) not in (True, False):
                raise OptionError(f"{name}={getattr(self, name)!r} is not accepted; give True or False.")
        if self.errors not in tuple(ERRORS):
            raise OptionError(f"errors={self.errors!r} is not accepted; give one of {', '.join(ERRORS)}.")
        if self.accept is not None and not callable(self.accept):
            raise OptionError(f"accept={self.accept!r} is not accepted; give a function of a text.")
        for name in ("ban", "stop"):
            _check_strings(name, getattr(self, name))
        for raw in self.stop_bytes:
            if self.valid_utf8 and raw[0] in CONTINUATIONS:
                raise OptionError(
                    f"stop holds {raw!r}, which begins inside of a character; give whole ones, or valid_utf8=False."
                )

    def limit(self, prompt_bytes: int) -> int:
        """Return how many bytes a string may have that begins with so many."""
        if self.max_bytes is not None:
            return self.max_bytes
        return max(USUAL_BYTES, ROOM + max(prompt_bytes, self.min_bytes))

    def any_seed(self) -> int:
        """Return the seed, or a new one where none was given."""
        return secrets.randbits(64) if self.seed is None else self.seed

    @property
    def ban_bytes(self) -> list[bytes]:
        """The banned strings as bytes."""
        return [_raw(string) for string in self.ban]

    @property
    def stop_bytes(self) -> list[bytes]:
        """The stop strings as bytes."""
        return [_raw(string) for string in self.stop]


def checked(given: SamplingOptions) -> Options:
    """Return options with the defaults of those that are not given.

    Raises:
        OptionError: One is out of range, or there is none of its name.
    """
    names = [field.name for field in fields(Options)]
    for name in given:
        if name not in names:
            from difflib import get_close_matches

            near = get_close_matches(name, names, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(names)}."
            raise OptionError(f"{name}={given.get(name)!r} is not accepted: it is no option of sampling; {hint}")
    return Options(**given)


def raw_prompt(prompt: str | bytes) -> bytes:
    """Return the bytes of a prompt.

    Raises:
        OptionError: It is neither str nor bytes.
    """
    if not isinstance(prompt, str | bytes):
        raise OptionError(f"prompt={prompt!r} is not accepted; give a str, or bytes.")
    return _raw(prompt)


def _raw(string: str | bytes) -> bytes:
    return to_bytes(string) if isinstance(string, str) else string


def _check_strings(name: str, strings: object) -> None:
    if isinstance(strings, str | bytes) or not isinstance(strings, Sequence):
        raise OptionError(f"{name}={strings!r} is not accepted; give a list of strings, such as {name}=['a', 'b'].")
    for string in strings:
        if not isinstance(string, str | bytes) or not string:
            raise OptionError(f"{name} holds {string!r}; give strings, str or bytes, that are not empty.")
