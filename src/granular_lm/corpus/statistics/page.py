"""The page of statistics: one HTML file that needs no network."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from granular_lm.corpus.statistics.counting import CorpusStatistics
from granular_lm.corpus.statistics.figures import pictures, readable
from granular_lm.corpus.statistics.lengths import Lengths
from granular_lm.files import replaced_file
from granular_lm.page.template import page_environment


def write_page(counted: CorpusStatistics, codecs: Sequence[Mapping[str, Any]], path: Path, *, title: str) -> None:
    """Write the page to ``path``, whole or not at all."""
    with replaced_file(path) as temporary:
        temporary.write_text(render_page(counted, codecs, title=title), encoding="utf-8")


def render_page(counted: CorpusStatistics, codecs: Sequence[Mapping[str, Any]] = (), *, title: str) -> str:
    """Return the page as HTML.

    Args:
        counted: The statistics.
        codecs: What codecs make of the sample, each as `CodecStatistics.to_dict` returns it.
        title: What to call the corpus.
    """
    environment = page_environment(__package__)
    environment.filters["readable"] = readable
    return environment.get_template("page.html.jinja").render(
        counted=counted,
        codecs=codecs,
        title=readable(title),
        answer=_answer(counted),
        remarks=_remarks(counted),
        lengths={"bytes": counted.bytes_per_document, "characters": counted.characters_per_document},
        quantiles=[field for field in Lengths.__dataclass_fields__ if field not in ("mean", "histogram")],
        letters=max(sum(script.letters for script in counted.scripts), 1),
        pictures=pictures(counted, codecs),
    )


def _answer(counted: CorpusStatistics) -> str:
    documents = "document" if counted.documents == 1 else "documents"
    script = f", mostly {counted.scripts[0].name}" if counted.scripts else ""
    half = f"half have up to {counted.bytes_per_document.median:g} bytes"
    return f"{counted.documents:,} {documents} and {counted.bytes:,} bytes{script}; {half}"


def _remarks(counted: CorpusStatistics) -> list[str]:
    """Return what one had better see to before training."""
    found = {
        "end in CR: the lines of the file end in CR LF, and the CR is a character of theirs.": counted.cr_documents,
        "are no valid UTF-8; their bytes are kept.": counted.invalid_utf8_documents,
        "are exact copies of another.": counted.exact_duplicates,
        "are empty.": counted.empty_documents,
    }
    return [f"{count:,} of {counted.documents:,} documents {said}" for said, count in found.items() if count]
