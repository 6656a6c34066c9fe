"""The numpy engine against the torch network."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from granular_lm.codecs import Codec
from granular_lm.network import LSTMNetwork
from granular_lm.runtime import NumpyEngine, State, log_softmax, select_rows
from granular_lm.weights import ModelConfig

SHAPES = [
    {"embedding_dim": 3, "hidden_size": 5, "num_layers": 1},
    {"embedding_dim": 16, "hidden_size": 32, "num_layers": 2},
    {"embedding_dim": 24, "hidden_size": 24, "num_layers": 3, "tie_embeddings": True},
    {"embedding_dim": 64, "hidden_size": 128, "num_layers": 4},
    {"embedding_dim": 1, "hidden_size": 1, "num_layers": 1},
]


def network_of(config: ModelConfig, seed: int) -> LSTMNetwork:
    """Return a network in evaluation mode whose weights are large enough to saturate some gates."""
    torch.manual_seed(seed)
    network = LSTMNetwork(config).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return network


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("batch_size", [1, 7])
def test_it_gives_the_log_probabilities_of_the_torch_network(
    codec: Codec, shape: dict[str, int], batch_size: int
) -> None:
    """Over 20 steps, every log-probability agrees within 1e-5, for every codec's vocabulary."""
    config = ModelConfig(vocab_size=codec.vocab_size, **shape)  # type: ignore[arg-type]
    network = network_of(config, seed=batch_size)
    ids = np.random.default_rng(0).integers(0, codec.vocab_size, (batch_size, 20))
    with torch.no_grad():
        logits, _ = network(torch.from_numpy(ids), None)
    expected = torch.log_softmax(logits.double(), dim=-1).reshape(*ids.shape, -1).numpy()
    engine = NumpyEngine(config, network.to_weights())
    state = engine.initial_state(batch_size)
    for position in range(ids.shape[1]):
        log_probs, state = engine.step(ids[:, position], state)
        np.testing.assert_allclose(log_probs, expected[:, position], atol=1e-5)


def test_a_step_leaves_the_state_it_was_given_as_it_was() -> None:
    """The same state may be continued twice, as a search does."""
    config = ModelConfig(vocab_size=7, embedding_dim=4, hidden_size=6, num_layers=2)
    engine = NumpyEngine(config, network_of(config, 0).to_weights())
    _, state = engine.step(np.array([1, 2]), engine.initial_state(2))
    before = [array.copy() for array in state]
    first, _ = engine.step(np.array([3, 4]), state)
    engine.step(np.array([5, 6]), state)
    again, _ = engine.step(np.array([3, 4]), state)
    assert all(np.array_equal(a, b) for a, b in zip(before, state, strict=True))
    assert np.array_equal(first, again)


@pytest.mark.parametrize("num_layers", [1, 3])
def test_a_cursor_reads_what_steps_read(num_layers: int) -> None:
    """In place, while strings leave from anywhere in the batch, and from a state that stays as it was."""
    config = ModelConfig(vocab_size=11, embedding_dim=8, hidden_size=16, num_layers=num_layers)
    engine = NumpyEngine(config, network_of(config, 4).to_weights())
    ids = np.random.default_rng(2).integers(0, 11, (9, 12))
    _, state = engine.step(ids[:, 0], engine.initial_state(9))
    before = [array.copy() for array in state]
    cursor, strings = engine.cursor(state), np.arange(9)
    leaving = {3: [0, 8], 5: [4], 9: [1, 2, 3, 5, 6]}
    for position in range(1, 12):
        if position in leaving:
            strings = strings[cursor.keep(~np.isin(strings, leaving[position]))]
        assert sorted(strings) == sorted(set(range(9)) - {s for p in leaving if p <= position for s in leaving[p]})
        log_probs = log_softmax(cursor.read(ids[strings, position]))
        expected, state_now = log_probs_of(engine, ids[strings, : position + 1])
        np.testing.assert_allclose(log_probs, expected, atol=1e-5)
        for found, wanted in zip(cursor.state(), state_now, strict=True):
            np.testing.assert_allclose(found, wanted, atol=1e-5)
    assert all(np.array_equal(a, b) for a, b in zip(before, state, strict=True))


def log_probs_of(engine: NumpyEngine, ids: NDArray[np.integer]) -> tuple[NDArray[np.float32], State]:
    """Return what comes after some strings, step by step."""
    state = engine.initial_state(len(ids))
    for column in ids.T:
        log_probs, state = engine.step(column, state)
    return log_probs, state


def test_rows_of_a_batch_do_not_touch_each_other() -> None:
    """A string's probabilities are the same alone and in any company, within 1e-6."""
    config = ModelConfig(vocab_size=11, embedding_dim=8, hidden_size=16, num_layers=2)
    engine = NumpyEngine(config, network_of(config, 3).to_weights())
    ids = np.random.default_rng(1).integers(0, 11, (9, 12))
    state = engine.initial_state(9)
    alone = engine.initial_state(1)
    for position in range(12):
        log_probs, state = engine.step(ids[:, position], state)
        log_probs_alone, alone = engine.step(ids[4:5, position], alone)
        np.testing.assert_allclose(log_probs[4:5], log_probs_alone, atol=1e-6)


