"""What a collection is good for: the file of bios, and the ids alone."""

import json
from collections.abc import Iterator
from pathlib import Path

from granular_lm.corpus.twitter.journal import read_pages
from granular_lm.corpus.twitter.pages import User
from granular_lm.files import replaced_file

PAGES_FILE, BIOS_FILE = "pages.jsonl", "bios.jsonl"


def collected_users(folder: Path) -> Iterator[User]:
    """Yield each user of a collection once, in the order in which they were first met.

    Raises:
        CollectionError: The folder has no journal, or a damaged one.
    """
    met: set[str] = set()
    for page in read_pages(folder / PAGES_FILE):
        for user in page.users if page.request.is_collected else ():
            if user.id not in met:
                met.add(user.id)
                yield user


def collected_ids(folder: Path) -> Iterator[str]:
    """Yield the ids of those whose bios are in a collection, which is all of it that may be passed on.

    Raises:
        CollectionError: The folder has no journal, or a damaged one.
    """
    return (user.id for user in collected_users(folder) if user.text)


def write_bios(folder: Path) -> int:
    """Write the bios of a collection, whole or not at all, and return how many they are."""
    count = 0
    path = folder / BIOS_FILE
    with replaced_file(path, is_forced_to_disk=True) as temporary, temporary.open("w", encoding="ascii") as out:
        for count, user in enumerate((user for user in collected_users(folder) if user.text), start=1):  # noqa: B007
            out.write(f"{json.dumps({'text': user.text, 'user_id': user.id, 'collected_at': user.collected_at})}\n")
    return count
