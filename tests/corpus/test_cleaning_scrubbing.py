"""Personal traces found, and what only looks like one left alone."""

import re
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from granular_lm.corpus.cleaning.scrubbing import TRACES, check_kinds, scrub
from granular_lm.errors import OptionError

REPLACED = [
    ("mail ada@example.org now", "mail <email> now"),
    ("josé.garcía+x@münchen.de.", "<email>."),
    ("<bob@x.org>, 'ada@x.org'", "<<email>>, '<email>'"),
    ("mailto:bob@x.org", "mailto:<email>"),
    ("bob@sub-1.x.co.uk!", "<email>!"),
    ("see https://x.com/?q=bob@x.org&p=1, ok", "see <url>, ok"),
    ("(https://en.wikipedia.org/wiki/Ada_(x))", "(<url>))"),
    ("https://user:pw@host.com/x#@me", "<url>"),
    ("HTTPS://X.COM and ftp://a.b/c", "<url> and <url>"),
    ("日本https://t.co/xテスト", "日本<url>テスト"),
    ("https://münchen.de/straße?ü=1 yes", "<url> yes"),
    ("www.foo.org! linktr.ee/me", "<url>! <url>"),
    ("example.com, bbc.co.uk.", "<url>, <url>."),
    ("münchen.de/x", "<url>"),
    ("https://ada@x.org@y", "<url>"),
    ("by @Some_One9 & @b", "by <handle> & <handle>"),
    (".@bob hi,@bob", ".<handle> hi,<handle>"),
    ("日本@bobさん", "日本<handle>さん"),
    ("＠ada", "<handle>"),
    ("@foo.bar: @user@mastodon.social", "<handle>: <handle>"),
    ("bob@x.org@y", "<email><handle>"),
    ("+1 (555) 123-4567", "<phone>"),
    ("(555) 123-4567 or 555-123-4567", "<phone> or <phone>"),
    ("1-800-555-1234, 800.555.1234", "<phone>, <phone>"),
    ("call 5552345678 now", "call <phone> now"),
    ("+49 170 1234567; +49 (0)30 123456", "<phone>; <phone>"),
    ("tel:+33612345678", "tel:<phone>"),
    ("0049 170 1234567", "<phone>"),
    ("06 12 34 56 78 / 06.12.34.56.78", "<phone> / <phone>"),
    ("030/1234567 (030) 12 34 56", "<phone> <phone>"),
    ("020 7946 0958.", "<phone>."),
    ("(11) 91234-5678", "<phone>"),
    ("+81‑3‑1234‑5678", "<phone>"),
    ("+44\u00a020\u00a07946\u00a00958", "<phone>"),
    ("☎️+971 50 123 4567☎️", "☎️<phone>☎️"),
]

LEFT_ALONE = [
    "since 2024-01-31, 31.01.2024, 01/31/2024, 01-31-2024 and 01.02.2024.",
    "2019-2020, 1990 - 2000, 12:30:45, 02/03",
    "v1.12.3 10.15.7 1.2.3.4 192.168.100.100",
    "$1,234,567.89 1.000.000 1 000 000 € $212 555 1234 €0123456789",
    "unix 1700000000, card 1234 5678 9012 3456, ISBN 978-3-16-148410-0, #5551234567",
    "3.14159265358979 0,123456789 0.123456789 9.99 10.50 11.20",
    "pages 100-1200, +2.5 million, 5+3=8, 000000000, 100 000 000",
    "a@b C@T @ home @@ @",
    "e.g. this, node.js, U.S.A., and/or w/o a.m./p.m.",
    "http:// https:// www. ://",
    "<url> <email> <handle> <phone>",
    "☕ 🎉 日本 ١٢٣",
    "",
]


@pytest.mark.parametrize(("text", "expected"), REPLACED)
def test_traces_are_replaced(text: str, expected: str) -> None:
    """A trace is found beside punctuation, in other scripts, and inside what holds another one."""
    assert scrub(text) == expected


@pytest.mark.parametrize("text", LEFT_ALONE)
def test_what_only_looks_like_a_trace_is_left_alone(text: str) -> None:
    """Dates, versions, prices, ids, times and abbreviations stay as they are."""
    assert scrub(text) == text


@pytest.mark.parametrize("kind", TRACES)
def test_only_what_was_asked_for_is_replaced(kind: str) -> None:
    """Each kind leaves those of the others, and the placeholder says which it was."""
    traces = {
        "urls": "https://a.org",
        "emails": "ada@example.org",
        "handles": "@ada",
        "phones": "+44 20 7946 0958",
    }
    expected = {**traces, kind: TRACES[kind].placeholder}
    if kind == "urls":
        expected["emails"] = traces["emails"]
    assert scrub(" ; ".join(traces.values()), [kind]) == " ; ".join(expected.values())


pieces = st.sampled_from(
    ["@", "@ada", "a@b.org", "https://", "x.com/", "www.", "+1 ", "555", "-", "123", "4567", "0049", " ", ".", "/", "(",
     ")", "é", "日", "<url>", "<", ">", "$", ":", "_", "06 12 34 56 78", "\udce9", "١"]
)  # fmt: skip


@given(st.lists(pieces).map("".join), st.lists(st.sampled_from(sorted(TRACES)), unique=True))
def test_scrubbing_twice_changes_nothing(text: str, kinds: Sequence[str]) -> None:
    """What is scrubbed holds no trace of the kinds that were asked for."""
    scrubbed = scrub(text, kinds)
    assert scrub(scrubbed, kinds) == scrubbed
    assert not any(TRACES[kind].pattern.search(scrubbed) for kind in kinds)


@given(st.lists(pieces).map("".join))
def test_the_quick_look_misses_no_trace(text: str) -> None:
    """Wherever a pattern matches, the look that comes before it says that it may."""
    for trace in TRACES.values():
        assert trace.occurs(text) or not trace.pattern.search(text)


@pytest.mark.parametrize("piece", ["a", "a.", "a@", "@", "1", "0 1 ", "(", "+1", "1-", "http://(", "www.(", "a-", "é."])
def test_a_long_line_is_scrubbed(piece: str) -> None:
    """A line of 200 kB is done as its pieces are; a pattern that starts over at each character would take hours."""
    scrubbed = scrub(piece * (200_000 // len(piece)))
    assert scrub(scrubbed) == scrubbed
    assert set(scrubbed) <= set(piece) | set("".join(trace.placeholder for trace in TRACES.values()))


def test_a_kind_that_is_none_is_refused() -> None:
    """The error names what is accepted."""
    with pytest.raises(OptionError, match=re.escape("'names' to scrub; accepted: urls, emails, handles, phones.")):
        check_kinds(["urls", "names"])
