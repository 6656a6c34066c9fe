"""Codecs by name, ours and those of other packages, found through entry points.

A package offers a codec by an entry point in the group ``granular_lm.codecs``. Names are listed without
importing anything; a class is imported when its name is asked for; one name offered twice is refused.
"""

from importlib.metadata import EntryPoint, entry_points

from granular_lm.codecs.base import Codec
from granular_lm.errors import CodecError, CodecNotFoundError

GROUP = "granular_lm.codecs"


def available_codecs() -> list[str]:
    """Return the names of all installed codecs, in alphabetical order, without importing any."""
    return sorted({entry.name for entry in entry_points(group=GROUP)})


def codec_class(name: str) -> type[Codec]:
    """Import and return the class of the codec called ``name``.

    Raises:
        CodecNotFoundError: No installed package offers the name.
        CodecError: Two packages offer it, or the one that does is broken.
    """
    entry = find_entry_point(name)
    try:
        loaded = entry.load()
    except Exception as error:
        raise CodecError(
            f"codec {name!r} of {provider(entry)} cannot be imported from {entry.value!r} "
            f"({type(error).__name__}: {error}); reinstall or remove that package."
        ) from error
    if not (isinstance(loaded, type) and issubclass(loaded, Codec)):
        raise CodecError(
            f"codec {name!r} of {provider(entry)} is {loaded!r}, not a subclass of granular_lm.Codec; "
            "mend or remove that package."
        )
    return loaded


def find_entry_point(name: str) -> EntryPoint:
    """Return the one entry point that offers the codec called ``name``."""
    entries = tuple(entry_points(group=GROUP, name=name))
    if not entries:
        raise CodecNotFoundError(
            f"no codec is named {name!r}; installed: {', '.join(available_codecs()) or 'none'}. "
            "A codec of another package appears here once that package is installed."
        )
    if len(entries) > 1:
        providers = " and ".join(sorted(map(provider, entries)))
        raise CodecError(f"codec {name!r} is offered by {providers}; uninstall all but one of them.")
    return entries[0]


def provider(entry: EntryPoint) -> str:
    """Return the distribution and version that an entry point belongs to."""
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else "an unknown package"


def refuse_unknown_options(trained_class: type[Codec], options: dict[str, object]) -> None:
    """Raise `CodecError` if the codec's ``train`` takes no option of such a name."""
    import inspect

    parameters = inspect.signature(trained_class.train).parameters.values()
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return
    known = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
    for option in options:
        if option not in known:
            accepted = f"accepted: {', '.join(known)}" if known else "it has none"
            raise CodecError(f"codec {trained_class.name!r} has no option {option!r}; {accepted}.")
