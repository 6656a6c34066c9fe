"""What a comparison is asked to do, and the jobs that follow from it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from granular_lm.checks import check_integer
from granular_lm.codecs import Codec
from granular_lm.codecs.spec import CodecSpec
from granular_lm.comparison.job import Job, Measures
from granular_lm.comparison.matching import check_match, cost_of, solve_shape
from granular_lm.comparison.trials import TRIAL_SEED
from granular_lm.errors import OptionError
from granular_lm.weights import ModelConfig, check_changes

if TYPE_CHECKING:
    from granular_lm.training import Budget, TrainingOptions

DEFAULT_SECONDS = 60.0
DROPOUTS = ("dropout", "weight_dropout")


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """What is compared: a codec at a width.

    Attributes:
        name: The codec and its options; in a sweep over widths, the width after an ``@``.
        spec: The codec and its options.
        size: The width that was asked for. What is held equal may lead to another one.
    """

    name: str
    spec: CodecSpec
    size: int


@dataclass(frozen=True, slots=True)
class Trained:
    """A codec, trained, and what it makes of the training documents.

    Attributes:
        codec: The codec.
        tokens_per_byte: Of the training documents, stops included.
    """

    codec: Codec
    tokens_per_byte: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """The settings of a comparison, checked.

    Attributes:
        match: What is held equal.
        seeds: Models trained with each codec and width.
        specs: The codecs.
        sizes: The widths.
        budget: Of each job.
        network: Settings of `ModelConfig`, the vocabulary left out, at the first width.
        options: Settings of `TrainingOptions`, the seed left out.
        left_open: Names in ``network`` and ``options`` of what `settled` is to choose.
        trials: How many settings are tried for each entry.
        measures: What is done with each model beside scoring the test documents.
    """

    match: str
    seeds: int
    specs: Sequence[CodecSpec]
    sizes: Sequence[int]
    budget: "Budget"
    network: dict[str, Any]
    options: dict[str, Any]
    left_open: Sequence[str]
    trials: int
    measures: Measures

    @classmethod
    def of(
        cls,
        codecs: str | Sequence[str],
        *,
        match: str,
        seeds: int,
        sizes: Sequence[int] | None,
        budget: Mapping[str, Any],
        preset: str,
        network: Mapping[str, Any] | None,
        options: "TrainingOptions | None",
        trials: int,
        measures: Measures,
    ) -> "Plan":
        """Return the plan of a call of `compare`.

        Raises:
            OptionError: A setting is out of range, or excludes another.
        """
        from granular_lm.training import Budget, TrainingOptions
        from granular_lm.training.recipe import AUTO, REFERENCE, check_preset

        check_match(match)
        check_preset(preset)
        check_integer("seeds", seeds, least=1, most=TRIAL_SEED)
        check_integer("trials", trials, least=0)
        is_given = any(value is not None for value in budget.values())
        if match == "time" and is_given and budget["max_time"] is None:
            raise OptionError("match='time' holds seconds equal; give max_time, not a number of bytes or passes.")
        network, options = network or {}, options or TrainingOptions()
        if options.patience is not None:
            raise OptionError(
                f"patience={options.patience} would end jobs early, and nothing would be held equal; leave it out."
            )
        check_changes(network)
        left_open = [name for name in DROPOUTS if name not in network] + options.left_to_auto()
        shape = ModelConfig.preset(REFERENCE if preset == AUTO else preset, vocab_size=1, **network).to_dict()
        settings = asdict(options)
        del shape["vocab_size"], settings["seed"]
        return cls(
            match=match,
            seeds=int(seeds),
            specs=CodecSpec.parse_list(codecs if isinstance(codecs, str) else ",".join(codecs)),
            sizes=_checked_sizes(sizes, shape),
            budget=Budget.of(**budget) if is_given else Budget(seconds=DEFAULT_SECONDS),
            network=shape,
            options=settings,
            left_open=left_open if preset == AUTO else [],
            trials=int(trials),
            measures=measures,
        )

    def settled(self, num_bytes: int, corpus_bytes: int) -> "Plan":
        """Return the plan with what was left open: as `train` does for so many bytes, and the same for all codecs.

        Args:
            num_bytes: What each job reads.
            corpus_bytes: Of the training documents.
        """
        from granular_lm.training.recipe import recipe_for

        recipe = asdict(recipe_for(num_bytes, corpus_bytes, is_time=False))
        chosen = {name: recipe[name] for name in self.left_open}
        network = {name: chosen.get(name, value) for name, value in self.network.items()}
        options = {name: chosen.get(name, value) for name, value in self.options.items()}
        return replace(self, network=network, options=options, left_open=[])

    @property
    def entries(self) -> list[Entry]:
        """All codecs at all widths."""
        is_sweep = len(self.sizes) > 1
        return [
            Entry(f"{spec} @{size}" if is_sweep else str(spec), spec, size)
            for size in self.sizes
            for spec in self.specs
        ]

    def shapes(self, trained: Mapping[str, Trained]) -> dict[str, dict[str, Any]]:
        """Return the network of each entry whose codec was trained: settings of `ModelConfig` without vocabulary.

        Raises:
            OptionError: What is to be held equal cannot be.
        """
        entries = [entry for entry in self.entries if str(entry.spec) in trained]
        return {entry.name: self._shape(entry, trained) for entry in entries}

    def _shape(self, entry: Entry, trained: Mapping[str, Trained]) -> dict[str, Any]:
        asked = self.network_of(entry.size)
        mine, first = trained[str(entry.spec)], next(iter(trained.values()))
        cost, goal_of = cost_of(self.match, mine.tokens_per_byte), cost_of(self.match, first.tokens_per_byte)
        if cost is None or goal_of is None or mine is first:
            return asked
        goal = goal_of(ModelConfig.from_dict({**asked, "vocab_size": first.codec.vocab_size}))
        return solve_shape(asked, mine.codec.vocab_size, cost, goal)

    def network_of(self, size: int) -> dict[str, Any]:
        """Return the network at a width; in a sweep the embedding keeps its proportion to it."""
        ratio = size / self.network["hidden_size"]
        return {
            **self.network,
            "hidden_size": size,
            "embedding_dim": max(1, round(self.network["embedding_dim"] * ratio)),
        }

    def job(
        self, trained: Trained, spec: CodecSpec, shape: Mapping[str, Any], budget: "Budget", hashes: Mapping[str, str]
    ) -> Job:
        """Return the job of an entry with seed 0 and no setting of its own, on documents with these hashes."""
        return Job(
            codec=str(spec),
            codec_fingerprint=trained.codec.fingerprint(),
            seed=0,
            network=dict(shape),
            budget=asdict(budget),
            options=self.options,
            data=dict(hashes),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as JSON values."""
        return {
            "match": self.match,
            "seeds": self.seeds,
            "codecs": [str(spec) for spec in self.specs],
            "sizes": list(self.sizes),
            "budget": asdict(self.budget),
            "network": self.network,
            "options": self.options,
            "trials": self.trials,
            **asdict(self.measures),
        }


def _checked_sizes(sizes: Sequence[int] | None, shape: Mapping[str, Any]) -> list[int]:
    if sizes is None or len(sizes) == 0:
        return [shape["hidden_size"]]
    for size in sizes:
        check_integer("sizes", size, least=1)
    if len(set(sizes)) < len(sizes):
        raise OptionError(f"sizes={list(sizes)} names a width twice; give each once.")
    return [int(size) for size in sizes]
