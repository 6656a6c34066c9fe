"""The outcome of a comparison, and the files it is written to."""

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from granular_lm.comparison.job_result import JobResult
from granular_lm.comparison.statistics import Estimate, Pair
from granular_lm.files import replaced_file

if TYPE_CHECKING:
    from granular_lm.comparison.byte_view import ShownDocument

SCHEMA = 1
RESULTS_FILE = "results.json"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Comparison:
    """Several codecs, at one width or several, on the same documents. An *entry* is a codec at a width.

    Attributes:
        environment: Versions and machine.
        data: Hashes, counts and bytes of each part of the split.
        plan: What was held equal, and every setting.
        jobs: One result for each entry and seed.
        baselines: Name and bits per byte of each method that needs no network.
        num_bytes: Raw bytes of each test document, shape (documents,).
        clusters: Which test documents are near-duplicates of one another: equal numbers.
        estimates: Bits per byte of each entry, with an interval.
        pairs: Every two entries of the same width.
        checks: What was to be equal between entries, and whether it was.
        trials: What was tried for each entry before.
        failures: Codecs that were left out and jobs that failed, with the reason; of a codec that loses information
            also a document that shows it, which no file but the report has.
        shown: Test documents with the bits of their tokens, for the byte view of the report.
    """

    environment: dict[str, Any]
    data: dict[str, Any]
    plan: dict[str, Any]
    jobs: Sequence[JobResult]
    baselines: Sequence[dict[str, Any]]
    num_bytes: NDArray[np.int64]
    clusters: NDArray[np.int64]
    estimates: dict[str, Estimate]
    pairs: Sequence[Pair]
    checks: Sequence[dict[str, Any]]
    trials: Sequence[dict[str, Any]]
    failures: Sequence[dict[str, Any]]
    shown: Sequence["ShownDocument"]

    def __repr__(self) -> str:
        outcome = ", ".join(f"{entry} {self.mean(entry, 'bpb'):.3f}" for entry in self.ranking())
        return f"Comparison(bits per byte: {outcome})"

    @property
    def entries(self) -> list[str]:
        """The entries, in the order asked for."""
        return list(dict.fromkeys(job.row["entry"] for job in self.jobs))

    @property
    def is_multiseed(self) -> bool:
        """Whether there are several models of an entry."""
        return any(len(self.of_entry(entry)) > 1 for entry in self.entries)

    def of_entry(self, entry: str) -> list[JobResult]:
        """Return the jobs of one entry, one a seed."""
        return [job for job in self.jobs if job.row["entry"] == entry]

    def mean(self, entry: str, name: str) -> float:
        """Return the mean over seeds of one number of the results."""
        return float(np.mean([job.row[name] for job in self.of_entry(entry)]))

    def ranking(self) -> list[str]:
        """Return the entries from the fewest bits per byte to the most."""
        return sorted(self.entries, key=lambda entry: self.mean(entry, "bpb"))

    def answer(self) -> str:
        """Return the outcome in a sentence, and in a second one if no model was worth the training."""
        simplest = min(self.baselines, key=lambda baseline: baseline["bpb"])
        if simplest["bpb"] < self.mean(self.ranking()[0], "bpb"):
            return (
                f"{self._verdict()} {simplest['name']} needs {simplest['bpb']:.3f} without a network: train for longer."
            )
        return self._verdict()

    def _verdict(self) -> str:
        best = self.ranking()[0]
        said = f"{best} needs the fewest bits per byte here: {self.mean(best, 'bpb'):.3f}"
        pairs = [pair for pair in self.pairs if best in (pair.a, pair.b)]
        if not pairs:
            return f"{best} needs {self.mean(best, 'bpb'):.3f} bits per byte; nothing was compared with it."
        pair = min(pairs, key=lambda pair: abs(pair.delta))
        second = pair.b if pair.a == best else pair.a
        low, high = sorted(abs(bound) for bound in pair.ci)
        gap = abs(pair.delta)
        if pair.verdict == "equivalent":
            return f"{said}, but {second} is equivalent to it: {gap:.3f} apart, within the margin."
        if pair.verdict != f"{best} better":  # with seeds that only one of them has, even the other one may be
            return f"{said}, but {second}, {gap:.3f} apart, is too close to call on these {pair.over}."
        return f"{said}, {gap:.3f} fewer than {second} (95 % interval over {pair.over} {low:.3f} to {high:.3f})."

    def to_dict(self) -> dict[str, Any]:
        """Return all numbers as JSON values; no text of the corpus is among them."""
        return {
            "schema": SCHEMA,
            "answer": self.answer(),
            "environment": self.environment,
            "data": self.data,
            "plan": self.plan,
            "checks": list(self.checks),
            "results": [job.row for job in self.jobs],
            "estimates": {entry: estimate.to_dict() for entry, estimate in self.estimates.items()},
            "pairs": [pair.to_dict() for pair in self.pairs],
            "baselines": list(self.baselines),
            "trials": list(self.trials),
            "failures": [_without_text(failure) for failure in self.failures],
        }

    def to_json(self, path: str | Path) -> None:
        """Write `to_dict` to a file."""
        with replaced_file(Path(path)) as temporary:
            temporary.write_text(json.dumps(self.to_dict(), indent=2, allow_nan=False) + "\n", encoding="utf-8")

    def to_csv(self, path: str | Path) -> None:
        """Write one line for each test document, entry and seed: its bytes, tokens and bits, not its text."""
        with replaced_file(Path(path)) as temporary, temporary.open("w", encoding="utf-8", newline="") as out:
            writer = csv.writer(out)
            writer.writerow(
                ["document", "bytes", "codec", "seed", "tokens", "bits_content", "bits_stop", "bits_marginal"]
            )
            for job in self.jobs:
                marginal = [""] * len(self.num_bytes)
                if job.marginal is not None:
                    marginal = [f"{bits:.6f}" for bits in job.marginal["bits"]]
                columns = zip(self.num_bytes, job.num_tokens, job.bits_content, job.bits_stop, marginal, strict=True)
                for document, (num_bytes, tokens, content, stop, summed) in enumerate(columns):
                    names = (job.row["entry"], job.row["seed"])
                    writer.writerow([document, num_bytes, *names, tokens, f"{content:.6f}", f"{stop:.6f}", summed])

    def to_results_csv(self, path: str | Path) -> None:
        """Write one line for each entry and seed: every single number of its results."""
        rows = [_flat(job.row) for job in self.jobs]
        names = list(dict.fromkeys(name for row in rows for name in row))
        with replaced_file(Path(path)) as temporary, temporary.open("w", encoding="utf-8", newline="") as out:
            writer = csv.DictWriter(out, names, restval="")
            writer.writeheader()
            writer.writerows(rows)

    def table(self) -> str:
        """Return the results as a table of text."""
        from granular_lm.comparison.table import as_text, results_table

        return as_text(results_table(self))

    def report(self, path: str | Path) -> None:
        """Write the report: one HTML file that needs no network. It shows test documents and samples."""
        from granular_lm.comparison.report import write_report

        write_report(self, Path(path))

    def write(self, folder: Path) -> None:
        """Write ``results.json``, ``results.csv``, ``documents.csv``, ``report.html`` and ``report.md``."""
        from granular_lm.comparison.markdown import write_markdown

        self.to_json(folder / RESULTS_FILE)
        self.to_results_csv(folder / "results.csv")
        self.to_csv(folder / "documents.csv")
        self.report(folder / "report.html")
        write_markdown(self, folder / "report.md")


def _without_text(failure: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in failure.items() if name != "document"}


def _flat(row: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return the single values of a row, those of an object in it under names joined by dots; lists are left out."""
    flat: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, dict) and name != "environment":
            flat |= _flat(value, f"{prefix}{name}.")
        elif isinstance(value, str | int | float):
            flat[f"{prefix}{name}"] = value
    return flat
