"""compress and decompress on the command line: any file comes back, and nothing is lost on the way."""

import io
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from commands import Run
from granular_lm.compression import compress
from granular_lm.compression.container import File
from granular_lm.model import LanguageModel

FILES = {
    "empty": b"",
    "a line feed": b"\n",
    "no line feed": b"coffee lover",
    "lines": b"coffee lover\ndad of 2\n\nrunner\n",
    "CRLF": b"coffee lover\r\ndad of 2\r\n",
    "invalid UTF-8": b"caf\xe9\n\xff\xfe\x00\n\xed\xa0\x80",
    "bytes": bytes(range(256)) * 3,
}
MODELS = ("bios-byte", "bios-char", "bios-spm")


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "bios.txt"
    path.write_bytes(FILES["lines"])
    return path


def names(folder: Path) -> list[str]:
    """Return all names in a folder, hidden ones included."""
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
def test_a_file_takes_turns_with_its_compressed_form(run: Run, tmp_path: Path, model: str, content: bytes) -> None:
    """FILE becomes FILE.glm and that becomes FILE again, byte for byte, with nothing on stdout."""
    path = tmp_path / "file"
    path.write_bytes(content)
    assert run("compress", model, path) == (0, "", "")
    assert names(tmp_path) == ["file.glm"]
    assert run("decompress", model, tmp_path / "file.glm") == (0, "", "")
    assert names(tmp_path) == ["file"]
    assert path.read_bytes() == content


@given(content=st.binary(max_size=40) | st.lists(st.sampled_from([b"\n", b"\r", b"a", b"\xc3"])).map(b"".join))
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_come_back(run: Run, tmp_path: Path, content: bytes) -> None:
    """As lines and as a whole."""
    path, packed, back = tmp_path / "file", tmp_path / "packed", tmp_path / "back"
    path.write_bytes(content)
    for flags in ([], ["--whole-file"]):
        assert run("compress", "bios-byte", path, "-f", "-o", packed, *flags)[0] == 0
        assert run("decompress", "bios-byte", packed, "-f", "-o", back)[0] == 0
        assert back.read_bytes() == content


def test_lines_are_documents_unless_the_whole_file_is_one(run: Run, text: Path) -> None:
    """Four lines are four documents, though the file holds the nothing behind them, too; numbers come as JSON."""
    for flags, documents, held in (([], 4, 5), (["--whole-file"], 1, 1)):
        code, out, err = run("compress", "bios-byte", text, "-k", "-f", "--json", *flags)
        packed = text.with_name("bios.txt.glm")
        assert (code, err) == (0, "")
        assert json.loads(out) == {
            "output": str(packed),
            "documents": documents,
            "bytes": len(FILES["lines"]),
            "compressed_bytes": packed.stat().st_size,
        }
        assert File.from_bytes(packed.read_bytes()).count == held
        code, out, _ = run("decompress", "bios-byte", packed, "-o", text.with_name("back"), "-f", "--json")
        assert (code, json.loads(out)["documents"]) == (0, documents)


def test_what_keeps_the_file(run: Run, text: Path) -> None:
    """-k and -o do, in both directions."""
    assert run("compress", "bios-byte", text, "-k")[0] == 0
    assert run("compress", "bios-byte", text, "-o", text.with_name("other"))[0] == 0
    assert names(text.parent) == ["bios.txt", "bios.txt.glm", "other"]
    text.unlink()
    assert run("decompress", "bios-byte", text.with_name("bios.txt.glm"), "-k")[0] == 0
    assert run("decompress", "bios-byte", text.with_name("other"), "-o", text.with_name("third"))[0] == 0
    assert names(text.parent) == ["bios.txt", "bios.txt.glm", "other", "third"]
    assert text.read_bytes() == text.with_name("third").read_bytes() == FILES["lines"]


