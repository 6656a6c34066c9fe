"""The package as a whole."""

import subprocess
import sys
from pathlib import Path

import pytest

import granular_lm
from granular_lm import errors

PUBLIC = {
    *("Codec", "Comparison", "Generator", "LanguageModel", "Launch", "ModelConfig", "Sample", "Score"),
    *("available_codecs", "bits_per_byte", "bundled_models", "compare", "compress", "decompress"),
    *("generate_bios", "load_codec", "read_documents", "train", "train_codec"),
}


def test_all_is_what_is_public() -> None:
    """Every public name loads, knows where it lives, and is documented; nothing else is offered."""
    assert set(granular_lm.__all__) == PUBLIC == set(dir(granular_lm))
    for name in PUBLIC:
        assert getattr(granular_lm, name).__doc__


def test_an_unknown_name_is_an_attribute_error() -> None:
    """With the public names in the message."""
    with pytest.raises(AttributeError, match="no attribute 'Generater'.*Generator"):
        granular_lm.Generater  # noqa: B018


def test_importing_the_package_imports_nothing_heavy() -> None:
    """Names are loaded on first use."""
    program = "import sys, granular_lm; print({'numpy', 'torch', 'typer', 'sentencepiece'} & set(sys.modules))"
    assert (
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "set()\n"
    )


def test_sampling_and_scoring_import_no_torch() -> None:
    """A bundled model is loaded, sampled and scored with numpy alone."""
    program = (
        "import sys, granular_lm as glm\n"
        "g = glm.Generator.from_pretrained('bios-spm')\n"
        "g.sample(seed=1)\n"
        "glm.bits_per_byte(g.model.score(['hello']))\n"
        "print('torch' in sys.modules)"
    )
    assert (
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "False\n"
    )


def test_a_command_imports_no_other_command() -> None:
    """Nor does typer prepare their options: both take time that every command would wait for."""
    program = (
        "import sys, granular_lm.cli as cli\n"
        "try:\n"
        "    cli.main(['sample', 'bios-byte', '-n', '1', '--seed', '1'])\n"
        "except SystemExit:\n"
        "    names = ('train', 'compare', 'collect', 'data', 'codec')\n"
        "    print([name for name in names if f'granular_lm.cli.{name}' in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_every_error_is_also_a_builtin_that_people_catch() -> None:
    """One root, and below it nothing that is ours alone."""
    for name, kind in vars(errors).items():
        if isinstance(kind, type) and issubclass(kind, errors.GranularLMError) and kind is not errors.GranularLMError:
            builtin = [base for base in kind.__mro__ if base.__module__ == "builtins"]
            assert builtin[0] not in (Exception, BaseException), name


def test_the_package_is_typed() -> None:
    """py.typed is where type checkers look for it."""
    assert (Path(granular_lm.__file__).parent / "py.typed").exists()
