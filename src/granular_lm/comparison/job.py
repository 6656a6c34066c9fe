"""A job: one codec's model with one seed. All that decides its result is in it, and its name is the hash of that.

So a job that is done is found again wherever it was run, and one that has changed is not mistaken for it.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from typing import Any, Self

from granular_lm.checks import check_integer, take_plain_numbers

DIGEST_LENGTH = 12


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """All that decides a result.

    Attributes:
        codec: The codec and its options, as text.
        codec_fingerprint: Of the trained codec.
        seed: Of the network's start, dropout and the order of documents.
        network: Settings of `ModelConfig`, the vocabulary left out.
        budget: Settings of `Budget`.
        options: Settings of `TrainingOptions`, the seed left out.
        data: Hashes of the parts of the split.
        is_trial: Whether only the development documents are scored, to choose a setting.
        version: Of granular-lm: another version may train otherwise.
    """

    codec: str
    codec_fingerprint: str
    seed: int
    network: dict[str, Any]
    budget: dict[str, Any]
    options: dict[str, Any]
    data: dict[str, str]
    is_trial: bool = False
    version: str = field(default_factory=lambda: version("granular-lm"))

    @property
    def key(self) -> str:
        """Name of the job's folder."""
        kind = "trial" if self.is_trial else f"seed{self.seed}"
        return f"{self.codec.partition(':')[0]}-{kind}-{digest(asdict(self))}"

    @property
    def title(self) -> str:
        """What a person calls it."""
        kind = "trial" if self.is_trial else f"seed {self.seed}"
        return f"{self.codec}, {self.network['hidden_size']} units, {kind}"

    def to_dict(self) -> dict[str, Any]:
        """Return the job as JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return the job that `to_dict` described."""
        return cls(**values)


@dataclass(frozen=True, kw_only=True, slots=True)
class Measures:
    """What is done with a trained model beside scoring the test documents; each outcome is kept by itself.

    Attributes:
        prove: Whether the test documents are compressed and decompressed.
        marginal: How many tokenisations of each test document are summed; 0 for none.

    Raises:
        OptionError: A value is out of range.
    """

    prove: bool = False
    marginal: int = 0

    def __post_init__(self) -> None:
        take_plain_numbers(self)
        check_integer("marginal", self.marginal, least=0, most=10_000)


def digest(value: Any) -> str:
    """Return a short hash of JSON values, the same on every machine."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:DIGEST_LENGTH]