def test_who_may_read_the_file_may_read_its_other_form(run: Run, text: Path) -> None:
    """A private file stays private, and the time at which it was changed stays, too."""
    text.chmod(0o600)
    os.utime(text, (10**9, 10**9))
    assert run("compress", "bios-byte", text)[0] == 0
    packed = text.with_name("bios.txt.glm")
    assert packed.stat().st_mode & 0o777 == 0o600
    packed.chmod(0o640)
    assert run("decompress", "bios-byte", packed)[0] == 0
    assert text.stat().st_mode & 0o777 == 0o640
    assert text.stat().st_mtime == 10**9


def test_what_would_be_removed_is_a_regular_file(run: Run, text: Path) -> None:
    """A link and a pipe are refused and stay; who keeps them, or names the output, may compress what they give."""
    link, pipe = text.with_name("link"), text.with_name("pipe")
    link.symlink_to(text)
    os.mkfifo(pipe)
    assert "is a link" in refused(run, text.parent, "compress", "bios-byte", link)
    assert "no regular file" in refused(run, text.parent, "compress", "bios-byte", pipe)
    assert run("compress", "bios-byte", link, "-k")[0] == 0
    writer = threading.Thread(target=pipe.write_bytes, args=[FILES["lines"]])
    writer.start()
    assert run("compress", "bios-byte", pipe, "-o", text.with_name("out"))[0] == 0
    writer.join()
    assert names(text.parent) == ["bios.txt", "link", "link.glm", "out", "pipe"]
    assert text.with_name("out").read_bytes() == text.with_name("link.glm").read_bytes()


def test_a_target_that_is_a_folder_is_told_as_one(run: Run, text: Path) -> None:
    """With -f and without."""
    folder = text.with_name("folder")
    folder.mkdir()
    for flags in ([], ["-f"]):
        err = refused(run, text.parent, "compress", "bios-byte", text, "-o", folder, *flags)
        assert f"{folder} is a folder" in err


