"""``granular-lm sample`` as a user meets it."""

import io
import json
import math
import re
import shlex
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from commands import Run
from granular_lm.corpus.document_set import DocumentSet
from granular_lm.generation import Generator
from granular_lm.model import LanguageModel
from overlapping import TokensCodec

SHORT = ["--seed", "1", "--max-bytes", "30"]


def test_options_reach_the_sampler(run: Run, model: Path) -> None:
    """Each option does on the command line what it does in Python."""
    code, out, _ = run(
        *("sample", model, "-n", "6", *SHORT, "--temperature", "1,0.5", "--top-k", "60", "--top-p", "0.9"),
        *("--min-p", "0.01", "--typical-p", "0.95", "--repetition-penalty", "1.1", "--min-bytes", "3"),
        *("--ban", "e", "--ban", "th", "--stop", "s", "--accept", "[aio]"),
    )
    expected = Generator.from_pretrained(model).sample_batch(
        6,
        seed=1,
        max_bytes=30,
        temperature=[1, 0.5],
        top_k=60,
        top_p=0.9,
        min_p=0.01,
        typical_p=0.95,
        repetition_penalty=1.1,
        min_bytes=3,
        ban=["e", "th"],
        stop=["s"],
        accept=lambda text: re.search("[aio]", text) is not None,
    )
    assert (code, out.split("\n")[:-1]) == (0, [sample.text for sample in expected])


def test_a_stream_prints_the_same_strings(run: Run, model: Path) -> None:
    """Character by character, and the same in the end."""
    plain = run("sample", model, "-n", "4", *SHORT)[1]
    assert run("sample", model, "-n", "4", *SHORT, "--stream") == (0, plain, "")


def test_raw_bytes_are_shown_as_asked(run: Run, model: Path) -> None:
    """U+FFFD, or a space for each byte; the rest is the same."""
    replaced = run("sample", model, "-n", "20", *SHORT, "--no-valid-utf8")[1]
    spaced = run("sample", model, "-n", "20", *SHORT, "--no-valid-utf8", "--errors", "space")[1]
    assert "\ufffd" in replaced
    assert "\ufffd" not in spaced
    assert re.sub("[\ufffd ]+", " ", spaced) == re.sub("[\ufffd ]+", " ", replaced)


def test_novel_strings(run: Run, tmp_path: Path) -> None:
    """Of strings that begin with "she/he" many are "she/her"; a model that knows it for a document leaves it out."""
    folder = tmp_path / "knowing"
    model = LanguageModel.from_pretrained("bios-byte")
    model.documents = DocumentSet.of([b"she/her"])
    model.save_pretrained(folder)
    for options, are_copies in ([], True), (["--novel"], False):
        code, out, _ = run("sample", folder, "-n", "50", "--seed", "1", "--prompt", "she/he", *options)
        assert code == 0
        assert ("she/her" in out.splitlines()) == are_copies


def test_a_report_describes_the_strings(run: Run, model: Path) -> None:
    """As a table beside the data, and as JSON."""
    code, out, _ = run("sample", model, "-n", "50", *SHORT, "--report")
    assert code == 0
    assert re.search(r"exact copies of training documents +0\.0% +100\.0%", out)
    assert re.search(r"distinct +\d", out)
    told = json.loads(run("sample", model, "-n", "50", *SHORT, "--report", "--json")[1])
    assert told["samples"]["strings"] == 50
    assert told["samples"]["valid_utf8"] == 1.0
    assert told["data"]["num_bytes"]["p50"] > 0


def test_explain_tells_the_bits(run: Run, model: Path) -> None:
    """The legend, then each string with its bits beneath."""
    plain = run("sample", model, "-n", "2", *SHORT)[1].splitlines()
    code, out, _ = run("sample", model, "-n", "2", *SHORT, "--explain")
    lines = out.splitlines()
    assert code == 0
    assert lines[0].startswith("bits a byte: up to 0.5")
    assert lines[1::2] == ["".join("\ufffd" if unicodedata.category(c) == "Cc" else c for c in line) for line in plain]
    sample = Generator.from_pretrained(model).sample(seed=1, max_bytes=30)
    assert f"{-sample.log_prob / 0.6931471805599453:.1f} bits, " in lines[2]


