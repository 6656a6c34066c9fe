"""Counts over samples."""

from collections.abc import Callable

import pytest

from granular_lm.codecs.byte import ByteCodec
from granular_lm.corpus.document_set import DocumentSet
from granular_lm.errors import ModelError
from granular_lm.generation import Generator
from granular_lm.generation.report import Sampled
from granular_lm.model import LanguageModel

LENGTHS = {"mean": 5.0, "p10": 1.0, "p50": 5.0, "p90": 9.0}


def test_samples_are_counted(random_model: Callable[..., LanguageModel]) -> None:
    """Shares over all strings, against counts made here."""
    model = random_model(ByteCodec())
    samples = Generator(model).sample_batch(60, max_bytes=20, valid_utf8=False, seed=1)
    assert Sampled.of(samples).copies is None
    model.documents = DocumentSet.of([samples[0].data, b"something else"])
    samples = Generator(model).sample_batch(60, max_bytes=20, valid_utf8=False, seed=1)
    counted = Sampled.of(iter([*samples, samples[0]]))
    assert counted.strings == 61
    assert counted.copies == pytest.approx((1 + sum(s.data == samples[0].data for s in samples)) / 61)
    assert counted.distinct == pytest.approx(len({sample.data for sample in samples}) / 61)
    assert counted.valid_utf8 == pytest.approx(sum("\ufffd" not in s.text for s in [*samples, samples[0]]) / 61)
    assert counted.num_bytes["mean"] == pytest.approx(sum(len(s.data) for s in [*samples, samples[0]]) / 61)


def test_no_samples_have_no_shares() -> None:
    """Nothing is divided by zero."""
    assert Sampled.of([]).to_dict()["distinct"] is None


def test_the_card_tells_of_the_documents() -> None:
    """A model that knows nothing of them says nothing."""
    assert Sampled.of_training({"seconds": 3}) is None
    told = Sampled.of_training(
        {"documents": 4, "distinct_documents": 3, "valid_utf8_documents": 2, "document_bytes": LENGTHS}
    )
    assert told is not None
    assert (told.distinct, told.valid_utf8, told.num_bytes["mean"]) == (0.75, 0.5, 5.0)


@pytest.mark.parametrize(
    "damage",
    [{"documents": "a"}, {"documents": 0}, {"distinct_documents": None}, {"document_bytes": 3}, {"document_bytes": {}}],
)
def test_a_card_that_is_damaged_is_one_line(damage: dict[str, object]) -> None:
    """Whatever is wrong with it."""
    facts = {"documents": 4, "distinct_documents": 3, "valid_utf8_documents": 2, "document_bytes": LENGTHS}
    with pytest.raises(ModelError, match=r"config.json tells of its documents is damaged .*; copy or train it again"):
        Sampled.of_training(facts | damage)
