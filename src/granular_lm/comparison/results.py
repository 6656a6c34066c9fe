"""The outcome of a comparison, and the files it is written to."""

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from granular_lm.comparison.job import JobResult
from granular_lm.comparison.statistics import Pair, compare_pair
from granular_lm.files import replaced_file

SCHEMA = 1


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Comparison:
    """Several codecs on the same documents.

    Attributes:
        environment: Versions and machine.
        data: Hashes, counts and bytes of each part of the split.
        plan: What was held equal, and every setting.
        jobs: One result for each codec and seed.
        baselines: Name and bits per byte of each method that needs no network.
        num_bytes: Raw bytes of each test document, shape (documents,).
        clusters: Which test documents are near-duplicates of one another: equal numbers.
    """

    environment: dict[str, Any]
    data: dict[str, Any]
    plan: dict[str, Any]
    jobs: Sequence[JobResult]
    baselines: Sequence[dict[str, Any]]
    num_bytes: NDArray[np.int64]
    clusters: NDArray[np.int64]

    def __repr__(self) -> str:
        outcome = ", ".join(f"{codec} {self.mean(codec, 'bpb'):.3f}" for codec in self.ranking())
        return f"Comparison(bits per byte: {outcome})"

    @property
    def codecs(self) -> list[str]:
        """The codecs, in the order asked for."""
        return list(dict.fromkeys(job.row["codec"] for job in self.jobs))

    def of_codec(self, codec: str) -> list[JobResult]:
        """Return the jobs of one codec, one a seed."""
        return [job for job in self.jobs if job.row["codec"] == codec]

    def mean(self, codec: str, name: str) -> float:
        """Return the mean over seeds of one number of the results."""
        return float(np.mean([job.row[name] for job in self.of_codec(codec)]))

    def ranking(self) -> list[str]:
        """Return the codecs from the fewest bits per byte to the most."""
        return sorted(self.codecs, key=lambda codec: self.mean(codec, "bpb"))

    @property
    def pairs(self) -> list[Pair]:
        """Every two codecs, each one's bits averaged over its seeds first."""
        bits = {codec: np.mean([job.bits for job in self.of_codec(codec)], axis=0) for codec in self.codecs}
        return [
            compare_pair(a, b, bits[a], bits[b], self.num_bytes, self.clusters)
            for position, a in enumerate(self.codecs)
            for b in self.codecs[position + 1 :]
        ]

    def answer(self) -> str:
        """Return the outcome in a sentence, and in a second one if no model was worth the training."""
        simplest = min(self.baselines, key=lambda baseline: baseline["bpb"])
        if simplest["bpb"] < self.mean(self.ranking()[0], "bpb"):
            return (
                f"{self._verdict()} {simplest['name']} needs {simplest['bpb']:.3f} without a model: train for longer."
            )
        return self._verdict()

    def _verdict(self) -> str:
        best, *others = self.ranking()
        if not others:
            return f"{best} needs {self.mean(best, 'bpb'):.3f} bits per byte; nothing was compared with it."
        said = f"{best} needs the fewest bits per byte here: {self.mean(best, 'bpb'):.3f}"
        second = others[0]
        pair = next(pair for pair in self.pairs if {pair.a, pair.b} == {best, second})
        low, high = sorted(abs(bound) for bound in pair.ci)
        gap = abs(pair.delta)
        if pair.verdict == "equivalent":
            return f"{said}, but {second} is equivalent to it: {gap:.3f} more, within the margin."
        if pair.verdict == "undecided":
            return f"{said}, but {second} at {gap:.3f} more is too close to call on these documents."
        return f"{said}, {gap:.3f} fewer than {second} (95 % interval over documents {low:.3f} to {high:.3f})."

    def to_dict(self) -> dict[str, Any]:
        """Return all numbers as JSON values; no text of the corpus is among them."""
        return {
            "schema": SCHEMA,
            "answer": self.answer(),
            "environment": self.environment,
            "data": self.data,
            "plan": self.plan,
            "results": [job.row for job in self.jobs],
            "pairs": [pair.to_dict() for pair in self.pairs],
            "baselines": list(self.baselines),
        }

    def to_json(self, path: str | Path) -> None:
        """Write `to_dict` to a file."""
        with replaced_file(Path(path)) as temporary:
            temporary.write_text(json.dumps(self.to_dict(), indent=2) + "\n", encoding="utf-8")

    def to_csv(self, path: str | Path) -> None:
        """Write one line for each test document, codec and seed: its bytes, tokens and bits, not its text."""
        with replaced_file(Path(path)) as temporary, temporary.open("w", encoding="utf-8", newline="") as out:
            writer = csv.writer(out)
            writer.writerow(["document", "bytes", "codec", "seed", "tokens", "bits_content", "bits_stop"])
            for job in self.jobs:
                columns = zip(self.num_bytes, job.num_tokens, job.bits_content, job.bits_stop, strict=True)
                for document, (num_bytes, tokens, content, stop) in enumerate(columns):
                    names = (job.row["codec"], job.row["seed"])
                    writer.writerow([document, num_bytes, *names, tokens, f"{content:.6f}", f"{stop:.6f}"])

    def table(self) -> str:
        """Return the results as a table of text."""
        from granular_lm.comparison.table import as_text, results_table

        return as_text(results_table(self))

    def report(self, path: str | Path) -> None:
        """Write the report: one HTML file that needs no network."""
        from granular_lm.comparison.report import write_report

        write_report(self, Path(path))

    def write(self, folder: Path) -> None:
        """Write ``results.json``, ``documents.csv`` and ``report.html`` into a folder."""
        self.to_json(folder / "results.json")
        self.to_csv(folder / "documents.csv")
        self.report(folder / "report.html")
