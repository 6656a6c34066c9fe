"""The page of statistics: what it says, and that it works in a browser."""

import html
import json
import os
import re
import shutil
import subprocess
from typing import Any

import plotly.graph_objects as go
import pytest

from granular_lm.codecs import train_codec
from granular_lm.codecs.statistics import codec_statistics
from granular_lm.corpus.statistics import CorpusStatistics, corpus_statistics
from granular_lm.corpus.statistics.figures import pictures, readable
from granular_lm.corpus.statistics.page import render_page, write_page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
HOSTILE = "</script><script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>"
BACKGROUNDS = {"light": "rgb(255, 255, 255)", "dark": "rgb(21, 23, 26)"}
SOFT = {"light": "rgb(93, 100, 110)", "dark": "rgb(155, 162, 172)"}
DRIVER = """
await new Promise((done) => setTimeout(done, 1500));
for (const each of document.querySelectorAll("details")) each.open = true;
const seen = {
  pictures: [...document.querySelectorAll(".picture")].map(
    (box) => [box.id, box.querySelectorAll(".main-svg").length, box.querySelectorAll(".points path").length]),
  tick: getComputedStyle(document.querySelector(".xtick text")).fill,
  ground: getComputedStyle(document.body).backgroundColor,
  loaded: performance.getEntriesByType("resource").map(({ name }) => name),
  hacked: window.hacked ?? null,
  headless: document.querySelectorAll("table:not(:has(caption)), .picture:not([aria-label])").length,
  columns: [...document.querySelectorAll("tbody th")].map((head) => head.getBoundingClientRect().width),
  wide: document.documentElement.scrollWidth > document.documentElement.clientWidth,
};
document.body.append(Object.assign(document.createElement("pre"), { id: "seen", textContent: JSON.stringify(seen) }));
"""


@pytest.fixture(scope="module")
def counted(bios: list[str]) -> CorpusStatistics:
    return corpus_statistics([*bios, HOSTILE, "", "a\r", "a\r", "\udcff", "x" * 5000])


@pytest.fixture(scope="module")
def codecs(counted: CorpusStatistics) -> list[dict[str, Any]]:
    trained = {"byte": {}, "spm": {"vocab_size": 300}}
    return [
        codec_statistics(name, train_codec(name, counted.sample, **options), counted.sample).to_dict()
        for name, options in trained.items()
    ]


def text_of(page: str) -> str:
    """Return the words of a page."""
    body = re.sub(r"<(script|style)\b.*?</\1>", "", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub("<[^>]+>", " ", body)).split())


def test_the_page_says_what_was_counted(counted: CorpusStatistics, codecs: list[dict[str, Any]]) -> None:
    """The numbers of the corpus, of its codecs and what to see to stand in it as text."""
    said = text_of(render_page(counted, codecs, title="a corpus"))
    assert "What is in a corpus?" in said
    assert f"{counted.documents} documents and {counted.bytes:,} bytes, mostly Latin" in said
    for remark in ("2 of 606 documents end in CR", "1 of 606 documents are no valid", "1 of 606 documents are exact"):
        assert remark in said
    for told in codecs:
        assert f"{told['codec']} {told['vocab_size']}" in said
        assert f"{told['tokens_per_byte']:.3f}" in said


@pytest.mark.parametrize(
    ("documents", "said"),
    [
        (["abcd", "жжж"], "mostly Latin"),
        (["abc", "жжж"], "letters 50 % Cyrillic, 50 % Latin;"),
        (["abcd", "жжж", "ααα", "東"], "letters 36 % Latin, 27 % Cyrillic, 27 % Greek;"),
    ],
)
def test_mostly_is_more_than_half(documents: list[str], said: str) -> None:
    """A script is named alone if it has more than half of the letters; otherwise the largest have their shares."""
    assert said in text_of(render_page(corpus_statistics(documents), title="it"))


def test_numbers_are_written_in_full() -> None:
    """Neither a huge length nor its median becomes a power of ten."""
    said = text_of(render_page(corpus_statistics(["a" * 3_000_000, "b" * 3_000_003]), title="it"))
    assert "half have up to 3,000,001.5 bytes" in said
    assert "bytes 3,000,001.5 3,000,001.5 3,000,000" in said
    assert "e+0" not in said


def test_line_ends_are_in_the_bytes_that_compressors_leave_a_share_of() -> None:
    """Two documents of three bytes are eight with their line ends; without any byte there is no share."""
    assert "of 8 bytes: documents from all over the corpus and their line ends" in text_of(
        render_page(corpus_statistics(["abc", "def"]), title="it")
    )
    assert "left by" not in text_of(render_page(corpus_statistics(["", ""]), title="it"))


def test_axes_and_captions_fit_a_corpus_of_one_kind() -> None:
    """One script has an axis from 1 to 100 percent, and one emoji is not the most frequent of several."""
    drawn = {picture.name: picture for picture in pictures(corpus_statistics(["tea ☕", "tea"]), [])}
    assert drawn["scripts"].figure["layout"]["xaxis"]["ticktext"] == ["1", "2", "5", "10", "20", "50", "100"]
    assert drawn["emoji"].caption == "All there are, as a share of 1 emoji."
    many = corpus_statistics(["".join(map(chr, range(33, 99)))])
    assert pictures(many, [])[3].caption == "The most frequent of 66, as a share of all characters."


