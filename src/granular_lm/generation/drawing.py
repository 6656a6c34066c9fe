"""Several strings being drawn at once."""

from collections.abc import Container, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from granular_lm.codecs.utf8 import begun_character
from granular_lm.generation.prompts import Cover, Prefix
from granular_lm.generation.rows import Rows
from granular_lm.generation.rules import STOP_LENGTH, Rules
from granular_lm.generation.sample import EndedBy, Sample, decoded, novelty
from granular_lm.generation.steps import Figures, Steps
from granular_lm.scoring import StepModel, read_from

UNIFORMS_AT_ONCE = 64


class Drawing:
    """A batch of strings, drawn token by token; a string that ends leaves the batch at once.

    Args:
        model: What to draw from.
        rules: What may be drawn.
        prefix: What each string begins with.
        streams: Random numbers, a stream for each string: so no string depends on the others.
    """

    last_ids: NDArray[np.int64]
    """What was drawn last, for the strings that were active then."""

    _logits: NDArray[np.floating]  # of the next token, (B, V)
    _active: NDArray[np.int64]  # which string each row of the batch is, (B,)
    _order: NDArray[np.int64]  # where the rows of the batch came from when strings last left it
    _is_seen: NDArray[np.bool_] | None  # which tokens each string has, (strings, V), if the strategy asks for it
    _uniforms: NDArray[np.float64]  # random numbers, (UNIFORMS_AT_ONCE, B)

    def __init__(self, model: StepModel, rules: Rules, prefix: Prefix, streams: Sequence[np.random.Generator]) -> None:
        self._model, self._rules, self._prefix, self._streams = model, rules, prefix, streams
        self._steps = Steps(len(streams))
        self._endings: list[EndedBy | None] = [None] * len(streams)
        self._kept: dict[int, int] = {}  # of the tokens drawn for a string that was cut
        self._num_bytes: dict[int, int] = {}  # of a string that was cut inside of a token
        self._active = np.arange(len(streams))
        self._uniforms = np.empty((UNIFORMS_AT_ONCE, len(streams)))
        self._num_drawn = 0
        self._begin()

    def run(self) -> Iterator[int]:
        """Draw every string to its end, and yield each when it has ended."""
        yield from self._ended_at_once
        while len(self._active):
            yield from self.advance()

    def advance(self) -> list[int]:
        """Draw the next token of every active string; return the strings that have ended with it."""
        rules, active = self._rules, self._active
        is_seen = None if self._is_seen is None else self._is_seen[active]
        uniforms = self._next_uniforms()
        draws = rules.draw(self._logits, self._rows.factors(), uniforms, step=self._num_drawn, is_seen=is_seen)
        self._num_drawn += 1
        self._steps.note(active, draws)
        self.last_ids = ids = draws.ids
        if self._is_seen is not None:
            self._is_seen[active, ids] = True
        self._rows.append(ids)
        ended = self._let_go()
        if ended:
            ids = ids[self._order]
        if len(ids):
            self._logits = self._reading.read(ids)
        return ended

    def has_ended(self, string: int) -> bool:
        """Whether a string is complete."""
        return self._endings[string] is not None

    def ids(self, string: int) -> list[int]:
        """Return the tokens of a string as it stands, the stop not."""
        drawn = self._steps.ids(string)
        if self._endings[string] == "stop":
            drawn.pop()
        return self._cover(string).ids + drawn[: self._kept.get(string)]

    def data(self, string: int) -> bytes:
        """Return a string as it stands."""
        return self._data_of(string, self.ids(string))

    def sample(self, string: int, documents: Container[bytes] | None = None) -> Sample:
        """Return a string that has ended.

        Args:
            string: Which one.
            documents: What the model was trained on, if that is known.
        """
        ended_by = self._endings[string]
        if ended_by is None:
            raise ValueError(f"string {string} is still being drawn")
        codec, ids = self._rules.codec, self.ids(string)
        data, spans = self._data_of(string, ids), codec.byte_spans(ids)
        if spans and spans[-1][1] > len(data):  # as the last tokens of one that was cut may
            spans = [(min(start, len(data)), min(end, len(data))) for start, end in spans]
        figures = self._figures(string, len(ids) + (ended_by == "stop"))
        return Sample(
            text=decoded(data, self._rules.options.errors),
            data=data,
            ids=ids,
            log_probs=figures.log_probs,
            sampling_log_probs=figures.sampling_log_probs,
            entropies=figures.entropies,
            masked=figures.masked,
            byte_spans=[*spans, (len(data), len(data))] if ended_by == "stop" else spans,
            ended_by=ended_by,
            novelty=novelty(data, documents),
        )

    def _figures(self, string: int, count: int) -> Figures:
        """Return the figures of the first steps of a string, those that cover the prompt first of all."""
        cover = self._cover(string)
        given = np.zeros((len(Figures._fields), len(cover.ids)))
        of_cover = Figures(*given)
        of_cover.log_probs[:], of_cover.entropies[:] = cover.log_probs, cover.entropies
        of_cover.sampling_log_probs[-1:] = self._cover_log_probs[string]
        of_cover.masked[-1:] = self._cover_masked[string]
        drawn = self._steps.figures(string, count - len(cover.ids))
        return Figures(*np.concatenate([given, drawn], axis=1))

    def _data_of(self, string: int, ids: list[int]) -> bytes:
        data = self._rules.codec.decode_bytes(ids)[: self._num_bytes.get(string)]
        return self._before_stop_string(data) if self._endings[string] == "stop_string" else data

    def _before_stop_string(self, data: bytes) -> bytes:
        """Return what stands before the first stop string: all of it where there is none."""
        return data if (stop := self._rules.stop_strings) is None else stop.cut(data, len(self._prefix.data))

    def _has_stop_string(self, string: int) -> bool:
        """Whether a string has one, and what stands before it fits."""
        if self._rules.stop_strings is None:
            return False
        data = self.data(string)
        return len(self._before_stop_string(data)) < min(len(data), self._rules.max_bytes + 1)

    def _begin(self) -> None:
        """Draw what covers the prompt."""
        rules, prefix, count = self._rules, self._prefix, len(self._streams)
        is_choice = len(prefix.extra) > 1
        uniforms = np.array([stream.random() for stream in self._streams]) if is_choice else np.zeros(count)
        covers = rules.draw_covers(prefix, uniforms)
        extra = [prefix.extra[cover] for cover in covers.indices.tolist()]
        self._rows = Rows(rules, len(prefix.data), extra)
        self._covers, self._cover_log_probs, self._cover_masked = covers
        self._is_seen = self._seen_in_prompt() if rules.options.repetition_penalty != 1 else None
        self._logits, state = prefix.after(self._covers.tolist())
        self._reading = read_from(self._model, state)
        self._ended_at_once = self._let_go()
        if self._ended_at_once:
            self._logits = self._logits[self._order]

    def _seen_in_prompt(self) -> NDArray[np.bool_]:
        is_seen = np.zeros((len(self._streams), self._rules.codec.vocab_size), dtype=bool)
        for string in range(len(self._streams)):
            is_seen[string, self._cover(string).ids] = True
        return is_seen

    def _cover(self, string: int) -> Cover:
        return self._prefix.cover(int(self._covers[string]))

    def _let_go(self) -> list[int]:
        """Note which strings have ended and how, let them leave the batch, and return them."""
        has_ended = self._rows.has_ended()
        if has_ended is None:
            return []
        strings: list[int] = self._active[has_ended].tolist()
        for string, num_bytes in zip(strings, self._rows.num_bytes[has_ended].tolist(), strict=True):
            if num_bytes >= STOP_LENGTH:
                self._endings[string] = "stop"
            elif self._has_stop_string(string):
                self._endings[string] = "stop_string"
            else:
                self._endings[string] = "max_bytes"
                self._cut(string)
        self._order = self._reading.keep(~has_ended)
        self._active = self._active[self._order]
        self._rows.keep(self._order)
        self._uniforms = self._uniforms[:, self._order]
        return strings

    def _cut(self, string: int) -> None:
        """Take back the tokens of a string that do not fit, and those of a character that is not whole without them."""
        prompt, cover, codec = self._prefix.data, self._cover(string), self._rules.codec
        ids, given = self.ids(string), len(cover.ids)
        kept = len(ids) - (len(ids) > given)  # the last one drawn is the only one that does not fit
        while kept > given and self._is_in_character(codec.decode_bytes(ids[max(0, kept - 3) : kept])):
            kept -= 1
        if kept == given and not self._may_end_with(codec.decode_bytes(ids[:kept])):
            if self._is_in_character(prompt):
                kept = self._cut_in_token(string, ids)
            else:
                self._covers[string] = 0  # the likeliest of those that end where the prompt does
                self._cover_log_probs[string] = self._cover_masked[string] = 0.0  # which was not drawn
        self._kept[string] = kept - given

    def _cut_in_token(self, string: int, ids: list[int]) -> int:
        """Cut where the last character that fits is whole, though no token ends there; return the tokens kept.

        So a character that the prompt begins is always ended.
        """
        data, most = self._rules.codec.decode_bytes(ids), self._rules.max_bytes
        self._num_bytes[string] = end = next(
            end for end in range(most, len(self._prefix.data), -1) if not self._is_in_character(data[:end])
        )
        return sum(start < end for start, _ in self._rules.codec.byte_spans(ids))

    def _may_end_with(self, data: bytes) -> bool:
        """Whether a string that is cut may be these bytes."""
        return len(data) <= self._rules.max_bytes and not self._is_in_character(data)

    def _is_in_character(self, data: bytes) -> bool:
        """Whether a string that has to be valid UTF-8 ends inside of a character."""
        return self._rules.options.valid_utf8 and bool(begun_character(data[-3:]))

    def _next_uniforms(self) -> NDArray[np.float64]:
        """Return the next random number of each active string, from its own stream."""
        position = self._num_drawn % UNIFORMS_AT_ONCE
        if position == 0:
            streams = [self._streams[string] for string in self._active]
            self._uniforms = np.stack([stream.random(UNIFORMS_AT_ONCE) for stream in streams], axis=1)
        uniforms: NDArray[np.float64] = self._uniforms[position]
        return uniforms
