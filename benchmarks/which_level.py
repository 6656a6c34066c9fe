"""Which level of text a small LSTM reads best, on a corpus of short documents.

    python benchmarks/which_level.py CORPUS [--match data|time] [--folder FOLDER] [-o FILE]

Bytes, characters and subwords of three vocabularies, three seeds each, one layer of 256 units: with the documents held
equal (five passes), or 30 seconds of training. Each model's test documents are compressed and decompressed, and summed
over 16 tokenisations. Everything that `compare` knows is written, to results/which_level-NAME-MATCH.json, but for the
longest lists; no text of the corpus is in it. In FOLDER lie the models and the report; what is done there already is
not done again.
"""

from pathlib import Path
from typing import Any

import granular_lm as glm
from results import FOLDER, benchmark_parser, write_results

CODECS = ("byte", "char", "spm:vocab_size=512", "spm:vocab_size=1000", "spm:vocab_size=4000")
SEEDS = 3
BUDGETS: dict[str, dict[str, float]] = {"data": {"epochs": 5}, "time": {"max_time": 30.0}}
TOKENISATIONS = 16
LEFT_OUT = ("curve", "sample_bytes", "bits_by_position")


def shortened(told: dict[str, Any]) -> dict[str, Any]:
    """Return the results without their longest lists."""
    rows = [{name: value for name, value in row.items() if name not in LEFT_OUT} for row in told["results"]]
    return {**told, "results": rows}


def main() -> None:
    parser = benchmark_parser(__doc__, __file__)
    parser.set_defaults(output=None)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--match", choices=list(BUDGETS), default="data")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--jobs", type=int, default=1, help="jobs at once; they need --match data")
    arguments = parser.parse_args()
    name = f"which_level-{arguments.corpus.stem}-{arguments.match}"
    comparison = glm.compare(
        glm.read_documents(arguments.corpus),
        CODECS,
        match=arguments.match,
        seeds=SEEDS,
        prove=True,
        marginal=TOKENISATIONS,
        launch=glm.Launch(jobs=arguments.jobs),
        output=arguments.folder or Path("build") / name,
        on_stage=print,
        **BUDGETS[arguments.match],  # type: ignore[arg-type]
    )
    print(comparison.table())
    print(comparison.answer())
    write_results(arguments.output or FOLDER / f"{name}.json", shortened(comparison.to_dict()))


if __name__ == "__main__":
    main()
