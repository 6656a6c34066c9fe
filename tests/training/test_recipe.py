"""What ``preset="auto"`` chooses."""

import logging
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import granular_lm as glm
from granular_lm.codecs.byte import ByteCodec
from granular_lm.errors import OptionError
from granular_lm.token_store import TokenStore
from granular_lm.training import Budget, TrainingOptions
from granular_lm.training.recipe import WIDTHS, choose, recipe_for
from granular_lm.training.speed import WARM_UP_UPDATES, bytes_per_second, warm_up
from granular_lm.weights import ModelConfig

OPTIONS = TrainingOptions(precision="fp32")
BYTES = st.floats(1, 1e12)


@given(BYTES, BYTES, BYTES, st.booleans())
def test_more_budget_never_means_a_smaller_network(one: float, two: float, corpus: float, is_time: bool) -> None:
    """Nor does it mean less dropout, for the corpus is read more often."""
    less, more = sorted([one, two])
    smaller, larger = (recipe_for(budget, int(corpus), is_time=is_time) for budget in (less, more))
    assert smaller.hidden_size <= larger.hidden_size
    assert {smaller.hidden_size, larger.hidden_size} <= set(WIDTHS)
    if not is_time:
        assert smaller.dropout <= larger.dropout


def test_a_small_corpus_is_regularised() -> None:
    """The same budget over less text means more passes, and more dropout and weight decay."""
    often, once = (recipe_for(2e6, corpus_bytes, is_time=True) for corpus_bytes in (100_000, 10_000_000))
    assert often.dropout > once.dropout
    assert often.weight_decay > once.weight_decay


@pytest.fixture
def store(bios: list[str], tmp_path: Path) -> TokenStore:
    return TokenStore.write(ByteCodec(), bios, tmp_path)


def test_the_choice_is_told_and_single_values_may_be_given(store: TokenStore, caplog: pytest.LogCaptureFixture) -> None:
    """What is given is kept, the rest is chosen, and the log says what was."""
    caplog.set_level(logging.INFO, "granular_lm")
    budget = Budget(max_bytes=100_000)
    chosen, options = choose("auto", store, budget=budget, options=OPTIONS, changes={"dropout": 0.25})
    assert options.matrix_learning_rate == recipe_for(100_000, 1, is_time=False).matrix_learning_rate
    assert chosen.dropout == 0.25
    assert chosen.hidden_size == recipe_for(100_000, 1, is_time=False).hidden_size
    assert "preset auto: Recipe(hidden_size=" in caplog.text
    corpus_bytes = int(store.num_bytes.sum())
    assert options.weight_decay == recipe_for(100_000, corpus_bytes, is_time=False).weight_decay
    given = replace(OPTIONS, matrix_learning_rate=0.5, weight_decay=0.0)
    assert choose("auto", store, budget=budget, options=given, changes={})[1] == given


def test_a_budget_of_time_is_measured(store: TokenStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A faster machine or a longer budget gives a larger network."""
    widths = []
    for speed, seconds in ((20_000, 1), (20_000, 60), (200_000, 60)):
        monkeypatch.setattr("granular_lm.training.recipe.bytes_per_second", lambda *_, speed=speed, **__: speed)
        chosen, _ = choose("auto", store, budget=Budget(seconds=seconds), options=OPTIONS, changes={})
        widths.append(chosen.hidden_size)
    assert widths[0] < widths[1] < widths[2]


def test_the_speed_is_that_of_this_machine(store: TokenStore) -> None:
    """The trial ends in time and comes to a number."""
    assert bytes_per_second(ModelConfig.preset("tiny", vocab_size=257), store, OPTIONS, seconds=0.2) > 0


def test_as_many_passes_as_a_limit_says_are_within_it() -> None:
    """Budgets of passes are whole numbers as a rule."""
    assert recipe_for(200_000, 100_000, is_time=False).weight_decay == 0.01
    assert recipe_for(700_000, 100_000, is_time=False).dropout == 0.0
    assert recipe_for(700_001, 100_000, is_time=False).dropout > 0


def test_recurrent_weights_are_dropped_where_little_is_read_often() -> None:
    """As many passes over ten times the text do without."""
    small, large = (recipe_for(20 * corpus, corpus, is_time=False) for corpus in (100_000, 1_000_000))
    assert small.weight_dropout > large.weight_dropout == 0


def test_other_presets_are_taken_as_they_are(store: TokenStore) -> None:
    """Nothing is measured, nothing chosen."""
    budget = Budget(seconds=1e9)
    chosen = choose("tiny", store, budget=budget, options=OPTIONS, changes={})
    assert chosen == (ModelConfig.preset("tiny", vocab_size=257), OPTIONS)
    with pytest.raises(OptionError, match="no preset is named 'huge'"):
        choose("huge", store, budget=budget, options=OPTIONS, changes={})


def test_train_uses_it_by_default(bios: list[str]) -> None:
    """The network of a small budget is small."""
    model = glm.train(bios, max_bytes=3000, options=OPTIONS)
    corpus = model.training["corpus_bytes"]
    assert model.config.hidden_size == recipe_for(3000, corpus, is_time=False).hidden_size


def test_a_shape_that_is_out_of_range_is_said_before_the_trial(
    store: TokenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The speed of the machine is not measured for nothing."""
    monkeypatch.setattr("granular_lm.training.recipe.bytes_per_second", lambda *_, **__: pytest.fail("a trial"))
    with pytest.raises(OptionError, match="hidden_size=0"):
        choose("auto", store, budget=Budget(seconds=600), options=OPTIONS, changes={"hidden_size": 0})


def test_the_trial_of_a_few_documents_is_short(tmp_path: Path) -> None:
    """It warms up for some updates, however little an update reads."""
    store = TokenStore.write(ByteCodec(), ["abc", "de"], tmp_path)
    assert warm_up(store, OPTIONS).max_bytes == WARM_UP_UPDATES * len("abcde")
