"""The bundled corpus of synthetic bios."""

import hashlib
import os
import re
import subprocess
import sys
import unicodedata
from collections import Counter

import pytest

from granular_lm.corpus.bios import generate_bios
from granular_lm.corpus.bios_grammar import Chance, split_block
from granular_lm.corpus.bios_lexicon import (
    EMOJI_STYLES,
    grammar,
    language_choices,
    languages,
    load_table,
    theme_choices,
)
from granular_lm.errors import OptionError

GOLDEN = "b5b70ca857e7999d0ac7682039a3acbb9dee657948ab2925d307595aab09826d"
SCRIPTS = {
    "LATIN", "CYRILLIC", "GREEK", "ARABIC", "HEBREW", "DEVANAGARI", "THAI", "HIRAGANA", "HANGUL", "CJK",
}  # fmt: skip
QUOTED = re.compile("“[^”]*”|„[^“”]*[“”]|«[^»]*»|»[^«]*«|‘[^’]*’|「[^」]*」|『[^』]*』|《[^》]*》")


@pytest.fixture(scope="module")
def bios() -> list[str]:
    return list(generate_bios(20_000))


def digest(documents: list[str]) -> str:
    return hashlib.sha256("\n".join(documents).encode()).hexdigest()


def test_the_first_thousand_bios_are_golden(bios: list[str]) -> None:
    """The default seed gives the same bytes on every machine and Python version.

    Derived by `sha256(chr(10).join(generate_bios(1000)).encode()).hexdigest()`, alike on Python 3.11, 3.12
    and 3.13; to be derived anew, and the bundled models trained anew, when the lexicon or a weight changes.
    """
    assert digest(bios[:1000]) == GOLDEN


@pytest.mark.parametrize("hash_seed", ["0", "4242"])
def test_bios_do_not_depend_on_the_hash_seed(bios: list[str], hash_seed: str) -> None:
    """Another PYTHONHASHSEED gives the same bytes."""
    code = (
        "import sys; from granular_lm.corpus.bios import generate_bios; "
        "sys.stdout.buffer.write('\\n'.join(generate_bios(500)).encode())"
    )
    env = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, check=True)
    assert run.stdout.decode() == "\n".join(bios[:500])


@pytest.mark.parametrize("count", [0, 1, 7, 300])
def test_a_shorter_run_is_a_prefix_of_a_longer_one(bios: list[str], count: int) -> None:
    """The first bios of a run do not depend on its length."""
    assert list(generate_bios(count)) == bios[:count]


def test_two_runs_can_be_interleaved() -> None:
    """Runs share no state."""
    pairs = list(zip(generate_bios(200, seed=3), generate_bios(200, seed=3), strict=True))
    assert all(a == b for a, b in pairs)


@pytest.mark.parametrize("seed", [1, -1, 2**40])
def test_another_seed_gives_other_bios(bios: list[str], seed: int) -> None:
    """Seeds, their sign included, matter."""
    assert list(generate_bios(50, seed=seed)) != bios[:50]
    assert list(generate_bios(50, seed=seed)) != list(generate_bios(50, seed=-seed))


@pytest.mark.parametrize("count", [-1, -130_000])
def test_a_negative_count_is_refused(count: int) -> None:
    """A count below zero raises OptionError at the call, not at the first bio."""
    with pytest.raises(OptionError, match=str(count)):
        generate_bios(count)


def test_bios_are_distinct(bios: list[str]) -> None:
    """No bio occurs twice."""
    assert len(set(bios)) == len(bios) == 20_000


def test_near_duplicates_are_rare(bios: list[str]) -> None:
    """Fewer than one bio in fifty repeats another but for case, digits, links, handles and punctuation."""
    noise = re.compile(r"https?://\S+|@\w+|[\d\s!-/:-@\[-`{-~]+")
    cores = Counter(noise.sub("", bio.casefold()) for bio in bios)
    assert sum(times - 1 for times in cores.values()) < len(bios) / 50


def test_every_bio_is_one_short_line_of_text(bios: list[str]) -> None:
    """A bio has 1 to 160 characters, no line break and no surrogate."""
    assert all(0 < len(bio) <= 160 for bio in bios)
    assert all(len(bio.splitlines()) == 1 for bio in bios)
    assert all(bio.encode("utf-8").decode("utf-8") == bio for bio in bios)


