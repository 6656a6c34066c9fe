"""Equal tuning."""

from granular_lm.comparison.job import Job
from granular_lm.comparison.trials import LEAST_FACTOR, MOST_DROPOUT, MOST_FACTOR, Setting, chosen, settings
from granular_lm.training.options import MATRIX_LEARNING_RATE


def job() -> Job:
    options = {"learning_rate": 0.02, "matrix_learning_rate": None, "warmup": 0.1}
    return Job(
        codec="byte",
        codec_fingerprint="f",
        seed=0,
        network={"hidden_size": 8, "dropout": 0.1},
        budget={"max_bytes": 9},
        options=options,
        data={},
    )


def test_the_first_setting_is_what_was_asked_for() -> None:
    """So a comparison with trials shares its jobs with one without, where nothing better was found."""
    assert Setting().of(job(), seed=0, is_trial=False).key == job().key


def test_more_trials_begin_with_the_same_ones() -> None:
    """Trials that are done are found again when more are asked for."""
    assert settings(12)[:5] == settings(5)
    assert len(set(settings(12))) == 12


def test_settings_stay_within_their_ranges_and_fill_them() -> None:
    """Of 30 settings some are in each third of both ranges."""
    tried = settings(30)[1:]
    dropouts = [setting.dropout for setting in tried if setting.dropout is not None]
    assert all(LEAST_FACTOR <= setting.rate_factor <= MOST_FACTOR for setting in tried)
    assert all(0 <= dropout <= MOST_DROPOUT for dropout in dropouts)
    assert {int(3 * dropout / (MOST_DROPOUT + 0.01)) for dropout in dropouts} == {0, 1, 2}
    assert min(setting.rate_factor for setting in tried) < 0.6
    assert max(setting.rate_factor for setting in tried) > 2


def test_a_setting_scales_both_rates_and_sets_the_dropout() -> None:
    """A rate that was not given is scaled from its default."""
    changed = Setting(rate_factor=2.0, dropout=0.3).of(job(), seed=5, is_trial=True)
    assert changed.options == {"learning_rate": 0.04, "matrix_learning_rate": 2 * MATRIX_LEARNING_RATE, "warmup": 0.1}
    assert changed.network == {"hidden_size": 8, "dropout": 0.3}
    assert (changed.seed, changed.is_trial) == (5, True)
    assert changed.key != job().key


def test_the_lowest_development_loss_is_chosen() -> None:
    """And the earlier one of two that are equal."""
    tried = settings(3)
    assert chosen(dict(zip(tried, [2.0, 1.5, 1.5], strict=True))) == tried[1]
