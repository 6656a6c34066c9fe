"""Which documents are kept: by length, by script, by language."""

from collections.abc import Callable, Sequence

from granular_lm.corpus.cleaning.packages import needed_for
from granular_lm.corpus.scripts import known_scripts, letters_by_script
from granular_lm.errors import OptionError
from granular_lm.text import to_bytes

Filter = Callable[[str], bool]

LANGUAGE_CHARACTERS = 10_000
"""A longer document's language is that of its beginning."""


def length_filter(min_bytes: int, max_bytes: int | None) -> Filter:
    """Return whether a document has so many raw bytes."""
    most = float("inf") if max_bytes is None else max_bytes
    return lambda text: len(text) <= most and min_bytes <= len(to_bytes(text)) <= most


def script_filter(scripts: Sequence[str]) -> Filter:
    """Return whether more than half of a document's letters are of some scripts; one without letters is dropped.

    Raises:
        OptionError: No letter is of such a script.
    """
    _check_scripts(scripts)

    def is_kept(text: str) -> bool:
        counts = letters_by_script(text)
        return 2 * sum(counts[script] for script in scripts) > counts.total()

    return is_kept


def _check_scripts(scripts: Sequence[str]) -> None:
    for script in scripts:
        if script not in known_scripts():
            raise OptionError(
                f"there is no script called {script!r}; give names as Unicode has them, such as Latin, Cyrillic, "
                "Greek, Arabic, Hebrew, Devanagari, Thai, Han, Hiragana, Katakana, Hangul."
            )


def language_filter(languages: Sequence[str], min_confidence: float) -> Filter:
    """Return whether py3langid takes a document for one of some languages, and is so sure of it.

    Raises:
        OptionError: py3langid is not installed, or does not know a language.
    """
    with needed_for("the language filter"):
        from py3langid.langid import MODEL_FILE, LanguageIdentifier
    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    for language in languages:
        if language not in identifier.labels:
            raise OptionError(
                f"py3langid knows no language {language!r}; accepted: {', '.join(sorted(identifier.labels))}."
            )

    def is_kept(text: str) -> bool:
        language, confidence = identifier.classify(text[:LANGUAGE_CHARACTERS])
        return language in languages and confidence >= min_confidence

    return is_kept