def test_a_file_that_may_not_be_read_is_told_as_one(run: Run, text: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Be it the file or a folder above that is closed."""
    expected = f"granular-lm: {text} cannot be read (Permission denied); give yourself the right to read it.\n"
    with monkeypatch.context() as patch:
        patch.setattr(os, "access", lambda *_: False)
        assert run("compress", "bios-byte", text) == (1, "", expected)

    def denied(self: Path) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "stat", denied)
        assert run("compress", "bios-byte", text) == (1, "", expected)


def test_a_bar_is_drawn_on_a_terminal_alone(run: Run, text: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It names the file and the share that is done, in both directions."""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for command, name in (("compress", "bios.txt"), ("decompress", "bios.txt.glm")):
        code, out, err = run(command, "bios-byte", text.with_name(name))
        assert (code, out) == (0, "")
        assert name in err
        assert "100%" in err


def test_an_existing_target_stays_unless_forced(run: Run, text: Path) -> None:
    """It is an error before any work; -f overwrites."""
    packed = text.with_name("bios.txt.glm")
    packed.write_bytes(b"precious")
    code, out, err = run("compress", "bios-byte", text)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "exists already" in err
    assert packed.read_bytes() == b"precious"
    assert run("compress", "bios-byte", text, "-f", "-k")[0] == 0
    assert run("decompress", "bios-byte", packed)[0] == 1
    text.write_bytes(b"another text")
    assert run("decompress", "bios-byte", packed, "-f")[0] == 0
    assert text.read_bytes() == FILES["lines"]


def refused(run: Run, folder: Path, *arguments: object) -> str:
    """Return the one line of an error that printed nothing else and changed no file."""
    before = {path: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    code, out, err = run(*arguments)
    assert code in (1, 2)
    assert (out, err.count("\n")) == ("", 1)
    assert {path: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before
    return err


def test_wrong_arguments_are_one_line(run: Run, text: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each says what to do instead, and no file is touched."""
    folder = text.parent
    assert "does not end in .glm" in refused(run, folder, "decompress", "bios-byte", text)
    assert "no file" in refused(run, folder, "compress", "bios-byte", folder / "gone")
    assert "is a folder" in refused(run, folder, "compress", "bios-byte", folder)
    assert "no model is at" in refused(run, folder, "compress", "nobody", text)
    assert "stdout" in refused(run, folder, "compress", "bios-byte", text, "-o", "-", "--json")
    assert "stdout" in refused(run, folder, "decompress", "bios-byte", "--json")
    assert "leave out FILE" in refused(run, folder, "compress", "bios-byte", text, "--message", "a")
    assert "leave out FILE" in refused(run, folder, "decompress", "bios-byte", "-o", "b", "--message", "a")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    assert "for a terminal" in refused(run, folder, "compress", "bios-byte", text, "-o", "-")


@pytest.mark.slow
def test_what_is_no_compressed_file_of_this_model_is_refused(run: Run, text: Path) -> None:
    """A foreign file, another model's, one cut short anywhere and one with a flipped bit: nothing is written."""
    folder = text.parent
    whole = compress(LanguageModel.from_pretrained("bios-byte"), ["coffee lover"])
    flipped = bytes([*whole[:-6], whole[-6] ^ 4, *whole[-5:]])
    packed = folder / "x.glm"
    packed.write_bytes(whole)
    assert "another model" in refused(run, folder, "decompress", "bios-char", packed)
    packed.write_bytes(b"GIF89a")
    assert "no compressed file" in refused(run, folder, "decompress", "bios-byte", packed)
    for damaged in [flipped, *(whole[:length] for length in range(len(whole)))]:
        packed.write_bytes(damaged)
        refused(run, folder, "decompress", "bios-byte", packed)


def test_a_result_that_does_not_decompress_is_not_written(
    run: Run, text: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is decompressed before its name appears, and the original is there as long as that is not done."""
    monkeypatch.setattr("granular_lm.compression.api.decompress", lambda *_, **__: ["something else"])
    assert "do not decompress" in refused(run, text.parent, "compress", "bios-byte", text)


def test_an_interrupted_write_leaves_the_original(run: Run, text: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fills up costs nothing but the attempt."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    assert "No space left" in refused(run, text.parent, "compress", "bios-byte", text)
    assert names(text.parent) == ["bios.txt"]


@pytest.mark.parametrize("message", ["coffee lover", "", "日本語 ✨", "-x"])
def test_messages_come_back(run: Run, message: str) -> None:
    """Base64 on one line, and from it the text; as JSON, with the bytes of both."""
    code, out, err = run("compress", "bios-byte", f"--message={message}")
    assert (code, err, out.count("\n")) == (0, "", 1)
    assert run("decompress", "bios-byte", "--message", out.strip()) == (0, f"{message}\n", "")
    told = json.loads(run("compress", "bios-byte", f"--message={message}", "--json")[1])
    assert told["message"] == out.strip()
    assert told["bytes"] == len(message.encode())
    assert json.loads(run("decompress", "bios-byte", "--message", out.strip(), "--json")[1]) == {"text": message}


@pytest.mark.parametrize("message", ["###", "AAAA", "", "QUJDREVGR0hJSktM"])
def test_what_is_no_message_is_refused(run: Run, tmp_path: Path, message: str) -> None:
    """No base64, too short, and foreign."""
    refused(run, tmp_path, "decompress", "bios-byte", "--message", message)


def test_text_goes_to_stdout_as_it_was(run: Run, text: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without FILE, from stdin; nothing else is printed and nothing removed."""
    data = compress(LanguageModel.from_pretrained("bios-byte"), ["coffee lover", ""])
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    assert run("decompress", "bios-byte") == (0, "coffee lover\n", "")


def test_pipes_carry_any_bytes() -> None:
    """From stdin to stdout and on, in two processes, one of them with two threads."""
    command = [sys.executable, "-m", "granular_lm"]
    content = b"".join(FILES.values())
    packed = subprocess.run([*command, "compress", "bios-spm"], input=content, capture_output=True, check=True)
    restored = subprocess.run(
        [*command, "decompress", "bios-spm", "-"],
        input=packed.stdout,
        capture_output=True,
        check=True,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "2"},
    )
    assert restored.stdout == content
    assert packed.stderr == restored.stderr == b""
