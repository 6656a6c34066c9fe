"""A comparison with numbers that nobody had to train for."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from granular_lm.comparison import Comparison
from granular_lm.comparison.byte_view import ShownDocument
from granular_lm.comparison.job_result import JobResult
from granular_lm.comparison.statistics import cluster_numbers, compare_all
from granular_lm.text import to_bytes

HOSTILE = '</script><script>window.hacked = 1</script><img src=x onerror="window.hacked = 2">{{ 7 * 7 }} &amp; "\' '
TEXTS = (
    HOSTILE,
    "",
    "naïve 🙂",
    "a\n\tb",
    "caf\udce9",
    "שלום עולם",
    *(f"document number {n}, a plain one" for n in range(14)),
)
"""Test documents: hostile, empty, of several bytes a character, with controls, not UTF-8, from right to left."""


def made_comparison(
    entries: Sequence[str] = ("byte", "char", "spm:vocab_size=512"),
    *,
    seeds: int = 2,
    texts: Sequence[str] = TEXTS,
    **changes: Any,
) -> Comparison:
    """Return a comparison that has everything; ``changes`` are fields of it."""
    num_bytes = np.array([len(to_bytes(text)) for text in texts], dtype=np.int64)
    jobs = [_job(number, entry, seed, num_bytes) for seed in range(seeds) for number, entry in enumerate(entries)]
    bits = {entry: np.array([job.bits for job in jobs if job.row["entry"] == entry]) for entry in entries}
    clusters = cluster_numbers(list(map(str, range(len(texts)))))
    pairs = [(a, b) for position, a in enumerate(entries) for b in entries[position + 1 :]]
    estimates, compared = compare_all(bits, num_bytes, clusters, pairs)
    fields: dict[str, Any] = {
        "environment": {"python": "3.11", "cpu": "one of them"},
        "data": {part: _part(texts) for part in ("train", "valid", "test")},
        "plan": _plan(entries, seeds),
        "jobs": jobs,
        "baselines": [
            {"name": "uniform", "bpb": 8.1, "note": ""},
            {"name": "unigram", "bpb": 4.9, "note": ""},
            {"name": "zstd+dictionary", "bpb": 3.5, "note": "the 99 bytes of the dictionary are not counted"},
        ],
        "num_bytes": num_bytes,
        "clusters": clusters,
        "estimates": estimates,
        "pairs": compared,
        "checks": [{"name": "updates", "group": "all", "low": 327, "high": 327, "tolerance": 0.0, "is_held": True}],
        "trials": [
            {"entry": entries[0], "setting": {"rate_factor": 1.0}, "valid_bpb": 2.91, "reason": None, "is_chosen": True}
        ],
        "failures": [{"codec": "lossy", "seed": None, "reason": "it does not give 'İ' back."}],
        "shown": [_shown(text, entries, "most disputed" if n < 4 else "random") for n, text in enumerate(texts)],
    }
    return Comparison(**{**fields, **changes})


def bare_comparison() -> Comparison:
    """Return a comparison of one codec and one seed, with nothing measured beside its bits."""
    uniform = [{"name": "uniform", "bpb": 8.1, "note": ""}]
    comparison = made_comparison(["byte"], seeds=1, checks=[], trials=[], failures=[], shown=[], baselines=uniform)
    for job in comparison.jobs:
        job.row.update(slices={}, bits_by_position=[], sample_bytes=[], curve=[], proof=None, marginal=None)
        job.row.update(samples_valid_utf8=None, samples_copied=None, samples_finished=None)
    return comparison


def _job(number: int, entry: str, seed: int, num_bytes: NDArray[np.int64]) -> JobResult:
    rng = np.random.default_rng([number, seed])
    content = (2.5 + 0.3 * number) * num_bytes + rng.normal(0, 1, len(num_bytes)) ** 2
    stop = rng.uniform(1, 3, len(num_bytes))
    bpb = float((content + stop).sum() / num_bytes.sum())
    row = {
        "entry": entry, "codec": entry.partition(" @")[0], "seed": seed, "size": 256, "hidden_size": 256,
        "bpb": bpb, "bpb_content": bpb - 0.1, "bpb_stop": 0.1, "bpb_file": bpb - 0.05, "adjusted_bpb": bpb + 4,
        "bits_per_string": bpb * 50, "documents": len(num_bytes), "bytes": int(num_bytes.sum()), "tokens": 900,
        "vocab_size": 257, "tokens_per_byte": 0.7, "flops_per_byte": 2e6 * (1 + number), "updates": 327,
        "parameters": {"embedding": 16_448, "lstm": 329_728, "head": 66_049, "total": 412_225},
        "bytes_seen": 300_000, "seconds": 11.0 + number, "valid_bpb": bpb, "lossless": True,
        "curve": [
            {"bytes_seen": 30_000 * n, "seconds": 1.1 * n, **({"valid_bpb": bpb + 4 / n} if n % 2 else {})}
            for n in range(1, 11)
        ],
        "slices": {
            "emoji": {"documents": 1, "bytes": 11, "bpb": bpb + 1},
            "ASCII": {"documents": 9, "bytes": 99, "bpb": bpb},
        },
        "bits_by_position": [5.0, 3.0, 2.0], "sample_bytes": [10, 20, 30],
        "samples_valid_utf8": 0.97, "samples_copied": 0.01, "samples_finished": 0.99,
        "marginal": {
            "k": 8, "bpb_marginal": bpb - 0.02, "gap": 0.02, "slices": {"unseen": 0.03, "ASCII": 0.01},
            "checked": 64, "lattice_gap_checked": 0.02, "beam_gap_checked": 0.025,
        },
        "proof": {"bpb_coded": bpb + 0.001, "is_identical": True, "coded_bits": 1001, "ideal_bits": 1000.0}
        if seed == 0 else None,
    }  # fmt: skip
    samples = [f"drawn by {entry}", HOSTILE, "caf\udce9"]
    return JobResult(row, samples, content, stop, num_bytes.copy())


def _shown(text: str, entries: Sequence[str], why: str) -> ShownDocument:
    """Return a document in tokens of one byte, of two bytes for the second entry, and so on."""
    size = len(to_bytes(text))
    rows = {}
    for number, entry in enumerate(entries):
        starts = list(range(0, size, number + 1))
        ends = [*starts[1:], size]
        tokens = [(start, end, 0.9 * (start % 9)) for start, end in zip(starts, ends, strict=False) if end > start]
        rows[entry] = [*tokens, (size, size, 1.5)]
    return ShownDocument(text=text, num_bytes=size, why=why, rows=rows)


def _part(texts: Sequence[str]) -> dict[str, Any]:
    return {"documents": len(texts), "bytes": sum(len(to_bytes(text)) for text in texts), "sha256": "5f" * 32}


def _plan(entries: Sequence[str], seeds: int) -> dict[str, Any]:
    return {
        "match": "data", "seeds": seeds, "codecs": list(entries), "sizes": [256], "max_bytes": 300_000,
        "budget": {"max_bytes": 300_000}, "network": {"num_layers": 1}, "options": {"learning_rate": 0.003},
        "trials": 1, "marginal": 8, "prove": True,
    }  # fmt: skip