def test_a_lossy_codec_is_pointed_out(counted: CorpusStatistics, codecs: list[dict[str, Any]]) -> None:
    """Beside the table, with how many documents it loses."""
    lossy = [codecs[0], codecs[1] | {"lossy_documents": 12}]
    said = text_of(render_page(counted, lossy, title="it"))
    assert "spm is lossy: 12 documents" in said
    assert said.count("is lossy") == 1


def test_hostile_text_stays_text(counted: CorpusStatistics) -> None:
    """A title full of tags and bytes that are no UTF-8 make no element, and the page can be written."""
    page = render_page(counted, title=f"{HOSTILE}\udcff")
    assert f"{HOSTILE}\\udcff" in text_of(page)
    assert "<script>window" not in page
    page.encode()


def test_pictures_are_ones_that_plotly_takes(counted: CorpusStatistics, codecs: list[dict[str, Any]]) -> None:
    """Each is valid, and there is one for lengths, bytes, characters, scripts, emoji and codecs."""
    drawn = {picture.name: picture for picture in pictures(counted, codecs)}
    names = ["lengths-bytes", "lengths-characters", "bytes", "characters", "scripts", "emoji", "codecs"]
    assert list(drawn) == names
    for picture in drawn.values():
        go.Figure(picture.figure)


def test_histograms_hold_every_document(counted: CorpusStatistics, codecs: list[dict[str, Any]]) -> None:
    """The bars add up to the documents, and the bytes to the bytes."""
    drawn = {picture.name: picture.figure["data"] for picture in pictures(counted, codecs)}
    assert sum(drawn["lengths-bytes"][0]["y"]) == counted.documents
    assert sum(count or 0 for trace in drawn["bytes"] for count in trace["y"]) == counted.bytes


@pytest.mark.parametrize("documents", [[""], ["1 2"], ["☕"], ["a"]])
def test_a_corpus_of_next_to_nothing_has_a_page(documents: list[str]) -> None:
    """Without a byte, a letter or an emoji the pictures that would be empty are left out."""
    counted = corpus_statistics(documents)
    assert "What is in it?" in text_of(render_page(counted, title="it"))
    for picture in pictures(counted, []):
        go.Figure(picture.figure)


@pytest.mark.parametrize(
    ("text", "shown"),
    [("a", "a"), (" ", "U+0020"), ("\u0301", "U+0301"), ("\udcff", "U+DCFF"), ("é\udcff", "é\\udcff")],
)
def test_what_has_no_shape_has_a_name(text: str, shown: str) -> None:
    """Spaces, marks, controls and bytes that are no UTF-8 can be read."""
    assert readable(text) == shown


@pytest.fixture(scope="module", params=["light", "dark", "narrow"])
def look(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def seen(
    look: str, counted: CorpusStatistics, codecs: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """What a browser that has no window makes of the page."""
    if CHROMIUM is None:
        assert not os.environ.get("CI"), "CI installs Chromium"
        pytest.skip("no Chromium here")
    folder = tmp_path_factory.mktemp("browser")
    write_page(counted, codecs, folder / "page.html", title=HOSTILE)
    page = (folder / "page.html").read_text(encoding="utf-8")
    driven = page.replace("</body>", f'<script type="module">{DRIVER}</script></body>')
    (folder / "page.html").write_text(driven, encoding="utf-8")
    more = {"light": [], "dark": ["--blink-settings=preferredColorScheme=0"], "narrow": ["--window-size=500,900"]}[look]
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync", *more]
    command += [
        "--disable-background-networking",
        "--disable-component-update",
        f"--user-data-dir={folder / 'profile'}",
    ]
    command += ["--enable-logging=stderr", "--v=0", "--virtual-time-budget=15000", "--dump-dom"]
    command += [(folder / "page.html").as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert "CONSOLE" not in done.stderr, done.stderr
    found = re.search(r'<pre id="seen">(.*?)</pre>', done.stdout, flags=re.DOTALL)
    assert found, done.stderr[-2000:]
    answer: dict[str, Any] = json.loads(html.unescape(found[1]))
    return answer


def test_every_picture_is_drawn(seen: dict[str, Any], counted: CorpusStatistics, codecs: list[dict[str, Any]]) -> None:
    """Each box for a picture holds one with bars or points."""
    drawn = [name for name, drawings, marks in seen["pictures"] if drawings and marks]
    assert drawn == [picture.name for picture in pictures(counted, codecs)]


def test_pictures_follow_light_and_dark(seen: dict[str, Any], look: str) -> None:
    """The ground, and the text of the axes on it, are those of the theme."""
    theme = "dark" if look == "dark" else "light"
    assert (seen["ground"], seen["tick"]) == (BACKGROUNDS[theme], SOFT[theme])


def test_the_page_is_sound(seen: dict[str, Any]) -> None:
    """Nothing is loaded or run that is not ours, tables have captions, and nothing is wider or narrower than it may."""
    assert seen["loaded"] == []
    assert seen["hacked"] is None
    assert seen["headless"] == 0
    assert min(seen["columns"]) > 40
    assert not seen["wide"]
