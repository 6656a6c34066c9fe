"""Changes of text, filters, and the order in which they are taken."""

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from granular_lm.corpus.cleaning.changes import mender, nfc, strip
from granular_lm.corpus.cleaning.filters import language_filter, length_filter, script_filter
from granular_lm.corpus.cleaning.options import CleaningOptions
from granular_lm.corpus.cleaning.steps import MOST_LOST, steps_of, take_steps
from granular_lm.corpus.scripts import known_scripts, letters_by_script
from granular_lm.errors import OptionError
from granular_lm.text import to_bytes

any_text = st.text(st.characters(exclude_categories=()))


@pytest.mark.parametrize(
    ("text", "mended"),
    [
        ("cafÃ©", "café"),
        ("Iâ€™m", "I’m"),
        ("&lt;3 &amp; more", "<3 & more"),
        ("“curly” ﬁne Ｗｉｄｅ e\u0301", "“curly” ﬁne Ｗｉｄｅ e\u0301"),
        ("line\u2028break\r", "line\u2028break\r"),
        ("cafÃ© \udce9", "cafÃ© \udce9"),
        ("\ud83d", "\ud83d"),
    ],
)
def test_what_was_decoded_wrongly_is_mended(text: str, mended: str) -> None:
    """How a writer chose to write stays, and so does what is no valid UTF-8."""
    assert mender()(text) == mended


@given(any_text)
def test_nfc_and_strip_change_nothing_the_second_time(text: str) -> None:
    """What comes out is normal, and has neither white space nor byte order marks at its ends."""
    assert unicodedata.is_normalized("NFC", nfc(text))
    stripped = strip(text)
    assert stripped == strip(stripped) == stripped.strip() == stripped.strip("\ufeff")
    assert stripped in text


@given(any_text, st.integers(0, 8), st.integers(0, 8))
def test_lengths_are_in_bytes(text: str, fewest: int, more: int) -> None:
    """A document is kept if its raw bytes are within the limits, both included."""
    assert length_filter(fewest, fewest + more)(text) == (fewest <= len(to_bytes(text)) <= fewest + more)
    assert length_filter(fewest, None)(text) == (fewest <= len(to_bytes(text)))


@pytest.mark.parametrize(
    ("text", "scripts", "is_kept"),
    [
        ("hello мир", ("Latin",), True),
        ("hi привет", ("Latin",), False),
        ("hi привет", ("Latin", "Cyrillic"), True),
        ("東京へ行く", ("Han",), True),
        ("カフェで本を読む", ("Han",), False),
        ("カフェで本を読む", ("Han", "Hiragana", "Katakana"), True),
        ("ab пр", ("Latin",), False),
        ("☕ 29", ("Latin",), False),
        ("", ("Latin",), False),
    ],
)
def test_scripts_are_told_from_letters(text: str, scripts: tuple[str, ...], is_kept: bool) -> None:
    """More than half of the letters have to be of the scripts together; a text without letters is of none."""
    assert script_filter(scripts)(text) == is_kept


@given(any_text)
def test_every_letter_is_of_a_known_script(text: str) -> None:
    """Scripts that are counted can be asked for."""
    assert letters_by_script(text).keys() <= known_scripts()


def test_languages_are_told_with_a_confidence() -> None:
    """A language that was not asked for is dropped, and so is a guess that is not sure enough."""
    english, german = (
        "This is the house that was built by the river in the old town",
        "Das ist das Haus, das am Fluss in der alten Stadt gebaut wurde",
    )
    is_kept = language_filter(("en", "fr"), 0.0)
    assert (is_kept(english), is_kept(german)) == (True, False)
    assert not language_filter(("en",), 1.0)("hm")
    assert language_filter(("de",), 0.5)(f"{german} " * 2000 + "\udcff")


def test_steps_are_taken_in_their_order() -> None:
    """Text is changed first, the filters see what it has become, and each step counts its documents."""
    options = CleaningOptions(nfc=True, strip=True, scrub=("urls",), min_bytes=5, max_bytes=9, scripts=("Latin",))
    assert [step.name for step in steps_of(options)] == ["nfc", "strip", "scrub", "length", "scripts"]
    texts = [" https://a.org \r", "cafe\u0301", "привет", "Ada", "long enough?", "Grace"]
    after, counts = take_steps(options, texts)
    assert after == ["<url>", "café", None, None, None, "Grace"]
    assert counts.tolist() == [[1, 0], [1, 0], [1, 0], [0, 3], [0, 0]]


def test_what_is_far_too_long_is_dropped_unchanged() -> None:
    """A text that no change could bring within the limit takes no step but the one that drops it."""
    options = CleaningOptions(strip=True, max_bytes=5)
    texts = [" " * MOST_LOST + "Grace", " " * (MOST_LOST + 1) + "Grace"]
    after, counts = take_steps(options, texts)
    assert after == ["Grace", None]
    assert counts.tolist() == [[1, 0], [0, 1]]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"scrub": ("names",)}, "accepted: urls, emails, handles, phones"),
        ({"min_bytes": -1}, "min_bytes=-1"),
        ({"min_bytes": 5, "max_bytes": 4}, "max_bytes=4 is not accepted; give a whole number of at least 5"),
        ({"near": "maybe"}, "near='maybe' is not accepted; accepted: drop, keep, off"),
        ({"threshold": 1.0}, "threshold=1.0 is not accepted; give a number from 0.5 to 0.99"),
        ({"threshold": float("nan")}, "threshold=nan"),
        ({"min_confidence": 2}, "min_confidence=2 is not accepted"),
        ({"scripts": ("Latn",)}, "no script called 'Latn'"),
        ({"languages": ("english",)}, "knows no language 'english'; accepted: "),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, object], said: str) -> None:
    """The error is one line with the value met and what is accepted."""
    with pytest.raises(OptionError) as caught:
        steps_of(CleaningOptions(**options))  # type: ignore[arg-type]
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("package", "options"),
    [("ftfy", CleaningOptions(ftfy=True)), ("py3langid.langid", CleaningOptions(languages=("en",)))],
)
def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch, package: str, options: CleaningOptions) -> None:
    """The error says what to install."""
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(OptionError, match=r"which is not installed; pip install granular-lm\[clean\]\.$"):
        steps_of(options)
