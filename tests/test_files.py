"""Files and folders that appear whole or not at all."""

import tempfile
from pathlib import Path

import pytest

from granular_lm.errors import OutputExistsError
from granular_lm.files import new_folder, refuse_unwritable, replaced_file


def test_a_folder_appears_when_the_block_ends_well(tmp_path: Path) -> None:
    """Until then there is no folder, afterwards there is nothing else."""
    target = tmp_path / "deep" / "out"
    with new_folder(target) as work:
        (work / "a").write_text("1")
        assert not target.exists()
    assert (target / "a").read_text() == "1"
    assert [path.name for path in target.parent.iterdir()] == ["out"]


def test_a_failed_folder_leaves_nothing(tmp_path: Path) -> None:
    """An exception in the block leaves neither the folder nor a temporary one."""
    with pytest.raises(RuntimeError), new_folder(tmp_path / "out") as work:
        (work / "a").write_text("1")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_an_empty_folder_may_be_filled_and_a_full_one_not(tmp_path: Path) -> None:
    """An empty folder is as good as none; anything in it is safe."""
    (tmp_path / "empty").mkdir()
    with new_folder(tmp_path / "empty") as work:
        (work / "a").touch()
    with pytest.raises(OutputExistsError, match="already holds files"), new_folder(tmp_path / "empty"):
        pass
    with pytest.raises(OutputExistsError, match="is a file"), new_folder(tmp_path / "empty" / "a"):
        pass
    assert (tmp_path / "empty" / "a").exists()


def test_a_folder_is_replaced_whole(tmp_path: Path) -> None:
    """The old one is there until the new one is complete, and nothing of it afterwards."""
    with new_folder(tmp_path / "out") as work:
        (work / "old").touch()
    with new_folder(tmp_path / "out", replace=True) as work:
        (work / "new").touch()
        assert [path.name for path in (tmp_path / "out").iterdir()] == ["old"]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["new"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    with pytest.raises(RuntimeError), new_folder(tmp_path / "out", replace=True) as work:
        raise RuntimeError
    assert (tmp_path / "out" / "new").exists()


@pytest.mark.parametrize("replace", [False, True])
def test_where_a_disk_is_mounted_files_move_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, replace: bool) -> None:
    """Nothing is written beside it, which is another disk; what is new takes the place of what is old."""
    target = tmp_path / "disk"
    target.mkdir()
    if replace:
        (target / "codec").mkdir()
        for name in ("config.json", "codec/old", "documents.bin"):
            (target / name).write_text("old")
    monkeypatch.setattr("os.path.ismount", lambda path: path == target)
    with new_folder(target, replace=replace) as work:
        (work / "codec").mkdir()
        for name in ("config.json", "codec/new"):
            (work / name).write_text("new")
        assert [path.name for path in tmp_path.iterdir()] == ["disk"]
    files = {str(path.relative_to(target)): path.read_text() for path in target.rglob("*") if path.is_file()}
    assert files == {"config.json": "new", "codec/new": "new"}
    with pytest.raises(OutputExistsError, match="already holds"), new_folder(target):
        pass


def test_what_cannot_be_written_is_refused_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under its own name, if the folder is there or has to be made; what can be written is left as it is."""
    (tmp_path / "there").mkdir()
    for name in ("there", "new", "deep/er/new"):
        refuse_unwritable(tmp_path / name)
    assert [path.name for path in tmp_path.rglob("*")] == ["there"]
    refused: list[str] = []
    monkeypatch.setattr("os.access", lambda place, _: Path(place).name not in refused)
    for place, name in (("there", "there"), (tmp_path.name, "there"), (tmp_path.name, "deep/er/new")):
        refused[:] = [place]
        with pytest.raises(PermissionError, match="nothing can be written there") as caught:
            refuse_unwritable(tmp_path / name)
        assert caught.value.filename == str(tmp_path / name)


def test_a_folder_that_cannot_be_replaced_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the new folder cannot take the place, the old one is put back."""
    with new_folder(tmp_path / "out") as work:
        (work / "old").touch()
    rename = Path.rename

    def fail_for_the_new(self: Path, target: Path) -> Path:
        if (self / "new").exists():
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail_for_the_new)
    with pytest.raises(OSError, match="No space"), new_folder(tmp_path / "out", replace=True) as work:
        (work / "new").touch()
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["old"]


def test_a_failed_replacement_keeps_the_old_file(tmp_path: Path) -> None:
    """The old content stays until the new one is complete."""
    target = tmp_path / "file"
    target.write_text("old")
    with pytest.raises(RuntimeError), replaced_file(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old"
    with replaced_file(target) as temporary:
        temporary.write_text("new")
    assert target.read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("name", ["out", "a/../out"])
def test_errors_name_what_was_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Not the temporary name beside it; another file keeps its own."""
    (tmp_path / "a").mkdir()
    target = tmp_path / name

    def refuse(*_: object, prefix: str, dir: Path, **__: object) -> None:  # noqa: A002 - its name in tempfile
        raise PermissionError(13, "Permission denied", f"{dir}/{prefix}xyz")

    for make in (replaced_file, new_folder):
        with pytest.raises(OSError, match="directory") as caught, make(target) as temporary:
            (temporary / "missing" / "a").write_text("1")
        assert Path(caught.value.filename).resolve() == target.resolve()
        with pytest.raises(FileNotFoundError) as missing, make(target):
            (tmp_path / "other").read_text()
        assert missing.value.filename == str(tmp_path / "other")
    monkeypatch.setattr(tempfile, "mkstemp", refuse)
    with pytest.raises(PermissionError) as denied, replaced_file(target):
        pass
    assert denied.value.filename == str(target)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PermissionError) as denied, replaced_file(Path("out")):
        pass
    assert denied.value.filename == "out"
