"""The page of statistics: one HTML file that needs no network."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from granular_lm.corpus.statistics.counting import CorpusStatistics
from granular_lm.corpus.statistics.figures import pictures, readable
from granular_lm.corpus.statistics.lengths import Lengths, readable_length
from granular_lm.files import replaced_file
from granular_lm.page.template import page_environment

NUM_SCRIPTS_NAMED = 3


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
    environment.filters["readable_length"] = readable_length
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
    half = f"half have up to {readable_length(counted.bytes_per_document.median)} bytes"
    return f"{counted.documents:,} {documents} and {counted.bytes:,} bytes{_in_scripts(counted)}; {half}"


def _in_scripts(counted: CorpusStatistics) -> str:
    """Return the script of more than half of the letters, or the three with the most."""
    if not counted.scripts:
        return ""
    letters = sum(script.letters for script in counted.scripts)
    if 2 * counted.scripts[0].letters > letters:
        return f", mostly {counted.scripts[0].name}"
    shares = [f"{100 * each.letters / letters:.0f} % {each.name}" for each in counted.scripts[:NUM_SCRIPTS_NAMED]]
    return f", letters {', '.join(shares)}"


def _remarks(counted: CorpusStatistics) -> list[str]:
    """Return what one had better see to before training."""
    found = {
        "end in CR: the lines of the file end in CR LF, and the CR is a character of theirs.": counted.cr_documents,
        "are no valid UTF-8; their bytes are kept.": counted.invalid_utf8_documents,
        "are exact copies of another.": counted.exact_duplicates,
        "are empty.": counted.empty_documents,
    }
    return [f"{count:,} of {counted.documents:,} documents {said}" for said, count in found.items() if count]