def test_the_most_likely(run: Run, model: Path) -> None:
    """The strings of the search, the likeliest first."""
    code, out, _ = run("sample", model, "-n", "3", "--most-likely", "--max-bytes", "12", "--prompt", "I am")
    expected = Generator.from_pretrained(model).most_likely(3, "I am", max_bytes=12)
    assert (code, out.split("\n")[:-1]) == (0, [sample.text for sample in expected])


def test_writing_together(run: Run, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A number takes what was offered, text is taken as it is, Enter draws, the end of input ends."""
    offered = Generator.from_pretrained(model).continuations("I am a", 9)
    monkeypatch.setattr("sys.stdin", io.StringIO(" a\n2\n\n"))
    code, out, err = run("sample", model, "--interactive", "--prompt", "I am", "--seed", "1")
    assert code == 0
    assert out.startswith("I am a" + offered[1].text)
    assert len(out.strip()) > len("I am a" + offered[1].text)
    assert f"{offered[0].probability:6.1%}  {offered[0].text!r}" in err


def test_temperatures_take_turns_in_writing_together(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each draw has the next one."""

    def written(temperature: str, answers: str) -> str:
        monkeypatch.setattr("sys.stdin", io.StringIO(answers))
        options = ("--prompt", "coffee ", "--seed", "1", "--temperature", temperature)
        return run("sample", "bios-byte", "--interactive", *options)[1].rstrip("\n")

    greedy, hot_first = written("0", "\n\n"), written("50,0", "\n")
    in_turn = written("0,50", "\n\n")
    assert in_turn[: len("coffee l")] == greedy[: len("coffee l")]
    assert in_turn != greedy
    assert hot_first[: len("coffee l")] != greedy[: len("coffee l")]


def test_answers_may_end_as_on_windows(run: Run, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes through a pipe is read like what is typed."""
    offered = Generator.from_pretrained(model).continuations("I am", 9)
    monkeypatch.setattr("sys.stdin", io.StringIO("1\r\n", newline=""))
    assert run("sample", model, "--interactive", "--prompt", "I am")[1] == f"I am{offered[0].text}\n"


def test_writing_together_to_the_end(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """To take the end is to be done."""
    offered = Generator.from_pretrained("bios-byte").continuations("coffee lover", 9)
    number = [each.text for each in offered].index("") + 1
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{number}\nnever read\n"))
    assert run("sample", "bios-byte", "--interactive", "--prompt", "coffee lover")[1] == "coffee lover\n"


def test_an_interrupt_loses_no_string(run: Run, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was written together is printed, what was streamed ends its line, and the exit code says it was Ctrl-C."""

    def until_interrupted(*pieces: str) -> Iterator[str]:
        yield from pieces
        raise KeyboardInterrupt

    answers = until_interrupted(" a\n", " dog\n")
    monkeypatch.setattr("sys.stdin", io.StringIO())
    monkeypatch.setattr("sys.stdin.readline", lambda: next(answers))
    code, out, err = run("sample", model, "--interactive", "--prompt", "I am")
    assert (code, out, err[-26:]) == (130, "I am a dog\n", "granular-lm: interrupted.\n")
    monkeypatch.setattr(Generator, "stream", lambda *_, **__: until_interrupted("I", " a"))
    assert run("sample", model, "--stream")[:2] == (130, "I a\n")


def test_a_text_that_ends_inside_a_character_is_completed(model: Path) -> None:
    """By what is chosen and by what is drawn."""
    command = [sys.executable, "-m", "granular_lm", "sample", str(model), "--interactive", "--prompt", "caf\udcc3"]
    for answers in ("1\n", "\n", "\n\n2\n"):
        done = subprocess.run(command, input=answers.encode(), capture_output=True, check=True)
        assert done.stdout.startswith(b"caf\xc3")
        assert "\ufffd" not in done.stdout.decode()


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--stream", "--json"], "--stream and --json do not go together"),
        (["--explain", "--report"], "--explain and --report do not go together"),
        (["--interactive", "--temperature", "-1"], "--temperature -1.0 is not accepted"),
        (["--interactive", "-n", "3"], "--number and --interactive do not go together"),
        (["--most-likely", "--ban", "a"], "--ban and --most-likely do not go together"),
        (["--stream", "--novel"], "--novel and --stream do not go together"),
        (["--max-draws", "0"], "--max-draws 0"),
        (["--temperature", "warm"], "'warm' is no temperature"),
        (["--accept", "("], "'(' is no regular expression"),
        (["--errors", "ignore"], "--errors 'ignore'"),
        (["--ban", ""], "ban holds ''"),
        (["--min-bytes", "31", "--max-bytes", "30"], "--min-bytes 31 is above --max-bytes 30"),
        (["--repetition-penalty", "0.5"], "--repetition-penalty 0.5"),
        (["--typical-p", "0"], "--typical-p 0.0"),
        (["--prompt", "x" * 300, "--max-bytes", "200"], "no room after the prompt of 300 bytes; give at least 301"),
    ],
)
def test_impossible_options_are_wrong_usage(run: Run, model: Path, arguments: list[str], problem: str) -> None:
    """Exit code 2, the value met, nothing printed."""
    code, out, err = run("sample", model, *arguments)
    assert (code, out) == (2, "")
    assert problem in re.sub(r"[│\s]+", " ", err)


