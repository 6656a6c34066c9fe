"""Writes reference/cli.md from the command line itself: `python docs/generate_cli.py`."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from granular_lm.cli.app import command_line

PAGE = Path(__file__).parent / "reference" / "cli.md"
NAME = "granular-lm"
HEAD = f"""<!-- Made by docs/generate_cli.py; change the help texts in src/granular_lm/cli instead. -->

# The command line

Every command that prints a result takes `--json`: then stdout holds JSON and nothing else.
Progress goes to stderr, and only when that is a terminal.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | something you can mend, said in one line on stderr; stdout was closed |
| 1 | `codec check` found a broken property; `train` diverged; `compare` lacks a job, or what was to be equal is not |
| 2 | wrong usage |
| 130 | interrupted; `train`, once it has begun, keeps its best model instead and exits with 0 |

`{NAME} --version` prints the version; `-h` after any command prints its help.
"""


def page() -> str:
    """Return the page as Markdown."""
    root = typer.main.get_command(command_line())
    context = typer.Context(root, info_name=NAME)
    return "\n".join([HEAD, *_sections(root, context)])


def _sections(group: Any, context: typer.Context) -> Iterator[str]:
    """Yield one section for each command below a group, in the order they are offered."""
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        below = typer.Context(command, info_name=name, parent=context)
        if hasattr(command, "list_commands"):
            if command.invoke_without_command:
                yield _section(command, below)
            yield from _sections(command, below)
        else:
            yield _section(command, below)


def _section(command: Any, context: typer.Context) -> str:
    parameters = [each for each in command.params if not each.hidden]
    arguments = [each for each in parameters if each.param_type_name == "argument"]
    options = [each for each in parameters if each.param_type_name == "option"]
    usage = " ".join([context.command_path, *map(_usage, arguments), *map(_usage, options), "[OPTIONS]"])
    lines = [f"## `{context.command_path}`", "", _one_sentence_a_line(command.help), ""]
    lines += ["```text", re.sub(r" +", " ", usage), "```", ""]
    lines += [f"- {_described(each, context)}" for each in (*arguments, *options)]
    return "\n".join(lines) + "\n"


def _usage(parameter: Any) -> str:
    """Return how a parameter stands in the usage line: options only where they are required."""
    if parameter.param_type_name == "option":
        return f"{parameter.opts[0]} {parameter.metavar}" if parameter.required else ""
    shown = _argument_name(parameter)
    return shown if parameter.required else f"[{shown}]"


def _described(parameter: Any, context: typer.Context) -> str:
    """Return the name, the meaning and the default of a parameter, as the terminal's help has them."""
    names, told = parameter.get_help_record(context)
    if parameter.param_type_name == "argument":
        names = _argument_name(parameter)
    told = re.sub(r"\s*\[(?:required|default: [^\]]*|x>=\d+|[^\]]*; (?:x>=\d+|required))\]$", "", told)
    names = re.sub(r"<(\w+)[^>]*>", lambda match: match[1].upper(), names)
    return f"`{names}`: {told}{_default(parameter)}"


def _argument_name(parameter: Any) -> str:
    name: str = parameter.metavar or parameter.name
    return name.upper() + ("..." if parameter.nargs == -1 else "")


def _default(parameter: Any) -> str:
    if parameter.required:
        return " Required."
    if parameter.default is True:
        return f" Default: `{parameter.opts[0]}`."
    if parameter.default is None or parameter.default is False or parameter.default == "":
        return ""
    return f" Default: `{parameter.default}`."


def _one_sentence_a_line(text: str) -> str:
    """Return help text with each sentence on a line of its own."""
    paragraphs = [" ".join(paragraph.split()) for paragraph in text.split("\n\n")]
    return "\n\n".join(re.sub(r"(?<=[.:;]) (?=[A-Z])", "\n", paragraph) for paragraph in paragraphs)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"{PAGE} written")
