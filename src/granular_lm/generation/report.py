"""What a large number of samples is like, beside the documents that the model was trained on."""

from array import array
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from granular_lm.corpus.document_set import quantiles
from granular_lm.errors import ModelError
from granular_lm.generation.sample import Sample
from granular_lm.text import is_utf8


@dataclass(frozen=True, kw_only=True)
class Sampled:
    """Counts of samples, or of documents; shares are between 0 and 1, and None where nothing is known.

    Attributes:
        strings: How many.
        copies: Share that is, byte for byte, a training document.
        distinct: Distinct strings over all.
        valid_utf8: Share that is valid UTF-8.
        finished: Share that the model ended itself.
        num_bytes: Lengths: mean, and what a tenth, a half and nine tenths of the strings do not exceed.
    """

    strings: int
    copies: float | None
    distinct: float | None
    valid_utf8: float | None
    finished: float | None
    num_bytes: Mapping[str, float]

    @classmethod
    def of(cls, samples: Iterable[Sample]) -> "Sampled":
        """Count samples; what is held of each is its length and a number, a hundred bytes."""
        lengths, seen = array("L"), set[int]()
        copies = unknown = valid = finished = 0
        for sample in samples:
            lengths.append(len(sample.data))
            seen.add(hash(sample.data))
            copies += sample.novelty == "copy"
            unknown += sample.novelty is None
            valid += is_utf8(sample.data)
            finished += sample.finished
        count = len(lengths)
        return cls(
            strings=count,
            copies=None if unknown or not count else copies / count,
            distinct=len(seen) / count if count else None,
            valid_utf8=valid / count if count else None,
            finished=finished / count if count else None,
            num_bytes=quantiles(np.array(lengths)),
        )

    @classmethod
    def of_training(cls, training: Mapping[str, Any]) -> "Sampled | None":
        """Return what a model's card tells of its documents, or None where it does not.

        Raises:
            ModelError: What it tells is damaged.
        """
        if "documents" not in training or "document_bytes" not in training:
            return None
        try:
            count, num_bytes = int(training["documents"]), training["document_bytes"]
            return cls(
                strings=count,
                copies=1.0,
                distinct=training["distinct_documents"] / count,
                valid_utf8=training["valid_utf8_documents"] / count,
                finished=1.0,
                num_bytes={name: float(num_bytes[name]) for name in ("mean", "p10", "p50", "p90")},
            )
        except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
            raise ModelError(
                f"what the model's config.json tells of its documents is damaged ({error}); copy or train it again."
            ) from error

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return asdict(self)
