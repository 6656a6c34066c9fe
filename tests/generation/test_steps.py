"""Figures of steps."""

import numpy as np

from granular_lm.generation.rules import Draws
from granular_lm.generation.steps import Figures, Steps


def test_no_step_is_more_than_certain() -> None:
    """Where a model is all but sure, in single precision, with its zero anywhere."""
    tops = np.random.default_rng(0).uniform(-20, 50, 1000).astype(np.float32)
    logits = np.repeat(tops[:, None] - np.float32(25), 257, axis=1)
    logits[:, 7] = tops
    weights = np.exp(logits)
    steps = Steps(len(tops))
    steps.note(
        np.arange(len(tops)),
        Draws(
            ids=np.full(len(tops), 7),
            logits=logits,
            weights=weights,
            factors=np.ones((1, 257), dtype=np.float32),
            allowed=weights.sum(axis=-1, dtype=np.float64),
            sampling_log_probs=None,
        ),
    )
    figures = Figures(*np.stack([steps.figures(string, 1)[:, 0] for string in range(len(tops))], axis=1))
    np.testing.assert_allclose(figures.log_probs, -256 * np.exp(-25), rtol=1e-3)
    np.testing.assert_array_equal(figures.sampling_log_probs, figures.log_probs)
    assert (figures.entropies >= 0).all()
    np.testing.assert_allclose(figures.entropies, 0, atol=2e-5)
