"""The mean of the weights."""

import torch

from granular_lm.training.averaging import AVERAGED_SHARE, WeightAverage


def test_it_is_a_mean_of_what_there_was() -> None:
    """Weights 1, 2, 3, ... t average to a number in their range that lags by about the share it looks back."""
    weight = torch.nn.Parameter(torch.zeros(1))
    average = WeightAverage({"weight": weight})
    for step in range(1, 2001):
        with torch.no_grad():
            weight.fill_(step)
        average.update(step)
    lag = 1 - float(average.tensors()["weight"]) / 2000
    assert 0.5 * AVERAGED_SHARE < lag < 1.5 * AVERAGED_SHARE


def test_the_start_is_forgotten() -> None:
    """After the first update the initial weights have no part in it."""
    weight = torch.nn.Parameter(torch.full((3,), 1e6))
    average = WeightAverage({"weight": weight})
    with torch.no_grad():
        weight.fill_(2.0)
    average.update(1)
    assert average.tensors()["weight"].tolist() == [2.0, 2.0, 2.0]


def test_in_place_and_back() -> None:
    """Inside, the parameters are the mean; afterwards they are what they were, whatever happened."""
    weight = torch.nn.Parameter(torch.ones(2))
    average = WeightAverage({"weight": weight})
    with torch.no_grad():
        weight.fill_(5.0)
    try:
        with average.in_place():
            assert weight.tolist() == [1.0, 1.0]
            raise ValueError
    except ValueError:
        pass
    assert weight.tolist() == [5.0, 5.0]
