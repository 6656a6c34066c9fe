"""Runs the examples of the documentation: README.md, docs/ and the docstrings of src.

All blocks of a page share one namespace and one temporary folder, in which they run from top to bottom:

- ``python`` is run, ``pycon`` is run and its output compared;
- ``bash`` is run as one script, ``console`` command by command, and what follows a command is compared with what it
  prints; three dots stand for anything, in both kinds of output;
- a block with a title is written to the file of that name;
- any other language is left alone, and so is what ``<!-- skip: next -->`` stands before.

Two things differ from what a reader does. A block that installs or builds (`NOT_RUN`) is passed over, and a time
budget becomes a small budget of bytes (`affordable`), because a test has seconds where a reader has minutes.
"""

import doctest
import os
import re
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, chdir
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sybil import Document, Example, Region, Sybil
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.doctest import DocTestParser
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser, SkipParser
from sybil.parsers.markdown.lexers import FencedCodeBlockLexer

NOT_RUN = re.compile(r"^(\$ )?(pip|make|python -m (pip|venv|pytest))\b", re.MULTILINE)
OUTPUT_FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
TIMEOUT_SECONDS = 120
TITLED = FencedCodeBlockLexer(language=r'\w+ title="[^"]+"', mapping={"language": "info", "source": "source"})


def affordable(code: str) -> str:
    """Return code with each time budget turned into one of 5 kB."""
    return re.sub(r"max_time=[\d.]+", "max_bytes=5000", re.sub(r"--max-time \S+", "--max-bytes 5k", code))


def run_python(example: Example) -> str | None:
    """Run a block of Python; return the traceback from the page on."""
    source = example.parsed
    example.parsed = type(source)(affordable(source), source.offset, source.line_offset)
    try:
        PythonEvaluator()(example)
    except Exception as error:  # noqa: BLE001 - an example may raise anything, and that is the finding
        frame = error.__traceback__
        while frame and frame.tb_frame.f_code.co_filename != example.path:
            frame = frame.tb_next
        return "".join(traceback.format_exception(error.with_traceback(frame)))
    return None


def run_script(example: Example) -> str | None:
    """Run a block of shell; return what went wrong."""
    if NOT_RUN.search(example.parsed):
        return None
    code, printed = _shell(example.parsed)
    return f"{example.parsed}exited with {code}:\n{printed}" if code else None


def run_session(example: Example) -> str | None:
    """Run the commands of a console session one by one; return the first difference from what is shown."""
    if NOT_RUN.search(example.parsed):
        return None
    for command, expected in _session(example.parsed):
        code, printed = _shell(command)
        if code:
            return f"$ {command}exited with {code}:\n{printed}"
        checker, step = doctest.OutputChecker(), doctest.Example(command, expected)
        if not checker.check_output(step.want, printed, OUTPUT_FLAGS):
            return f"$ {command}{checker.output_difference(step, printed, OUTPUT_FLAGS)}"
    return None


def _session(text: str) -> Iterator[tuple[str, str]]:
    """Yield each command, its continuation lines included, and the output shown below it."""
    for step in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        lines = step.splitlines(keepends=True)
        length = 1
        while lines[length - 1].endswith("\\\n"):
            length += 1
        yield "".join(lines[:length]), "".join(lines[length:])


def _shell(script: str) -> tuple[int, str]:
    """Run a script in the page's folder with this environment's commands first; return exit code and output."""
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(Path.cwd()),
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
    }
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", affordable(script)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        encoding="utf-8",
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    return done.returncode, done.stdout


class PyconParser(PythonCodeBlockParser):
    """Finds blocks of Python sessions."""

    def __init__(self) -> None:
        super().__init__(doctest_optionflags=OUTPUT_FLAGS)
        self.codeblock_parser = CodeBlockParser("pycon", run_python)


def titled_blocks(document: Document) -> Iterable[Region]:
    """Find blocks with a title: they are files."""
    for region in TITLED(document):
        region.parsed = region.lexemes["source"]
        name = region.lexemes["info"].split('"')[1]
        region.evaluator = _writer(name)
        yield region


def _writer(name: str) -> Callable[[Example], None]:
    def write(example: Example) -> None:
        Path(name).write_text(example.parsed, encoding="utf-8")

    return write


def enter_folder(namespace: dict[str, Any]) -> None:
    """Go to a temporary folder from which Python imports, too."""
    with ExitStack() as stack:
        folder = stack.enter_context(TemporaryDirectory())
        stack.enter_context(chdir(folder))
        sys.path.insert(0, folder)
        stack.callback(sys.path.remove, folder)
        namespace["_leave_folder"] = stack.pop_all().close


def leave_folder(namespace: dict[str, Any]) -> None:
    """Come back, and remove the folder."""
    namespace["_leave_folder"]()


pages = Sybil(
    parsers=[
        CodeBlockParser("python", run_python),
        PyconParser(),
        CodeBlockParser("bash", run_script),
        CodeBlockParser("console", run_session),
        titled_blocks,
        SkipParser(),
    ],
    patterns=["README.md", "CONTRIBUTING.md", "docs/*.md", "docs/**/*.md"],
    setup=enter_folder,
    teardown=leave_folder,
)
docstrings = Sybil(
    parsers=[DocTestParser(optionflags=OUTPUT_FLAGS)],
    patterns=["src/granular_lm/*.py", "src/granular_lm/**/*.py"],
    setup=enter_folder,
    teardown=leave_folder,
)
pytest_collect_file = (pages + docstrings).pytest()