@pytest.mark.parametrize("ids", [[0, 11], [-1, 3], [2, 10**9, 4], [-1], [11]])
def test_a_token_that_is_none_is_an_error(ids: list[int]) -> None:
    """It is not read as another one."""
    config = ModelConfig(vocab_size=11, embedding_dim=8, hidden_size=16, num_layers=2)
    engine = NumpyEngine(config, network_of(config, 3).to_weights())
    with pytest.raises(IndexError, match="there are 0 to 10"):
        engine.step(np.array(ids), engine.initial_state(len(ids)))


@pytest.mark.parametrize(("given", "count"), [(1, 3), (65, 70), (3, 1), (0, 2)])
def test_each_string_has_to_be_given_a_token(given: int, count: int) -> None:
    """None is read for two strings."""
    config = ModelConfig(vocab_size=11, embedding_dim=8, hidden_size=16, num_layers=2)
    engine = NumpyEngine(config, network_of(config, 3).to_weights())
    with pytest.raises(ValueError, match=f"{given} tokens were given for {count} strings"):
        engine.step(np.zeros(given, dtype=np.int64), engine.initial_state(count))


@pytest.mark.parametrize("count", [1, 2])
def test_a_token_is_a_whole_number(count: int) -> None:
    """Of any type of whole numbers, and of no other."""
    config = ModelConfig(vocab_size=300, embedding_dim=8, hidden_size=16)
    engine = NumpyEngine(config, network_of(config, 3).to_weights())
    few, many = (
        engine.step(np.full(count, 255, dtype=kind), engine.initial_state(count))[0] for kind in (np.uint8, int)
    )
    assert np.array_equal(few, many)
    with pytest.raises(TypeError):
        engine.step(np.full(count, 5.0), engine.initial_state(count))


def test_a_batch_may_be_empty() -> None:
    """No strings have no probabilities."""
    config = ModelConfig(vocab_size=11, embedding_dim=8, hidden_size=16, num_layers=2)
    engine = NumpyEngine(config, network_of(config, 3).to_weights())
    log_probs, (recurrent, cells) = engine.step(np.array([], dtype=np.int64), engine.initial_state(0))
    assert (log_probs.shape, recurrent.shape, cells.shape) == ((0, 11), (2, 0, 64), (2, 0, 16))


def test_probabilities_sum_to_one_even_when_logits_are_extreme() -> None:
    """Large logits neither overflow nor lose the normalisation."""
    config = ModelConfig(vocab_size=5, embedding_dim=2, hidden_size=3, num_layers=1)
    weights = network_of(config, 0).to_weights()
    weights["head.bias"] = np.array([1e4, -1e4, 0, 80, 1e4], dtype=np.float32)
    log_probs, _ = NumpyEngine(config, weights).step(np.array([0]), NumpyEngine(config, weights).initial_state(1))
    assert np.exp(log_probs.astype(np.float64)).sum() == pytest.approx(1, abs=1e-6)


def test_rows_can_be_dropped_and_repeated() -> None:
    """select_rows reorders the batch dimension of both halves of the state."""
    state = (np.arange(6, dtype=np.float32).reshape(1, 3, 2), -np.arange(6, dtype=np.float32).reshape(1, 3, 2))
    h, c = select_rows(state, np.array([2, 0, 0]))
    assert h[0, :, 0].tolist() == [4, 0, 0]
    assert c[0, :, 1].tolist() == [-5, -1, -1]


@pytest.mark.parametrize("num_layers", [1, 2])
def test_a_batch_is_worked_on_some_strings_at_a_time(num_layers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks share their room and lose nothing: neither strings that leave nor the last few matter to the others."""
    config = ModelConfig(vocab_size=7, embedding_dim=4, hidden_size=6, num_layers=num_layers)
    engine = NumpyEngine(config, network_of(config, 0).to_weights())
    ids = np.random.default_rng(0).integers(0, 7, (3, 11))
    goes_on = np.arange(11) % 3 > 0

    def read() -> list[NDArray[np.float32]]:
        cursor = engine.cursor(engine.initial_state(11))
        first = [cursor.read(ids[0]), cursor.read(ids[1])]
        order = cursor.keep(goes_on)
        return [*first, cursor.read(ids[2][order]), *cursor.state()]

    expected = read()
    monkeypatch.setattr("granular_lm.runtime.engine.STRINGS_IN_CACHE", 4)
    for ours, theirs in zip(read(), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_a_single_string_is_read_by_columns_only_while_they_stay_in_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """Large matrices are not held twice; either way the log-probabilities are the same."""
    config = ModelConfig(vocab_size=7, embedding_dim=4, hidden_size=6, num_layers=2)
    weights = network_of(config, 0).to_weights()
    engine = NumpyEngine(config, weights)
    by_columns, _ = engine.step(np.array([1]), engine.initial_state(1))
    assert all(matrix.flags.f_contiguous for matrix in engine.matrices_for_one)
    monkeypatch.setattr("granular_lm.runtime.engine.BYTES_IN_CACHE", 0)
    engine = NumpyEngine(config, weights)
    assert engine.matrices_for_one is engine.matrices
    by_rows, _ = engine.step(np.array([1]), engine.initial_state(1))
    np.testing.assert_allclose(by_columns, by_rows, atol=1e-6)
