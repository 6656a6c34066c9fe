"""Codecs by name."""

import subprocess
import sys
from pathlib import Path

import pytest

from granular_lm.codecs import available_codecs, codec_class, load_codec, train_codec
from granular_lm.codecs.byte import ByteCodec
from granular_lm.codecs.spec import CodecSpec
from granular_lm.errors import CodecError, CodecNotFoundError, OptionError
from plugins import install


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_listing_imports_nothing() -> None:
    """The names are known before sentencepiece, numpy's codecs or any plugin is imported."""
    program = (
        "import sys, granular_lm.codecs.registry as r\n"
        "names = r.available_codecs()\n"
        "loaded = [m for m in sys.modules if m in ('sentencepiece', 'granular_lm.codecs.char', 'torch')]\n"
        "print(names, loaded)"
    )
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "['byte', 'char', 'spm'] []"


def test_a_plugin_is_found_and_loaded_by_name(site: Path) -> None:
    """A package that declares the entry point is listed, and imported only when its codec is asked for."""
    source = "from granular_lm.codecs.byte import ByteCodec\nclass Mine(ByteCodec):\n    name = 'mine'\n"
    install(site, "myplugin", "mine = myplugin:Mine", source)
    assert "mine" in available_codecs()
    assert "myplugin" not in sys.modules
    assert issubclass(codec_class("mine"), ByteCodec)


def test_two_packages_with_one_name_are_refused(site: Path) -> None:
    """Both packages are named."""
    install(site, "one", "twice = one:Codec")
    install(site, "two", "twice = two:Codec")
    with pytest.raises(CodecError, match=r"'twice' is offered by one 1\.0 and two 1\.0"):
        codec_class("twice")


def test_a_plugin_cannot_take_the_name_of_ours(site: Path) -> None:
    """A package that offers another 'byte' is refused, too."""
    install(site, "impostor", "byte = impostor:Codec")
    with pytest.raises(CodecError, match=r"granular-lm .* and impostor 1\.0"):
        codec_class("byte")


@pytest.mark.parametrize(("source", "problem"), [("1/0", "cannot be imported"), ("Codec = 3", "not a subclass")])
def test_a_broken_plugin_is_named(site: Path, source: str, problem: str) -> None:
    """An import error or a wrong object is reported with the package that brought it."""
    package = "broken" + str(len(source))
    install(site, package, f"broken = {package}:Codec", source)
    with pytest.raises(CodecError, match=rf"{package} 1\.0 .*{problem}|{package} 1\.0 is .*{problem}"):
        codec_class("broken")


def test_an_unknown_name_lists_what_is_installed() -> None:
    """The error says what was asked for, what there is, and what to do."""
    with pytest.raises(CodecNotFoundError, match="no codec is named 'sentencpiece'; installed: byte, char, spm"):
        codec_class("sentencpiece")
    with pytest.raises(LookupError):
        load_codec("sentencpiece")


def test_unknown_options_are_refused_with_the_known_ones() -> None:
    """A misspelt option names the accepted ones."""
    with pytest.raises(CodecError, match="no option 'vocab'; accepted: vocab_size, model"):
        train_codec("spm", ["text"], vocab=3)
    with pytest.raises(CodecError, match="it has none"):
        train_codec("byte", [], size=3)


def test_load_codec_by_name_needs_no_training_or_says_so() -> None:
    """Byte is ready; char and spm name the function that trains them."""
    assert load_codec("byte").encode("a") == [97]
    for name in ("char", "spm"):
        with pytest.raises(CodecError, match=rf"train_codec\('{name}', documents\)"):
            load_codec(name)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("byte", [("byte", {})]),
        (
            "byte,char:min_count=5,spm:vocab_size=512",
            [("byte", {}), ("char", {"min_count": 5}), ("spm", {"vocab_size": 512})],
        ),
        ("spm:vocab_size=512,model=bpe,byte", [("spm", {"vocab_size": 512, "model": "bpe"}), ("byte", {})]),
        ("spm:vocab_size=300,spm:vocab_size=400", [("spm", {"vocab_size": 300}), ("spm", {"vocab_size": 400})]),
    ],
)
def test_lists_of_codecs_with_options(text: str, expected: list[tuple[str, dict[str, object]]]) -> None:
    """Options belong to the codec before them, and a list reads back as it was written."""
    specs = CodecSpec.parse_list(text)
    assert [(spec.name, spec.options) for spec in specs] == expected
    assert ",".join(map(str, specs)) == text


@pytest.mark.parametrize("text", ["", ",", "byte,byte", "char:min_count", "char:min_count="])
def test_lists_that_make_no_sense_are_refused(text: str) -> None:
    """An empty list, a repeated codec and half an option are usage errors."""
    with pytest.raises(OptionError):
        CodecSpec.parse_list(text)
