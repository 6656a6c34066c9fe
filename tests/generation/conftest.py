"""The toy model, for all tests of generation."""

import pytest

from overlapping import Toy


@pytest.fixture(scope="session")
def toy(bigram_model: type) -> Toy:
    return Toy(bigram_model)