def test_lengths_are_spread(bios: list[str]) -> None:
    """Some bios are a word, some nearly fill the limit, and the mean lies between 55 and 90 characters."""
    lengths = [len(bio) for bio in bios]
    assert 55 < sum(lengths) / len(lengths) < 90
    assert min(lengths) <= 2
    assert max(lengths) > 140


def test_the_alphabet_stays_modest(bios: list[str]) -> None:
    """A character codec meets between 700 and 1400 different characters."""
    assert 700 < len(set("".join(bios))) < 1400


def test_many_scripts_occur(bios: list[str]) -> None:
    """Each script of the lexicon has letters in at least one bio in two hundred."""
    found = Counter(script for bio in bios for script in SCRIPTS & {script_of(letter) for letter in set(bio)})
    assert set(found) == SCRIPTS
    assert min(found.values()) > len(bios) / 200


def script_of(letter: str) -> str:
    return unicodedata.name(letter, "?").split()[0]


@pytest.mark.parametrize(
    "pattern",
    [
        "\u200d",  # joined emoji
        "[\U0001f3fb-\U0001f3ff]",  # skin tones
        "[\U0001f1e6-\U0001f1ff]{2}",  # flags of countries
        "\U0001f3f4[\U000e0061-\U000e007a]+\U000e007f",  # flags of regions
        "[0-9]\ufe0f\u20e3",  # keycaps
        "\ufe0f",  # emoji presentation
        "[a-z]\u0301",  # decomposed accents
        "\u0336",  # struck-out letters
        "\u200f",  # right-to-left marks
        "[\U0001d4ea-\U0001d503]{4}",  # mathematical script
        "[ａ-ｚ]{4}",  # full width
        r"#\w+",
        r"@\w+",
        r"https://t\.co/[A-Za-z0-9]{10}",
        "  ",
        r"\bshe/her\b",
        r"[A-Z]{4,} [A-Z]{4,}",
    ],
)
def test_the_oddities_of_the_web_occur(bios: list[str], pattern: str) -> None:
    """Emoji sequences, flags, marks, odd letters, hashtags, handles and links each occur more than once."""
    assert sum(bool(re.search(pattern, bio)) for bio in bios) > 1


def test_opened_quotes_are_closed(bios: list[str]) -> None:
    """A typographic quote that opens closes later in the bio, and straight ones come in pairs."""
    assert [bio for bio in bios if bio.count('"') % 2] == []
    assert [bio for bio in bios if re.search("[“„«‘「『《]", QUOTED.sub("", bio))] == []


@pytest.mark.parametrize("code", languages())
def test_every_slot_has_its_rule(code: str) -> None:
    """Each rule of a language compiles in each theme and emoji style, so every slot names a rule."""
    tables = [load_table(file) for file in (*languages()[code].files, "shared")]
    for theme in theme_choices(code).options:
        of_theme = [table.get("theme", {}).get(theme, {}) for table in tables]
        names = [name for table in (*tables, *of_theme) for name in strings_of(table)]
        for style in EMOJI_STYLES.options:
            rules = grammar(code, theme, style)
            assert all(rules[name].choices.options for name in names)


def strings_of(table: dict[str, object]) -> dict[str, str]:
    return {name: block for name, block in table.items() if isinstance(block, str)}


def test_no_alternative_is_listed_twice() -> None:
    """Within one rule the alternatives differ."""
    files = sorted({file for language in languages().values() for file in language.files} | {"shared"})
    tables = [table for file in files for table in (load_table(file), *load_table(file).get("theme", {}).values())]
    blocks = [block for table in tables for block in strings_of(table).values()]
    assert [b for b in blocks if len(set(split_block(b))) != len(split_block(b))] == []


def test_a_slot_without_a_rule_says_what_to_do() -> None:
    """A missing rule is named in the error."""
    with pytest.raises(LookupError, match="no rule is named 'nonsense'"):
        grammar("en", "tech", EMOJI_STYLES.options[0])["nonsense"]


def test_english_is_the_main_language() -> None:
    """About sixty per cent of the bios are English."""
    chance = Chance(0)
    codes = Counter(language_choices().draw(chance.random).code for _ in range(5_000))
    assert 0.56 < codes["en"] / 5_000 < 0.64
