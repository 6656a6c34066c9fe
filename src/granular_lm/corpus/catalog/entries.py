"""The catalogue: which corpora there are.

Files of GitHub are named by a commit or a tag, so that they stay the ones whose SHA-256 is known.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from granular_lm.corpus.catalog import conversion
from granular_lm.errors import CorpusNotFoundError

GITHUB = "https://raw.githubusercontent.com"
WIKIPEDIA = "GFDL or CC BY-SA 3.0 (Wikipedia)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """A file to download.

    Attributes:
        url: Where it is.
        num_bytes: Its size.
        sha256: Its SHA-256 in hexadecimal, None where nobody has said it.
    """

    url: str
    num_bytes: int
    sha256: str | None

    @property
    def file_name(self) -> str:
        """The last two parts of the URL's path: within a corpus they differ."""
        return "-".join(PurePosixPath(urlsplit(self.url).path).parts[-2:]).strip("/-")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A corpus of the catalogue.

    Attributes:
        name: What it is asked for by.
        about: What it is, in a line.
        licence: Of its texts.
        homepage: Where to read about it.
        downloads: The files it is made of.
        convert: Yields the content of the file of documents, given the downloaded files.
        suffix: Of the file of documents.
        is_one_text: Whether the file is one text, for ``whole_file``, and not documents.
    """

    name: str
    about: str
    licence: str
    homepage: str
    downloads: tuple[Download, ...]
    convert: Callable[[Sequence[Path]], Iterator[bytes]]
    suffix: str = ".txt"
    is_one_text: bool = False

    @property
    def num_bytes(self) -> int:
        """The size of all downloads."""
        return sum(download.num_bytes for download in self.downloads)

    def to_dict(self) -> dict[str, Any]:
        """Return what a person may want to know, as JSON values."""
        return {
            "name": self.name,
            "about": self.about,
            "licence": self.licence,
            "homepage": self.homepage,
            "bytes": self.num_bytes,
            "is_one_text": self.is_one_text,
            "downloads": [{"url": each.url, "bytes": each.num_bytes, "sha256": each.sha256} for each in self.downloads],
        }


def catalog() -> tuple[Entry, ...]:
    """Return all entries, in alphabetical order; nothing is downloaded."""
    return CATALOG


def find_entry(name: str) -> Entry:
    """Return the entry of that name.

    Raises:
        CorpusNotFoundError: There is none.
    """
    found = {entry.name: entry for entry in catalog()}
    if name not in found:
        raise CorpusNotFoundError(
            f"no corpus is named {name!r}; give one of: {', '.join(found)}. `granular-lm data list` describes them."
        )
    return found[name]


CLDR_LANGUAGES = {
    "ar": (571155, "bd722b651c4461e0b3e48a886bb4bac2db970f8567029c5442ce82b6f07e8346"),
    "bn": (631485, "6a31c21977729f545f0d181605a6a761484120d60579b97176b92f008213d91d"),
    "de": (449918, "bfd22f5226d874843a28b6efec01db7e47dfae4ed802eceab8b416550f09e3c2"),
    "el": (565353, "f5196fee7cbe3af5d10729482ec4e33f9f20c636dbc3f5a8040f326ea8aceae2"),
    "en": (438314, "f22083cb86dffb63a643d5bacb5d9899f82d2fa5d388ad4f3aed72184acef505"),
    "es": (404739, "339cdf9ae5fe6d3250d3c53b95ff6d8a4dae96c7c0d279756ee7a73c43c84b56"),
    "fr": (468750, "ec6535a2ec5183bfd8e6d053152246a2f6b4093db379df9d71026479c4fd5043"),
    "he": (458064, "88966cbbec6217291d9511b20316c93f844626678f05eb87b959d3956442fd9e"),
    "hi": (616793, "ffca03eeb25ca34f7b9e14e0d35a02c2c5081b35297736f969be94aaa5c2fb37"),
    "id": (443474, "05012824e827cdb81337f6e77cdbc1f6ff09ca5dd9111b5f62dcd49c28146449"),
    "it": (513332, "ec8e0b6339a10de3d5a2297fa6db84239b363cc305504552c64abe4eead67ac6"),
    "ja": (438000, "737ce4bea3d52d904f7744eb7653ea55100c99232255609a913f69a5a8c3d6c1"),
    "ko": (472803, "197be7720f3cc64126fee01bad5fdb668e51de5674ce5ce5ada0bd5028f3417e"),
    "pl": (465809, "81420256d40acb05a9a512cdde5c67bafa6a373df51c93a83f02ecc200cba6fa"),
    "pt": (453224, "ebaa8e177bdafd49afe17e126274215565a420c53823f7082733b672a02c06cb"),
    "ru": (565199, "c483d312051dbea379bcd2ac6dec6f2712572c0c9a5d073031f4702b030e99a9"),
    "sw": (420784, "2894fa8e5e6954103fc305b68a4351de987f9bae6350b5fa0085b0ea904d8f5a"),
    "th": (541296, "fcc6301f8b0935921ecc3f6c8fe14873d5caadc433df2130d5657356d046c389"),
    "tr": (445208, "203f92597ad0dbffde89083cb760c1585843e52f488c0c7866406f2ef6e881cc"),
    "uk": (574358, "b53eafa79658a4c8178e1aee7c066d1b5ad6997629465edfa92ef3552402816a"),
    "vi": (434328, "2fa41952f1c994b4ae8e17c0e4d8eb74ac9ca9fdaeff77ea390044cc9c995df9"),
    "zh": (420265, "8d2dfe9bf41894bd17c9c1a1906a31bf0ccc06204bf4b77c2ab2b0d8f79a5fdf"),
}
"""Size and SHA-256 of the annotations in CLDR 48, by language."""

CATALOG = (
    Entry(
        name="descriptions",
        about="what the most starred projects on GitHub say of themselves, August 2026, without duplicates",
        licence="MIT (the list); the texts are the projects'",
        homepage="https://github.com/EvanLi/Github-Ranking",
        downloads=(
            Download(
                url=f"{GITHUB}/EvanLi/Github-Ranking/1f3e1701525143b5ac563105153e380610d1ad53"
                "/Data/github-ranking-2026-08-22.csv",
                num_bytes=705961,
                sha256="42db9d2f95334e72f05567fb60969beea801d617f553e48e58133f47085ff3e4",
            ),
        ),
        convert=conversion.descriptions,
        suffix=".jsonl",
    ),
    Entry(
        name="emoji-names",
        about=f"emoji and symbols with their names and keywords in {len(CLDR_LANGUAGES)} languages, from CLDR 48",
        licence="Unicode License v3",
        homepage="https://github.com/unicode-org/cldr-json",
        downloads=tuple(
            Download(
                url=f"{GITHUB}/unicode-org/cldr-json/48.0.0/cldr-json/cldr-annotations-full/annotations"
                f"/{language}/annotations.json",
                num_bytes=num_bytes,
                sha256=sha256,
            )
            for language, (num_bytes, sha256) in CLDR_LANGUAGES.items()
        ),
        convert=conversion.emoji_names,
        suffix=".jsonl",
    ),
    Entry(
        name="enwik8",
        about="the first 100 000 000 bytes of a dump of the English Wikipedia, March 2006, XML and all",
        licence=WIKIPEDIA,
        homepage="http://mattmahoney.net/dc/textdata.html",
        downloads=(
            Download(
                url="http://mattmahoney.net/dc/enwik8.zip",
                num_bytes=36445475,
                sha256="547994d9980ebed1288380d652999f38a14fe291a6247c157c3d33d4932534bc",
            ),
        ),
        convert=conversion.unzipped,
        is_one_text=True,
    ),
    Entry(
        name="hacker-news",
        about="the 2000 titles on Hacker News with the most points, as textgenrnn has them",
        licence="MIT (the list); the titles are their authors'",
        homepage="https://github.com/minimaxir/textgenrnn/tree/master/datasets",
        downloads=(
            Download(
                url=f"{GITHUB}/minimaxir/textgenrnn/ee8b9e806d109c25566581f358a4a72b6f03929a"
                "/datasets/hacker_news_2000.txt",
                num_bytes=86064,
                sha256="a2b0612f4e30c8cd44f94b76abc0d4617c5b890d6250310bb3400bae2d88432a",
            ),
        ),
        convert=conversion.lines_below_header,
    ),
    Entry(
        name="names",
        about="32 033 first names of 2018 from the US Social Security Administration, as makemore has them",
        licence="MIT",
        homepage="https://github.com/karpathy/makemore",
        downloads=(
            Download(
                url=f"{GITHUB}/karpathy/makemore/988aa59e4d8fefa526d06f3b453ad116258398d4/names.txt",
                num_bytes=228145,
                sha256="0a30b5557f192f32ab962680889aac5f6fda0f4cecf40a6d0b5694f58ea8cc4d",
            ),
        ),
        convert=conversion.unchanged,
    ),
    Entry(
        name="text8",
        about="100 000 000 bytes of the English Wikipedia, March 2006, as words of a to z and spaces",
        licence=WIKIPEDIA,
        homepage="http://mattmahoney.net/dc/textdata.html",
        downloads=(
            Download(
                url="http://mattmahoney.net/dc/text8.zip",
                num_bytes=31344016,
                sha256="a6640522afe85d1963ad56c05b0ede0a0c000dddc9671758a6cc09b7a38e5232",
            ),
        ),
        convert=conversion.unzipped,
        is_one_text=True,
    ),
    Entry(
        name="tinyshakespeare",
        about="a megabyte of Shakespeare's plays, as char-rnn has it",
        licence="public domain",
        homepage="https://github.com/karpathy/char-rnn",
        downloads=(
            Download(
                url=f"{GITHUB}/karpathy/char-rnn/6f9487a6fe5b420b7ca9afb0d7c078e37c1d1b4e"
                "/data/tinyshakespeare/input.txt",
                num_bytes=1115394,
                sha256="86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
            ),
        ),
        convert=conversion.unchanged,
        is_one_text=True,
    ),
)
