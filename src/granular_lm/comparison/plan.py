"""What a comparison is asked to do, and the jobs that follow from it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from granular_lm.checks import check_integer
from granular_lm.codecs import Codec
from granular_lm.codecs.spec import CodecSpec
from granular_lm.comparison.job import Job
from granular_lm.errors import OptionError
from granular_lm.weights import ModelConfig

if TYPE_CHECKING:
    from granular_lm.training import Budget, TrainingOptions

DEFAULT_SECONDS = 60.0
MATCHES = ("data",)
PARTS = ("train", "valid", "test")


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """The settings of a comparison, checked.

    Attributes:
        match: What is held equal.
        seeds: Models trained with each codec.
        specs: The codecs.
        budget: Of each job.
        network: Settings of `ModelConfig`, the vocabulary left out.
        options: Settings of `TrainingOptions`, the seed left out.
    """

    match: str
    seeds: int
    specs: Sequence[CodecSpec]
    budget: "Budget"
    network: dict[str, Any]
    options: dict[str, Any]

    @classmethod
    def of(
        cls,
        codecs: str | Sequence[str],
        *,
        match: str,
        seeds: int,
        budget: Mapping[str, Any],
        preset: str,
        network: Mapping[str, Any] | None,
        options: "TrainingOptions | None",
    ) -> "Plan":
        """Return the plan of a call of `compare`.

        Raises:
            OptionError: A setting is out of range.
        """
        from granular_lm.training import Budget, TrainingOptions

        if match not in MATCHES:
            raise OptionError(f"match={match!r} is not accepted; give one of: {', '.join(MATCHES)}.")
        check_integer("seeds", seeds, least=1)
        is_given = any(value is not None for value in budget.values())
        shape = ModelConfig.preset(preset, vocab_size=1, **(network or {})).to_dict()
        settings = asdict(options or TrainingOptions())
        del shape["vocab_size"], settings["seed"]
        return cls(
            match=match,
            seeds=seeds,
            specs=CodecSpec.parse_list(codecs if isinstance(codecs, str) else ",".join(codecs)),
            budget=Budget.of(**budget) if is_given else Budget(seconds=DEFAULT_SECONDS),
            network=shape,
            options=settings,
        )

    def jobs(self, codecs: Mapping[str, Codec], data: Mapping[str, Any], max_bytes: int) -> list[Job]:
        """Return one job for each seed and codec, all codecs of a seed together.

        Args:
            codecs: Trained codecs, by their specification.
            data: Hashes of the parts of the split.
            max_bytes: Bytes that each job reads.
        """
        return [
            Job(
                codec=name,
                codec_fingerprint=codec.fingerprint(),
                seed=seed,
                network=self.network,
                max_bytes=max_bytes,
                options=self.options,
                data={part: data[part]["sha256"] for part in PARTS},
            )
            for seed in range(self.seeds)
            for name, codec in codecs.items()
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as JSON values."""
        return {
            "match": self.match,
            "seeds": self.seeds,
            "codecs": [str(spec) for spec in self.specs],
            "budget": asdict(self.budget),
            "network": self.network,
            "options": self.options,
        }
