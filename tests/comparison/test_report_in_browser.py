"""The report: its colours, and that it works in a browser."""

import html
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from granular_lm import page as page_package
from granular_lm.comparison import Comparison, report
from granular_lm.comparison.byte_view import HEAT_STEPS
from granular_lm.comparison.figures import pictures
from granular_lm.comparison.report import render_report
from granular_lm.page.plotting import COLOURS
from made_comparison import HOSTILE, TEXTS, made_comparison

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
STYLES = (
    Path(page_package.__file__).parent / "style.css",
    Path(report.__file__).parent / "templates" / "byte_view.css",
)


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return made_comparison()


@pytest.fixture(scope="module")
def page(comparison: Comparison) -> str:
    return render_report(comparison)


def themes() -> dict[str, dict[str, str]]:
    """Return the colours by name that the style sheets set, in light and in dark."""
    style = "".join(path.read_text(encoding="utf-8") for path in STYLES)
    dark = "".join(re.findall(r"prefers-color-scheme: dark\) \{\s*:root \{(.*?)\}", style, flags=re.DOTALL))
    light = "".join(re.findall(r"(?<!\{\n  ):root \{(.*?)\}", style, flags=re.DOTALL))
    found = {name: dict(re.findall(r"--([\w-]+): ([^;]+);", text)) for name, text in (("light", light), ("dark", dark))}
    return {"light": found["light"], "dark": {**found["light"], **found["dark"]}}


