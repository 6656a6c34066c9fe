"""A codec in a folder: ``codec.json`` and the codec's own files.

The folder names the codec, its distribution and its version, never an import path: the name is looked up among
the installed codecs when the folder is read, so a model folder cannot name code to run.
"""

import json
from pathlib import Path
from typing import Any

from granular_lm.codecs.base import Codec
from granular_lm.codecs.registry import codec_class, find_entry_point
from granular_lm.errors import CodecError

CONFIG_FILE = "codec.json"


def save_codec(codec: Codec, folder: Path) -> None:
    """Write a codec into an existing, empty folder."""
    dist = find_entry_point(codec.name).dist
    files = codec.files()
    described = {
        "name": codec.name,
        "distribution": dist.name if dist else None,
        "version": dist.version if dist else None,
        "vocab_size": codec.vocab_size,
        "stop_id": codec.stop_id,
        "fingerprint": codec.fingerprint(),
        "files": sorted(files),
        "config": codec.to_config(),
    }
    text = json.dumps(described, indent=2, ensure_ascii=True, sort_keys=True) + "\n"
    (folder / CONFIG_FILE).write_text(text, encoding="utf-8")
    for name, data in files.items():
        (folder / name).write_bytes(data)


def load_codec(name_or_folder: str | Path) -> Codec:
    """Return a codec from a folder, or by its name if it needs no training.

    Args:
        name_or_folder: ``"byte"``, a folder that `granular-lm codec train` wrote, or a model folder.

    Raises:
        CodecNotFoundError: There is no such folder and no installed codec of that name.
        CodecError: The folder is damaged, or the named codec has to be trained first.
    """
    path = Path(name_or_folder)
    for folder in (path, path / "codec"):
        if (folder / CONFIG_FILE).is_file():
            return _read_codec(folder)
    if path.is_dir() and path.name != str(name_or_folder):
        raise CodecError(f"{path} holds no {CONFIG_FILE}; give a codec folder or a model folder.")
    try:
        return codec_class(str(name_or_folder)).from_config({}, {})
    except KeyError as error:
        raise CodecError(
            f"codec {str(name_or_folder)!r} has to be trained first: "
            f"granular_lm.train_codec({str(name_or_folder)!r}, documents), or "
            f"`granular-lm codec train {name_or_folder} DATA -o FOLDER`."
        ) from error


def _read_codec(folder: Path) -> Codec:
    described = _read_json(folder / CONFIG_FILE)
    try:
        files = {name: _read_file(folder, name) for name in described["files"]}
        codec = codec_class(described["name"]).from_config(dict(described["config"]), files)
        expected = described["fingerprint"]
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        if isinstance(error, CodecError):
            raise
        raise CodecError(f"{folder / CONFIG_FILE} lacks or misuses {error}; train the codec again.") from error
    if codec.fingerprint() != expected:
        raise CodecError(
            f"the codec in {folder} has fingerprint {codec.fingerprint()[:12]}, but {CONFIG_FILE} says "
            f"{str(expected)[:12]}: a file was changed, or {described['name']!r} encodes differently in the installed "
            f"version (made with {described.get('distribution')} {described.get('version')}); train it again."
        )
    return codec


def _read_json(path: Path) -> dict[str, Any]:
    try:
        loaded = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise CodecError(f"{path} is not readable JSON ({error}); train the codec again.") from error
    if not isinstance(loaded, dict):
        raise CodecError(f"{path} holds {type(loaded).__name__}, not an object; train the codec again.")
    return loaded


def _read_file(folder: Path, name: str) -> bytes:
    if Path(name).name != name:
        raise CodecError(f"{folder / CONFIG_FILE} names the file {name!r} outside its folder; do not trust it.")
    try:
        return (folder / name).read_bytes()
    except OSError as error:
        raise CodecError(f"{folder / name} cannot be read ({error.strerror}); train the codec again.") from error
