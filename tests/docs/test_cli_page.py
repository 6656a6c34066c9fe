"""The page of the command line, which is made from the command line."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_cli", ROOT / "docs" / "generate_cli.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_current(generator: ModuleType) -> None:
    """The page in the repository is the one that the generator makes now."""
    written = generator.PAGE.read_text(encoding="utf-8")
    assert written == generator.page(), "the page is not current; run: python docs/generate_cli.py"


@pytest.mark.parametrize("columns", ["20", "400"])
def test_the_page_does_not_depend_on_the_terminal(
    generator: ModuleType, monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    """The width of the terminal, its colours and the name of the running program leave the page as it is."""
    before = generator.page()
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("TERMINAL_WIDTH", columns)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setattr(sys, "argv", ["something-else"])
    assert generator.page() == before


def test_every_command_has_a_section(generator: ModuleType) -> None:
    """No command is left out, however deep it is."""
    titles = [line.strip("# `") for line in generator.page().splitlines() if line.startswith("## ")]
    expected = {"train", "sample", "score", "compare", "codec list", "codec check", "data bios", "data split"}
    assert {f"granular-lm {name}" for name in expected} <= set(titles)
