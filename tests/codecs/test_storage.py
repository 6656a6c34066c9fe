"""Codecs in folders."""

import json
from pathlib import Path

import pytest

from granular_lm.codecs import Codec, load_codec, save_codec
from granular_lm.errors import CodecError


@pytest.fixture
def folder(codec: Codec, tmp_path: Path) -> Path:
    save_codec(codec, tmp_path)
    return tmp_path


def test_a_codec_comes_back_from_its_folder(codec: Codec, folder: Path, bios: list[str]) -> None:
    """The fingerprint and the ids are the same after storing and loading."""
    loaded = load_codec(folder)
    assert loaded.fingerprint() == codec.fingerprint()
    assert loaded.encode_batch(bios).ids.tolist() == codec.encode_batch(bios).ids.tolist()


def test_the_folder_names_a_distribution_and_no_import_path(folder: Path) -> None:
    """codec.json says which package made it, and nothing that could be imported."""
    described = json.loads((folder / "codec.json").read_text())
    assert described["distribution"] == "granular-lm"
    assert "granular_lm." not in json.dumps(described)


def test_a_changed_folder_is_refused(folder: Path) -> None:
    """A codec.json whose content does not match its fingerprint is not trusted."""
    described = json.loads((folder / "codec.json").read_text())
    described["fingerprint"] = "0" * 64
    (folder / "codec.json").write_text(json.dumps(described))
    with pytest.raises(CodecError, match="fingerprint"):
        load_codec(folder)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "not readable JSON"),
        ("[]", "not an object"),
        ("{}", "lacks or misuses 'files'"),
        ('{"files": ["../secret"], "name": "byte", "config": {}, "fingerprint": ""}', "outside its folder"),
        ('{"files": ["gone"], "name": "byte", "config": {}, "fingerprint": ""}', "cannot be read"),
        ('{"files": [], "name": "char", "config": {}, "fingerprint": ""}', "lacks or misuses 'characters'"),
    ],
)
def test_damaged_descriptions_are_errors(tmp_path: Path, content: str, problem: str) -> None:
    """Each way to damage codec.json gives a one-line error."""
    (tmp_path / "codec.json").write_text(content)
    with pytest.raises(CodecError, match=problem) as caught:
        load_codec(tmp_path)
    assert "\n" not in str(caught.value)