def contrast(one: str, other: str) -> float:
    """Return the ratio of contrast of two colours such as #15171a, as WCAG 2 defines it."""

    def luminance(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_colours_can_be_read(theme: str) -> None:
    """Text has a contrast of 4.5 or more on what it stands on, a line of a picture 3 or more."""
    colours = themes()[theme]
    for name in ("ink", "soft", "accent"):
        assert contrast(colours[name], colours["ground"]) >= 4.5, name
    assert all(contrast(colour, colours["ground"]) >= 3 for colour in COLOURS)
    turn = re.search(r"on-\w+", colours["turn-4"])
    assert turn
    for step in range(len(HEAT_STEPS) + 1):
        text = turn[0] if step == 4 else "on-low" if step < 4 else "on-high"
        assert contrast(colours[f"heat-{step}"], colours[text]) >= 4.5, step


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_more_bits_stand_out_more(theme: str) -> None:
    """From one colour of the byte view to the next, the contrast with the page grows."""
    colours = themes()[theme]
    steps = [contrast(colours[f"heat-{step}"], colours["ground"]) for step in range(len(HEAT_STEPS) + 1)]
    assert steps == sorted(steps)


DRIVER = """
const seen = {};
const wait = (ms) => new Promise((done) => setTimeout(done, ms));
const at = (id) => document.getElementById(id);
const press = (target, key) =>
  target.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
const facts = () => `${at("document-facts").textContent} ${location.hash}`;
await wait(1500);
seen.pictures = [...document.querySelectorAll(".picture")].map(
  (box) => [box.id, box.querySelectorAll(".main-svg").length, box.querySelectorAll(".trace, .points path").length]);
seen.tick = getComputedStyle(document.querySelector(".xtick text")).fill;
seen.ground = getComputedStyle(document.body).backgroundColor;
const before = at("paired-summary").textContent;
at("pair").selectedIndex = 1;
at("pair").dispatchEvent(new Event("change"));
seen.pairs = [before, at("paired-summary").textContent];
seen.start = facts();
seen.hostile = [at("document-text").textContent, at("document-text").children.length, window.hacked ?? null];
at("document").selectedIndex = 2;
at("document").dispatchEvent(new Event("change"));
seen.chosen = facts();
at("next").click();
seen.next = facts();
at("previous").click();
at("previous").click();
seen.previous = facts();
press(at("document"), "ArrowRight");
seen.key = facts();
location.hash = "#document=5";
await wait(100);
seen.hash = facts();
location.hash = "#document=3";
await wait(100);
const cells = [...document.querySelectorAll('[role="gridcell"][tabindex]')];
seen.cells = cells.map((cell) => [cell.textContent, cell.ariaLabel, cell.title, cell.style.gridColumn]);
seen.stops = cells.filter((cell) => cell.tabIndex === 0).length;
cells[0].focus();
seen.readouts = [at("readout").textContent];
for (const key of ["ArrowRight", "ArrowDown", "End", "ArrowLeft", "Home", "ArrowUp"]) {
  press(document.activeElement, key);
  seen.readouts.push(at("readout").textContent);
}
seen.characters = [...document.querySelectorAll(".character")].map((cell) => [cell.textContent, cell.style.gridColumn]);
location.hash = "#document=2";
await wait(100);
seen.empty = [facts(), document.querySelectorAll('[role="gridcell"][tabindex]').length];
seen.options = at("document").options.length;
seen.groups = [...document.querySelectorAll("optgroup")].map(({ label }) => label);
seen.loaded = performance.getEntriesByType("resource").map(({ name }) => name);
seen.unnamed = [...document.querySelectorAll("button, select, [role=region], [role=grid], [role=img]")].filter(
  (each) => !each.ariaLabel && !each.labels?.length).length;
seen.wide = document.documentElement.scrollWidth > document.documentElement.clientWidth;
document.body.append(Object.assign(document.createElement("pre"), { id: "seen", textContent: JSON.stringify(seen) }));
"""


def browse(page: str, folder: Path, *options: str) -> tuple[dict[str, Any], str]:
    """Open a page in a browser that has no window, work it, and return what was seen and what was logged."""
    if CHROMIUM is None:
        assert not os.environ.get("CI"), "CI installs Chromium"
        pytest.skip("no Chromium here")
    path = folder / "report.html"
    path.write_text(page.replace("</body>", f'<script type="module">{DRIVER}</script></body>'), encoding="utf-8")
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"]
    command += [
        "--disable-background-networking",
        "--disable-component-update",
        f"--user-data-dir={folder / 'profile'}",
    ]
    command += [
        "--enable-logging=stderr",
        "--v=0",
        "--virtual-time-budget=15000",
        "--dump-dom",
        *options,
        path.as_uri(),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    found = re.search(r'<pre id="seen">(.*?)</pre>', done.stdout, flags=re.DOTALL)
    assert found, done.stderr[-2000:]
    return json.loads(html.unescape(found[1])), done.stderr


@pytest.fixture(scope="module", params=["light", "dark"])
def theme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def seen(page: str, theme: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a person would see who opens the page and goes through it."""
    options = ["--blink-settings=preferredColorScheme=0"] if theme == "dark" else ["--window-size=500,900"]
    found, log = browse(page, tmp_path_factory.mktemp("browser"), *options)
    assert "CONSOLE" not in log, log
    return found


def test_every_picture_is_drawn(seen: dict[str, Any], comparison: Comparison) -> None:
    """Each box for a picture holds one with traces, and the pair can be changed."""
    names = [*(picture.name for picture in pictures(comparison)), "paired-scatter", "paired-histogram"]
    assert [name for name, drawings, traces in seen["pictures"] if drawings and traces] == names
    before, after = seen["pairs"]
    assert before != after


def test_pictures_follow_light_and_dark(seen: dict[str, Any], theme: str) -> None:
    """The text of the axes has the page's colour for secondary text in either theme."""
    colours = themes()[theme]
    for where, name in (("tick", "soft"), ("ground", "ground")):
        red, green, blue = (int(colours[name][at : at + 2], 16) for at in (1, 3, 5))
        assert seen[where] == f"rgb({red}, {green}, {blue})"


def test_documents_can_be_chosen(seen: dict[str, Any]) -> None:
    """By the list, the buttons, the arrow keys and the address, which follows the choice."""
    assert seen["options"] == len(TEXTS)
    assert seen["groups"] == ["most disputed", "random"]
    assert seen["start"].startswith("Document 1 of 20, most disputed, ")
    assert seen["chosen"] == "Document 3 of 20, most disputed, 11 bytes. #document=3"
    assert seen["next"].endswith(" #document=4")
    assert seen["previous"].endswith(" #document=2")
    assert seen["key"].endswith(" #document=3")
    assert seen["hash"].startswith("Document 5 of 20, random, 4 bytes.")
    assert seen["empty"] == ["Document 2 of 20, most disputed, 0 bytes. #document=2", 3]


def test_hostile_text_stays_text(seen: dict[str, Any]) -> None:
    """A document full of tags is shown as it is, makes no element and runs nothing."""
    assert seen["hostile"] == [HOSTILE, 0, None]


def test_tokens_stand_above_one_another_by_bytes(seen: dict[str, Any]) -> None:
    """Characters and tokens span the columns of their bytes, and the stop has the column behind the last."""
    shown = ["n", "a", "ï", "v", "e", "␣", "🙂", "■"]
    places = ["1 / 2", "2 / 3", "3 / 5", "5 / 6", "6 / 7", "7 / 8", "8 / 12", "12 / 13"]
    assert seen["characters"] == [list(each) for each in zip(shown, places, strict=True)]
    cells = seen["cells"]
    assert [place for _, _, _, place in cells[:3]] == ["1 / 2", "2 / 3", "3 / 4"]
    assert [place for _, _, _, place in cells[12:14]] == ["1 / 3", "3 / 5"]
    assert all(said and said == title for _, said, title, _ in cells)
    assert cells[12][:2] == ["0.0", "char: “na”, bytes 0 to 1, 0.00 bits, 0.00 a byte"]
    assert cells[2][1] == "byte: part of “ï”, byte 2, 1.80 bits, 1.80 a byte"
    assert cells[11][1] == "byte: stop, 1.50 bits"


def test_tokens_are_read_with_the_keyboard(seen: dict[str, Any]) -> None:
    """One stop of the tab key, arrows from token to token and from row to row, and a line that says what is there."""
    assert seen["stops"] == 1
    said = [text.split(",")[0] for text in seen["readouts"]]
    assert said == [
        "byte: “n”",
        "byte: “a”",
        "char: “na”",
        "char: stop",
        "char: part of “🙂”",
        "char: “na”",
        "byte: “n”",
    ]


def test_the_page_is_sound(seen: dict[str, Any]) -> None:
    """Nothing was loaded, every control has a name, and the page is no wider than the window."""
    assert seen["loaded"] == []
    assert seen["unnamed"] == 0
    assert not seen["wide"]
