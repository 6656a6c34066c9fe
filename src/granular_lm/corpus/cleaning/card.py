"""The card of a cleaned corpus: where it comes from, what was done to it, what came out of it."""

import hashlib
import json
import platform
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from granular_lm.corpus.local_files import local_files

CARD_FILE, README_FILE = "corpus.json", "README.md"
SCHEMA = 1
NOT_SAID = "not said"
BANNER = (
    "> **The text was changed** by {steps}.\n"
    "> Bits per byte are of the changed text, and cannot be compared with those of the original."
)


def described_sources(names: Iterable[str | Path]) -> list[dict[str, Any]]:
    """Return the bytes and the SHA-256 of each file that was read, and the name alone of what is no file here."""
    return [about for name in names for about in (list(map(_described, local_files(name))) or [{"name": str(name)}])]


def _described(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    return {"name": path.name, "bytes": path.stat().st_size, "sha256": digest.hexdigest()}


def described_step(
    name: str, settings: Mapping[str, Any] | None = None, package: str | None = None, **counts: int
) -> dict[str, Any]:
    """Return a step with what it was told and what it did, in documents."""
    by = {"package": package, "version": version(package)} if package else {}
    told = {key: value for key, value in (settings or {}).items() if value is not None}
    return {"step": name, **by, "settings": told, "changed": 0, "dropped": 0, **counts}


def versions() -> dict[str, str]:
    """Return what else decides on the outcome."""
    return {
        "granular-lm": version("granular-lm"),
        "python": platform.python_version(),
        "unicode": unicodedata.unidata_version,
    }


def changing_steps(card: Mapping[str, Any]) -> list[str]:
    """Return the steps of a card that changed text."""
    return [step["step"] for step in card["steps"] if step["changed"]]


def write_card(card: Mapping[str, Any], folder: Path, *, title: str) -> None:
    """Write a card for programs, and one for people."""
    text = json.dumps({"schema": SCHEMA, **card}, indent=2)
    (folder / CARD_FILE).write_text(text + "\n", encoding="ascii", newline="\n")
    (folder / README_FILE).write_text(_markdown(card, title), encoding="utf-8", newline="\n")


def _markdown(card: Mapping[str, Any], title: str) -> str:
    documents = card["documents"]
    changing = changing_steps(card)
    sections = [
        f"# {title}",
        *([BANNER.format(steps=", ".join(changing))] if changing else []),
        _table(
            [
                ("origin", card["origin"] or NOT_SAID),
                ("licence", card["licence"] or NOT_SAID),
                ("read", f"{card['read']['documents']:,} documents, {card['read']['bytes']:,} bytes"),
                ("kept", f"{documents['documents']:,} documents, {documents['bytes']:,} bytes"),
                ("SHA-256 of the documents", documents["sha256"]),
                *((f"source: {each['name']}", each.get("sha256", "")) for each in card["sources"]),
                ("made with", ", ".join(f"{name} {number}" for name, number in card["made_with"].items())),
            ],
            ("", ""),
        ),
        _table(map(_step_row, card["steps"]), ("step", "documents changed", "documents dropped", "settings")),
    ]
    return "\n\n".join(sections) + "\n"


def _step_row(step: Mapping[str, Any]) -> Sequence[str]:
    settings = ", ".join(f"{name} {value}" for name, value in step["settings"].items())
    found = f" of {step['found']:,} found" if "found" in step else ""
    name = f"{step['step']} ({step['package']} {step['version']})" if "package" in step else step["step"]
    return name, f"{step['changed']:,}", f"{step['dropped']:,}{found}", settings


def _table(rows: Iterable[Sequence[str]], header: Sequence[str]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(_cell(value) for value in line)} |" for line in lines)


def _cell(value: str) -> str:
    return " ".join(value.split()).replace("|", "\\|").replace("<", "&lt;")


def group_field(names: Iterable[str | Path]) -> str | None:
    """Return the field that names the groups of documents, if the cards beside all files speak of one."""
    folders = {path.parent for name in names for path in local_files(name)}
    fields = {_group_field_of(folder / CARD_FILE) for folder in folders}
    return fields.pop() if len(fields) == 1 else None


def _group_field_of(path: Path) -> str | None:
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
        field = card["documents"].get("group_field")
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None  # no card, or another program's file
    return field if isinstance(field, str) else None
