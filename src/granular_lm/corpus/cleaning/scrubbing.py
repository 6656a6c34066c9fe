"""Personal traces in a text, each replaced by a placeholder that says what stood there.

What counts is the form alone: an address that leads nowhere is replaced, a name is not. Where a form is shared, with
dates, prices, versions and ids in the case of phone numbers, the text is left alone, except for what is written as
phone numbers are.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from granular_lm.corpus.pieces import in_pieces
from granular_lm.errors import OptionError

WORD = r"a-z0-9\u00c0-\u06ff"  # letters of scripts that put spaces between words: in others, a word would go, too
LABEL = r"\w(?:[\w-]{0,61}\w)?"
ADDRESS = r"""[!#-;=?-~\u00c0-\u06ff]"""
ADDRESS_END = r"""[#$%&*+/-9=@A-Z\\^_`a-z|~\u00c0-\u06ff-]"""
TOP_LEVEL = "com|org|net|edu|gov|info|io|co\\.[a-z]{2}|com\\.[a-z]{2}"
SEPARATOR = r"[ .\-\u00a0\u2010-\u2015\u202f]"

URL = re.compile(
    rf"""
    (?<![a-z0-9])(?:https?|ftp)://{ADDRESS}*{ADDRESS_END}
    | (?<![a-z0-9.@-])www\.(?=[{WORD}]){ADDRESS}*{ADDRESS_END}
    | (?<![{WORD}_.@%+-])(?:[{WORD}](?:[{WORD}-]{{0,61}}[{WORD}])?\.){{1,8}}
      (?: [a-z]{{2,24}}/{ADDRESS}*{ADDRESS_END} | (?:{TOP_LEVEL})(?![\w@-])(?!\.\w) )
    """,
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)
EMAIL = re.compile(rf"(?<![\w@+%-])[\w+%-][\w.+%'-]{{0,63}}[@＠]{LABEL}(?:\.{LABEL}){{1,8}}")
# A letter of ASCII before the sign makes it another thing; one of a script without spaces between words does not.
HANDLE = re.compile(
    rf"(?<![A-Za-z0-9_@＠])[@＠][A-Za-z0-9_]+(?:[.-][A-Za-z0-9_]+)*(?:[@＠]{LABEL}(?:\.{LABEL}){{1,8}})?"
)
PHONE = re.compile(
    rf"""
    (?<![\w+#$€£¥₹]) (?<!\d[.,:/\-\u2010-\u2015]) (?<![$€£¥₹][ \u00a0])
    (?! \d{{1,2}}([./-])\d{{1,2}}\1\d{{2,4}}(?![./-]?\d) )                # 01.02.2024
    (?: \(? (?: \+ | 00(?=[1-9]) ) [ \u00a0]? [1-9](?:(?:{SEPARATOR}|[()/]){{0,3}}\d){{6,14}}  # +49 (0) 170 123-4567
      | (?:1{SEPARATOR})? \([2-9]\d\d\) {SEPARATOR}? \d{{3}} {SEPARATOR}? \d{{4}}           # (555) 123-4567
      | (?:1{SEPARATOR})? [2-9]\d\d ({SEPARATOR}) \d{{3}} \2 \d{{4}}                           # 555-123-4567
      | [2-9]\d\d [2-9]\d{{6}}                                                     # 5551234567
      | \(0\d{{1,4}}\) (?:(?:{SEPARATOR}|/)?\d){{5,9}}                             # (030) 123456
      | \([1-9]\d\) {SEPARATOR}? \d{{4,5}} {SEPARATOR} \d{{4}}                              # (11) 91234-5678
      | 0[1-9] (?:(?:{SEPARATOR}|/)?\d){{7,10}}                                     # 06 12 34 56 78
    )
    (?! {SEPARATOR}?\d | \w | [,/:]\d | [ \u00a0]?[%€£$¥₹] )
    """,
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Trace:
    """One kind of personal trace.

    Attributes:
        pattern: What it looks like.
        placeholder: What takes its place; no pattern of any kind occurs in it.
        occurs: Whether a text may hold one at all; false for most texts, and far quicker than the pattern.
    """

    pattern: re.Pattern[str]
    placeholder: str
    occurs: Callable[[str], object]


# In this order: an address may hold an e-mail address, which holds what looks like a handle.
TRACES = {
    "urls": Trace(URL, "<url>", re.compile(r"\.[^\W_]|://").search),
    "emails": Trace(EMAIL, "<email>", re.compile("[@＠]").search),
    "handles": Trace(HANDLE, "<handle>", re.compile("[@＠]").search),
    "phones": Trace(PHONE, "<phone>", re.compile(r"\d\D{0,3}\d\D{0,3}\d\D{0,3}\d\D{0,3}\d").search),
}


def scrub(text: str, kinds: Sequence[str] = tuple(TRACES)) -> str:
    """Return a text with its traces replaced; to scrub it once more changes nothing.

    Args:
        text: Any text.
        kinds: Which traces, names from `TRACES`.

    Examples:
        >>> scrub("mail ada@example.org or ask @ada, https://example.org/?q=@ada (+44 20 7946 0958)")
        'mail <email> or ask <handle>, <url> (<phone>)'
        >>> scrub("since 2019-2020, v1.12.3, $1 200 000", ["phones"])
        'since 2019-2020, v1.12.3, $1 200 000'
    """
    return "".join([_scrubbed(piece, kinds) for piece in in_pieces(text)])


def _scrubbed(text: str, kinds: Sequence[str]) -> str:
    scrubbed = _scrubbed_once(text, kinds)
    while scrubbed != text:  # what stood beside a trace may only now stand alone
        text, scrubbed = scrubbed, _scrubbed_once(scrubbed, kinds)
    return scrubbed


def _scrubbed_once(text: str, kinds: Sequence[str]) -> str:
    for name, trace in TRACES.items():
        if name in kinds and trace.occurs(text):
            text = trace.pattern.sub(trace.placeholder, text)
    return text


def check_kinds(kinds: Sequence[str]) -> None:
    """Raise `OptionError` for a name that no trace has."""
    for kind in kinds:
        if kind not in TRACES:
            raise OptionError(f"there is nothing called {kind!r} to scrub; accepted: {', '.join(TRACES)}.")
