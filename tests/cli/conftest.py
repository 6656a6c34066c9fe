"""A small model on disk, and a way to run commands in this process."""

from pathlib import Path

import pytest

from commands import TINY, Run
from granular_lm.cli import main


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command; return its exit code, stdout and stderr."""

    def call(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as caught:
            main(list(map(str, arguments)))
        out, err = capsys.readouterr()
        return int(caught.value.code or 0), out, err

    return call


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory, bios: list[str]) -> Path:
    path = tmp_path_factory.mktemp("corpus") / "bios.txt"
    path.write_text("\n".join(bios) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, corpus: Path) -> Path:
    folder = tmp_path_factory.mktemp("model") / "bios-model"
    with pytest.raises(SystemExit) as caught:
        main(["train", str(corpus), "-o", str(folder), "--max-bytes", "5k", *TINY])
    assert not caught.value.code
    return folder
