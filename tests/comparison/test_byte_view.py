"""The byte view: which documents, and what of them."""

from collections.abc import Callable, Mapping
from itertools import accumulate

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from granular_lm.codecs import Codec
from granular_lm.comparison import byte_view
from granular_lm.comparison.byte_view import (
    LIMITS,
    ShownDocument,
    choose_documents,
    page_data,
    shown_documents,
    visible,
)
from granular_lm.model import LanguageModel
from granular_lm.text import has_surrogates, to_bytes

texts = st.text(st.characters(), max_size=30)


def document(text: str, rows: Mapping[str, int] = {"byte": 1}) -> ShownDocument:
    """Return a document in tokens of so many bytes each."""
    size = len(to_bytes(text))
    spans = {
        entry: [*((start, min(start + width, size), 1.0) for start in range(0, size, width)), (size, size, 0.5)]
        for entry, width in rows.items()
    }
    return ShownDocument(text=text, num_bytes=size, why="random", rows=spans)


def test_the_most_disputed_come_first() -> None:
    """Documents are in order of the range of their bits over the entries, each for the bytes it has and 16 more."""
    num_bytes = np.array([100, 100, 100, 4, 100])
    bits = {"a": np.array([200.0, 200, 200, 8, 200]), "b": np.array([210.0, 290, 200, 18, 150])}
    assert choose_documents(bits, num_bytes, disputed=3, random=0) == [1, 3, 4]


def test_a_short_document_does_not_win_by_its_length() -> None:
    """One byte with 3 bits between two entries is disputed less than a hundred bytes with 40."""
    bits = {"a": np.array([5.0, 200.0]), "b": np.array([8.0, 240.0])}
    assert choose_documents(bits, np.array([1, 100]), disputed=1, random=0) == [1]


def test_random_documents_are_others_and_repeatable() -> None:
    """No document comes twice, the same seed draws the same, and all come if there are few."""
    rng = np.random.default_rng(0)
    bits = {name: rng.uniform(100, 200, 50) for name in "abc"}
    num_bytes = np.full(50, 80)
    chosen = choose_documents(bits, num_bytes, disputed=10, random=10)
    assert len(set(chosen)) == 20
    assert chosen == choose_documents(bits, num_bytes, disputed=10, random=10)
    assert chosen[:10] == choose_documents(bits, num_bytes, disputed=10, random=0)
    assert chosen != choose_documents(bits, num_bytes, disputed=10, random=10, seed=1)
    assert sorted(choose_documents(bits, num_bytes)) == list(range(50))


def test_one_entry_disputes_nothing(random_model: Callable[..., LanguageModel], codec: Codec) -> None:
    """With a single entry documents are drawn at random, and are said to be."""
    bits = {"a": np.arange(50.0)}
    assert choose_documents(bits, np.full(50, 9), disputed=10, random=10) != list(range(49, 29, -1))
    shown = shown_documents({"a": random_model(codec)}, ["one", "two"])
    assert {each.why for each in shown} == {"random"}


def test_rows_are_the_scores(random_model: Callable[..., LanguageModel], trained_codecs: dict[str, Codec]) -> None:
    """Bits and spans of a row are those of the model's score: contiguous, the stop last and empty."""
    models = {name: random_model(codec) for name, codec in trained_codecs.items()}
    documents = ["naïve 🙂", "", "caf\udce9"]
    shown = shown_documents(models, documents, disputed=2)
    assert [(each.text, each.why) for each in shown] == list(
        zip(documents, ["most disputed"] * 2 + ["random"], strict=True)
    )
    for position, each in enumerate(shown):
        assert each.num_bytes == len(to_bytes(each.text))
        for name, model in models.items():
            spans = each.rows[name]
            assert sum(bits for *_, bits in spans) == pytest.approx(model.score(documents)[position].bits)
            assert [start for start, *_ in spans] == [0, *(end for _, end, _ in spans[:-1])]
            assert spans[-1][:2] == (each.num_bytes, each.num_bytes)


@given(text=texts, width=st.integers(1, 5))
def test_characters_and_tokens_cover_the_bytes(text: str, width: int) -> None:
    """Whatever the text, the sizes of its characters and of each row's tokens add up to its bytes."""
    (data,) = page_data([document(text, {"byte": 1, "wide": width})])
    size = len(to_bytes(text))
    assert sum(length for _, length in data["characters"]) == size
    for row in data["rows"]:
        assert sum(row["sizes"]) == size
        assert len(row["sizes"]) == len(row["token_bits"])
        assert row["stop"] == 0.5
    assert not has_surrogates(data["text"])


@given(text=texts)
def test_every_character_is_seen(text: str) -> None:
    """No sign is empty, blank, or changes the direction of what follows."""
    for character in text:
        assert visible(character).strip()
        assert visible(character).isprintable()


def test_long_documents_are_cut_behind_a_character(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is too much for the page ends with the last whole character and token that fit, and has no stop."""
    monkeypatch.setattr(byte_view, "MOST_CELLS", 2 * LIMITS[-1])
    text = "x" + "é" * 500
    (data,) = page_data([document(text, {"byte": 1, "four": 4})])
    assert sum(length for _, length in data["characters"]) == LIMITS[-1] - 1
    assert data["bytes"] == 1001
    assert len(to_bytes(data["text"])) == LIMITS[-1] - 1
    ends = {row["entry"]: list(accumulate(row["sizes"]))[-1] for row in data["rows"]}
    assert ends == {"byte": LIMITS[-1] - 1, "four": LIMITS[-1] - 4}
    assert [row["stop"] for row in data["rows"]] == [None, None]
    assert [row["bits"] for row in data["rows"]] == [1001.5, 251.5]  # of the whole document


def test_documents_are_shown_whole_where_there_is_room() -> None:
    """A long document among few others is not cut."""
    (data,) = page_data([document("x" * LIMITS[0])])
    assert len(data["characters"]) == LIMITS[0]
