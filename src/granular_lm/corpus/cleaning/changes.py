"""Changes to the text of a document, each asked for by name.

None of them belongs in a codec: a model is trained on the bytes it is given, and whoever changes them says so.
"""

import unicodedata
from collections.abc import Callable
from typing import Any

from granular_lm.corpus.cleaning.packages import needed_for
from granular_lm.text import has_surrogates

Change = Callable[[str], str]

BYTE_ORDER_MARK = "\ufeff"
# Wrong decoding is mended, and what was never text (escapes of terminals, controls) goes. How a writer chose to write,
# curly quotes, wide letters, ligatures, is left alone.
FTFY: dict[str, Any] = {
    "normalization": None,
    "uncurl_quotes": False,
    "fix_character_width": False,
    "fix_latin_ligatures": False,
    "fix_line_breaks": False,
    "fix_surrogates": False,
    "explain": False,
}


def nfc(text: str) -> str:
    """Return a text in Unicode's form NFC."""
    return unicodedata.normalize("NFC", text)


def strip(text: str) -> str:
    r"""Return a text without the white space and the byte order marks at its ends.

    Examples:
        >>> strip("\ufeff Ada \r")
        'Ada'
    """
    stripped = text.strip().strip(BYTE_ORDER_MARK)
    return stripped if stripped == text else strip(stripped)


def mender() -> Change:
    """Return what mends text that was decoded wrongly; it leaves alone what is no valid UTF-8.

    Raises:
        OptionError: ftfy is not installed.
    """
    with needed_for("ftfy"):
        from ftfy import TextFixerConfig, fix_text
    config = TextFixerConfig(**FTFY)

    def mend(text: str) -> str:
        return text if has_surrogates(text) else fix_text(text, config)

    return mend