def test_what_is_never_accepted_is_one_line(run: Run, model: Path) -> None:
    """Exit code 1, after a bounded number of draws."""
    code, out, err = run("sample", model, *SHORT, "--accept", "[0-9]{12}[a-z]{9}")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "no string was accepted in 100 draws" in err


def test_a_step_may_be_taken_back_and_numbers_typed(run: Run, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A minus goes back, as far as the prompt; after a backslash it is text, as is a number."""
    monkeypatch.setattr("sys.stdin", io.StringIO(" a\n 5\n-\n\\3\n\\-\n"))
    assert run("sample", model, "--interactive", "--prompt", "I am")[1] == "I am a3-\n"
    monkeypatch.setattr("sys.stdin", io.StringIO("-\n-\n!\n"))
    assert run("sample", model, "--interactive", "--prompt", "I am")[1] == "I am!\n"


def test_bytes_that_are_no_text_are_kept_as_they_are(model: Path) -> None:
    """In the prompt, in what is typed and in what is drawn, whatever they look like; digits are those of numbers."""
    command = [sys.executable, "-m", "granular_lm", "sample", str(model), "--interactive", "--seed", "2"]
    for more, answers, expected in (
        (["--prompt", "caf\udcc3\udce6"], "²\n".encode() + b"\xff\n", "caf\ufffd\ufffd²\ufffd"),
        (["--prompt", "a\udcf0\udc9f\udc98b", "--errors", "space"], b"!\n", "a   b!"),
    ):
        done = subprocess.run([*command, *more], input=answers, capture_output=True, check=True)
        assert done.stdout.decode() == expected + "\n"
    loose = ["--no-valid-utf8", "--temperature", "3", "--prompt", "caf\udcc3"]
    drawn = subprocess.run([*command, *loose], input=b"\n", capture_output=True, check=True).stdout
    assert drawn.startswith(b"caf")
    assert drawn.count("\ufffd".encode()) <= 2


def test_a_draw_taken_back_is_another_draw(model: Path) -> None:
    """With a seed, too."""
    command = [sys.executable, "-m", "granular_lm", "sample", str(model), "--interactive", "--seed", "2"]
    done = subprocess.run(command, input="\n-\n" * 6, capture_output=True, text=True, check=True)
    shown = [line for line in done.stderr.splitlines() if len(line) == 1]
    assert len(set(shown)) > 1


def test_colours_show_what_is_printed(run: Run, model: Path) -> None:
    """Bytes that are not valid UTF-8 look as asked for, and what stands behind a stop string has no bits."""
    raw = ["sample", model, "-n", "1", "--prompt", "caf\udcc3", *SHORT, "--no-valid-utf8", "--errors", "space"]
    _, out, _ = run(*raw, "--explain")
    assert out.splitlines()[1].split(" ")[:2] == ["caf", run(*raw)[1].rstrip("\n").split(" ")[1]]
    arguments = ["sample", model, "-n", "1", "--prompt", "a", *SHORT, "--stop"]
    generator = Generator.from_pretrained(model)
    stop = generator.sample("a", seed=1, max_bytes=30).text[4:6]
    sample = generator.sample("a", stop=[stop], seed=1, max_bytes=30)
    assert sample.ended_by == "stop_string"
    bits = -sample.log_probs[: sum(end > start for start, end in sample.byte_spans)].sum() / math.log(2)
    assert f"  {bits:.1f} bits, {bits / len(sample.data):.2f} a byte" in run(*arguments, stop, "--explain")[1]


def test_what_is_banned_is_not_offered(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor where a banned string begins in the prompt; other answers are the person's own."""
    monkeypatch.setattr("sys.stdin", io.StringIO("r\n"))
    arguments = ["sample", "bios-byte", "--interactive", "--prompt", "coffee love", "--ban"]
    code, out, err = run(*arguments, "lover")
    assert (code, out, "'r'" in err) == (0, "coffee lover\n", False)
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert "'r'" in run(*arguments, "lovers")[2]


def test_long_tokens_are_drawn_together(run: Run, bigram_model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long a token is, Enter draws it, and the string goes on."""
    codec = TokensCodec(*(bytes([byte]) for byte in range(256)), b"x" * 80)
    table = np.full((258, 258), 1e-9)
    table[:, 256] = 1.0
    generator = Generator(bigram_model(codec, table / table.sum(axis=1, keepdims=True)))
    monkeypatch.setattr(Generator, "from_pretrained", lambda _: generator)
    monkeypatch.setattr("sys.stdin", io.StringIO("\n\n"))
    assert run("sample", "long", "--interactive")[:2] == (0, "x" * 160 + "\n")


@pytest.mark.parametrize("way", [["--explain"], ["--report"], ["--interactive"], []])
def test_streams_that_are_closed_are_none(model: Path, way: list[str]) -> None:
    """Whatever is not there to read or to write to, no traceback is shown."""
    command = shlex.join([sys.executable, "-m", "granular_lm", "sample", str(model), *way])
    done = subprocess.run(f"{command} <&- >&-", shell=True, capture_output=True, text=True, check=True)
    assert "Traceback" not in done.stderr


def test_joined_emoji_stay_whole_in_colours(run: Run, model: Path) -> None:
    """A cook, a dark thumb and a vowel sign are each in one colour, nothing in them replaced."""
    from granular_lm.cli.explain import coloured

    text = "👩‍🍳👍🏿\u09b7\u09bf a\x07"
    sample = Generator.from_pretrained(model).sample(text, max_bytes=40, seed=1)
    shown = coloured(sample, "replace")
    spans = [shown.plain[span.start : span.end] for span in shown.spans]
    assert spans[:6] == ["👩‍🍳", "👍🏿", "\u09b7\u09bf", " ", "a", "\ufffd"]


def test_answers_may_come_from_a_pipe(model: Path) -> None:
    """Line by line, none of them lost."""
    command = [sys.executable, "-m", "granular_lm", "sample", str(model), "--interactive", "--prompt", "I am"]
    done = subprocess.run(command, input=" a\n dog\n.\n", capture_output=True, text=True, check=True)
    assert done.stdout == "I am a dog.\n"
