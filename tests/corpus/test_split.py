"""Near-duplicates kept together, shares kept to, and a lock that says what was written."""

import hashlib
import json
import subprocess
import sys
import tempfile
import unicodedata
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from granular_lm.corpus.jsonl import write_jsonl
from granular_lm.corpus.lock import LOCK_FILE
from granular_lm.corpus.readers import read_documents
from granular_lm.corpus.split import (
    Part,
    Split,
    documents_hash,
    drop_exact_duplicates,
    near_duplicate_key,
    part_of_documents,
    split_documents,
    write_split,
)
from granular_lm.errors import CorpusError, OptionError, OutputExistsError
from granular_lm.text import to_bytes, to_text

any_text = st.text(st.characters(exclude_categories=()))
letters = st.text("abcdefgxyzäéñжя字ம", min_size=1)
few_words = st.lists(st.sampled_from([f"{a}{b}" for a in "abcdefg" for b in ["", "x", " 1", "y!", "z"]]), min_size=9)
WORDS = [f"{a}{b}{c}" for a in "abcdefghij" for b in "abcdefghij" for c in "abcdefghij"]


def parts(split: Split) -> tuple[list[str], list[str], list[str]]:
    return split.train, split.valid, split.test


def keys(documents: Sequence[str]) -> set[str]:
    return set(map(near_duplicate_key, documents))


def obvious_key(text: str) -> str:
    """The letters and marks that can be seen, one character at a time."""
    kept = ("Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc")
    folded = unicodedata.normalize("NFKC", text).casefold()
    invisible = "\u034f\u115f\u1160\u17b4\u17b5"
    seen = [c for c in folded if unicodedata.category(c) in kept and c not in invisible]
    return "".join(c for c in seen if "VARIATION SELECTOR" not in unicodedata.name(c, "")) or " ".join(text.split())


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("Hello, World!", "helloworld"),
        ("Straße 12", "strasse"),
        ("ﬁne Ｗｉｄｅ ①", "finewide"),
        ("e\u0301té ete", "étéete"),
        ("हिन्दी में", "हिन्दीमें"),
        ("see https://t.co/aB3 or www.x.org/y, http://z", "seeor"),
        ("日本https://t.co/xテスト", "日本テスト"),
        ("by @Some_One9 and @b", "byand"),
        ("I ❤️ U", "iu"),
        ("I 💔 U 2", "iu"),
        ("١٢٣ ٤", "١٢٣ ٤"),
        (" 1️⃣  2 ", "1️⃣ 2"),
        ("❤️", "❤️"),
        ("@me", "@me"),
        ("caf\udce9", "caf"),
        ("\udcff", "\udcff"),
        ("", ""),
        (" \t\u3000", ""),
    ],
)
def test_keys_of_known_texts(text: str, key: str) -> None:
    """A key is the folded letters and marks, or the text where there are none."""
    assert near_duplicate_key(text) == key


@settings(deadline=None)
@given(any_text)
def test_the_key_is_that_of_an_obvious_loop(text: str) -> None:
    """The table gives the same key as asking for the category of each character."""
    assume("@" not in unicodedata.normalize("NFKC", text))
    assert near_duplicate_key(text) == obvious_key(text)


@settings(deadline=None)
@given(letters, st.text("0123456789 .,!?-#☕🎉\ufe0f\u200d", max_size=5), st.text("abcXYZ019_", min_size=1))
def test_what_varies_in_near_duplicates_leaves_the_key(text: str, noise: str, word: str) -> None:
    """Case, numbers, punctuation, emoji, links and handles around a text do not change its key."""
    key = near_duplicate_key(text)
    assert near_duplicate_key(noise + text.upper() + noise) == key
    assert near_duplicate_key(f"https://t.co/{word} {text} @{word}") == key


def test_different_emoji_alone_have_different_keys() -> None:
    """Documents of emoji, keycaps and flags alone are not all one group."""
    documents = ["❤️", "☀️", "1️⃣", "2️⃣", "🇫🇷", "🇩🇪", "😀", "👩‍🚀"]
    assert len(keys(documents)) == len(documents)


@settings(deadline=None)
@given(few_words, st.sampled_from([0, 0.1, 0.25]), st.sampled_from([0, 0.1, 0.25]), st.integers())
def test_parts_share_no_key_and_lose_nothing(documents: list[str], valid: float, test: float, seed: int) -> None:
    """Parts are disjoint by key, hold the input as a multiset in its order, and keep to their shares."""
    assume(len(keys(documents)) >= 3)
    split = split_documents(documents, valid=valid, test=test, seed=seed)
    assert sum((Counter(part) for part in parts(split)), Counter()) == Counter(documents)
    assert sum(len(keys(part)) for part in parts(split)) == len(keys(documents))
    for part in parts(split):
        assert part == [text for text in documents if near_duplicate_key(text) in keys(part)]
    largest = max(Counter(map(near_duplicate_key, documents)).values())
    for part, share in ((split.valid, valid), (split.test, test)):
        assert abs(len(part) - share * len(documents)) <= largest
        assert bool(part) == (share > 0)


@settings(deadline=None)
@given(few_words, st.integers(0, 5), st.randoms(use_true_random=False))
def test_the_order_of_the_documents_has_no_influence(
    documents: list[str],
    seed: int,
    random: Random,
) -> None:
    """Documents in another order are split into parts with the same documents."""
    assume(len(keys(documents)) >= 3)
    shuffled = list(documents)
    random.shuffle(shuffled)
    first, second = split_documents(documents, seed=seed), split_documents(shuffled, seed=seed)
    assert list(map(sorted, parts(first))) == list(map(sorted, parts(second)))


def test_another_seed_gives_another_split() -> None:
    """The seed decides which groups go where; the same one gives the same split."""
    assert split_documents(WORDS, seed=1) == split_documents(WORDS, seed=1)
    assert split_documents(WORDS, seed=1).test != split_documents(WORDS, seed=2).test


def test_the_split_of_a_corpus_is_pinned() -> None:
    """A later version makes the same split, or models that were tested on it could not be compared any more."""
    split = split_documents(WORDS, seed=7)
    assert split.test[:6] == ["aaa", "aae", "aba", "agc", "agd", "aia"]
    assert split.valid[:6] == ["adg", "afc", "afe", "agf", "aij", "bag"]
    hashes = ["254c04c165be3621", "4a3f61fb28d5f66f", "13b7c56fb5774250"]
    assert [documents_hash(part)[:16] for part in parts(split)] == hashes


def test_groups_are_lined_up_by_the_keyed_hash_of_their_key() -> None:
    """The documents that come first by BLAKE2b, under the hash of the seed as its key, are the test part."""
    secret = hashlib.blake2b(b"5").digest()
    lined_up = sorted(WORDS, key=lambda word: hashlib.blake2b(word.encode(), key=secret).digest())
    split = split_documents(WORDS, valid=0.1, test=0.05, seed=5)
    assert (set(split.test), set(split.valid)) == (set(lined_up[:50]), set(lined_up[50:150]))


@settings(deadline=None)
@given(few_words, st.integers(0, 5))
def test_documents_that_pass_by_are_split_as_a_list_is(documents: list[str], seed: int) -> None:
    """The part of each document of a stream is the one that it is put into when all are held."""
    assume(len(keys(documents)) >= 3)
    part_of = part_of_documents(iter(documents), valid=0.2, test=0.1, seed=seed)
    split = split_documents(documents, valid=0.2, test=0.1, seed=seed)
    for part, expected in zip((Part.TRAIN, Part.VALID, Part.TEST), parts(split), strict=True):
        assert [text for text, its_part in zip(documents, part_of, strict=True) if its_part == part] == expected
    assert part_of.itemsize == 1


def test_shares_of_groups_of_one_are_exact() -> None:
    """A thousand distinct documents are cut at exactly the shares asked for."""
    assert list(map(len, parts(split_documents(WORDS, valid=0.1, test=0.05)))) == [850, 100, 50]


def test_three_distinct_documents_are_enough() -> None:
    """Each part asked for gets a group, however small its share."""
    split = split_documents(["a", "b", "c", "c 2"], valid=0.001, test=0.001)
    assert len(keys(split.train)) == len(keys(split.valid)) == len(keys(split.test)) == 1


PRINT_SPLIT = """
from granular_lm.corpus.split import documents_hash, split_documents
split = split_documents([f"{a}{b}{n}" for a in "abcdefgh" for b in "xyzäß" for n in (1, 2)], seed=7)
print(*map(documents_hash, (split.train, split.valid, split.test)))
"""


def test_the_split_does_not_depend_on_the_hash_seed() -> None:
    """Processes with different PYTHONHASHSEED make the same split."""
    printed = {
        subprocess.check_output([sys.executable, "-X", "utf8", "-c", PRINT_SPLIT], env={"PYTHONHASHSEED": seed})
        for seed in ("0", "1", "2")
    }
    assert len(printed) == 1


@pytest.mark.parametrize(("valid", "test"), [(-0.1, 0.1), (1, 0), (0, 1.5), (0.5, 0.5), (float("nan"), 0), (0.6, 0.6)])
def test_shares_out_of_range_are_refused(valid: float, test: float) -> None:
    """A share below 0 or of 1 and more, and shares that leave nothing to train on, are refused."""
    with pytest.raises(OptionError, match=r"^(valid|test)=[^\n]*; give [^\n]*\.$"):
        split_documents(WORDS, valid=valid, test=test)


@pytest.mark.parametrize(
    ("documents", "valid", "said"),
    [
        (["a"], 0.05, "the corpus has 1 distinct document (1 in all, near-duplicates count once)"),
        (["a", "a 1", "A", "b"], 0.05, "a split into train, valid, test needs at least 3"),
        (["a", "a 2"], 0, "a split into train, test needs at least 2"),
        ([], 0, "0 distinct documents (0 in all"),
    ],
)
def test_too_few_distinct_documents_are_refused(documents: list[str], valid: float, said: str) -> None:
    """A part that would stay empty is refused with the counts met."""
    with pytest.raises(CorpusError) as caught:
        split_documents(documents, valid=valid)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@settings(deadline=None)
@given(st.lists(st.sampled_from(["a", "A", "b", "", " "])))
def test_dropping_exact_duplicates_keeps_the_first(documents: list[str]) -> None:
    """What is left is distinct, complete and in the order of first appearance; near-duplicates stay."""
    kept = drop_exact_duplicates(iter(documents))
    assert sorted(kept, key=documents.index) == kept
    assert Counter(kept) == Counter(set(documents))


def test_the_hash_is_of_length_prefixed_bytes() -> None:
    """The hash of "é" and "a" is that of 2, c3 a9, 1, 61, the lengths in eight bytes, lowest first."""
    raw = b"\x02" + bytes(7) + b"\xc3\xa9" + b"\x01" + bytes(7) + b"a"
    assert documents_hash(["é", "a"]) == hashlib.sha256(raw).hexdigest()


@settings(deadline=None)
@given(st.lists(any_text, max_size=4), st.lists(any_text, max_size=4))
def test_different_documents_have_different_hashes(first: list[str], second: list[str]) -> None:
    """Two lists hash alike exactly if their raw bytes are alike, document by document."""
    alike = list(map(to_bytes, first)) == list(map(to_bytes, second))
    assert (documents_hash(first) == documents_hash(iter(second))) == alike
    assert documents_hash(["ab", "c"]) != documents_hash(["a", "bc"])


@settings(deadline=None)
@given(st.lists(st.binary()), st.lists(any_text, max_size=3), st.integers(0, 3))
def test_a_written_split_is_read_back(raw: list[bytes], others: list[str], seed: int) -> None:
    """Parts come back as the same strings, or the same bytes where JSON has no way to write the string."""
    split = Split([*map(to_text, raw), "\ud83d", "a"], others, [])
    with tempfile.TemporaryDirectory() as folder:
        write_split(split, Path(folder) / "deep" / "out", seed=seed, source=["a.txt"])
        out = Path(folder) / "deep" / "out"
        lock = json.loads((out / LOCK_FILE).read_text())
        assert list(read_documents([out / "train.jsonl"])) == split.train
        assert (lock["schema"], lock["seed"], lock["source"]) == (1, seed, ["a.txt"])
        for name, part in lock["parts"].items():
            documents = list(read_documents([out / part["file"]]))
            assert list(map(to_bytes, documents)) == list(map(to_bytes, getattr(split, name)))
            assert part["sha256"] == documents_hash(documents)
            assert part["documents"] == len(documents)
            assert part["bytes"] == sum(len(to_bytes(text)) for text in documents)
        expected = ["train", "valid"] if others else ["train"]
        assert list(lock["parts"]) == expected
        assert {path.name for path in out.iterdir()} == {LOCK_FILE, *(f"{name}.jsonl" for name in expected)}


@given(st.lists(st.tuples(any_text, any_text)), any_text)
def test_lines_are_those_of_json(rows: list[tuple[str, str]], name: str) -> None:
    """A written line is what `json.dumps` makes of the object, further fields and their names included."""
    assume(name != "text")
    documents = [to_text(to_bytes(text)) for text, _ in rows]
    values = [value for _, value in rows]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.jsonl"
        write_jsonl(documents, path, {name: values})
        expected = [json.dumps({"text": text, name: value}) for text, value in zip(documents, values, strict=True)]
        assert path.read_text(encoding="ascii").splitlines() == expected


SURROGATES = ["\ud83d\ude00", "\ud83d\udcff", "x\udbff\udc80\ud800\udc00"]


@pytest.mark.parametrize("text", SURROGATES)
def test_two_surrogates_are_not_joined_by_json(tmp_path: Path, text: str) -> None:
    """Surrogates that stand for raw bytes keep those bytes, though JSON would read them as one character."""
    write_split(Split([text], [], []), tmp_path / "out", seed=0)
    assert [to_bytes(read) for read in read_documents([tmp_path / "out" / "train.jsonl"])] == [to_bytes(text)]


def test_an_empty_folder_is_written_to_and_a_full_one_refused(tmp_path: Path) -> None:
    """An empty folder is used as it is, and what stands in a folder or a file is never overwritten."""
    split, out = Split(["a"], ["b"], ["c"]), tmp_path / "out"
    out.mkdir()
    write_split(split, str(out), seed=0)
    before = (out / LOCK_FILE).read_bytes()
    for target, said in ((out, "already holds files"), (out / LOCK_FILE, "is a file")):
        with pytest.raises(OutputExistsError, match=said):
            write_split(Split(["z"], [], []), target, seed=1)
    assert (out / LOCK_FILE).read_bytes() == before
    assert list(tmp_path.iterdir()) == [out]


def test_a_failure_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If writing breaks off, neither the folder nor a half-written one is there."""

    def full(*args: object) -> str:
        raise OSError("No space left on device")

    monkeypatch.setattr("granular_lm.corpus.jsonl.in_chunks", full)
    with pytest.raises(OSError, match="No space left"):
        write_split(Split(["a"], [], []), tmp_path / "out", seed=0)
    assert list(tmp_path.iterdir()) == []


few_groups = st.lists(st.tuples(st.sampled_from(WORDS), st.sampled_from(WORDS[:30])), min_size=40, max_size=80)


def largest_group(documents: Sequence[str], labels: Sequence[str]) -> int:
    """Return how many documents hang together at most, through their keys and their labels."""
    groups = [{number} for number in range(len(documents))]
    for names in (labels, list(map(near_duplicate_key, documents))):
        for name in set(names):
            members = {number for number, other in enumerate(names) if other == name}
            touched = [group for group in groups if group & members]
            groups = [group for group in groups if not group & members] + [set().union(*touched)]
    return max(map(len, groups))


@settings(deadline=None)
@given(
    few_groups,
    st.sampled_from([0.1, 0.25]),
    st.integers(0, 5),
    st.sampled_from([(), ("length",), ("script", "length")]),
)
def test_groups_stay_together(pairs: list[tuple[str, str]], share: float, seed: int, stratify: Sequence[str]) -> None:
    """No label and no key is in two parts, nothing is lost, and shares are kept to within the largest group."""
    documents, labels = [text for text, _ in pairs], [label for _, label in pairs]
    assume(largest_group(documents, labels) <= len(documents) // 2)
    part_of = part_of_documents(documents, valid=share, test=share, seed=seed, groups=labels, stratify=stratify)
    for names in (labels, list(map(near_duplicate_key, documents))):
        assert len(set(zip(names, part_of.tolist(), strict=True))) == len(set(names))
    for part in (Part.VALID, Part.TEST):
        assert abs((part_of == part).sum() - share * len(documents)) <= 4 / 3 * largest_group(documents, labels)


def test_labels_are_joined_through_near_duplicates() -> None:
    """Two authors of one text are one group, with all that either wrote."""
    documents = [*WORDS, "same text", "Same text!"]
    labels = [f"author {number // 5}" for number in range(1000)] + ["author 3", "author 150"]
    part_of = part_of_documents(documents, valid=0.1, test=0.1, groups=labels)
    assert len({*part_of[15:20].tolist(), *part_of[750:755].tolist(), *part_of[1000:].tolist()}) == 1
    assert abs((part_of == Part.TEST).sum() - 100) < 12


def test_a_group_too_large_for_a_part_is_trained_on() -> None:
    """A label that most documents have does not become the test part, whatever its hash is."""
    labels = ["everybody" if number < 600 else str(number) for number in range(1000)]
    for seed in range(5):
        split = split_documents(WORDS, valid=0.1, test=0.1, seed=seed, groups=labels)
        assert list(map(len, parts(split))) == [800, 100, 100]
        assert set(WORDS[:600]) <= set(split.train)


def test_strata_are_spread_evenly() -> None:
    """Each quarter by length of each script has its share in every part, to within a document or two."""
    documents = [word * (1 + number % 7) for number, word in enumerate(WORDS)]
    documents += [word.translate({ord("a") + i: ord("а") + i for i in range(26)}) for word in WORDS[:100]]
    lengths = sorted(len(text.encode()) for text in documents)
    longest = [lengths[len(documents) * quarter // 4 - 1] for quarter in (1, 2, 3)]
    strata: dict[tuple[bool, int], set[str]] = {}
    for text in documents:
        quarter = sum(len(text.encode()) > length for length in longest)
        strata.setdefault((text.isascii(), quarter), set()).add(text)
    split = split_documents(documents, valid=0.1, test=0.1, stratify=["length", "script"])
    for part, share in zip(parts(split), (0.8, 0.1, 0.1), strict=True):
        for stratum in strata.values():
            assert abs(len(stratum.intersection(part)) - share * len(stratum)) <= 2
        assert abs(len(part) - share * len(documents)) <= 2


@settings(deadline=None)
@given(few_groups, st.integers(0, 3), st.randoms(use_true_random=False))
def test_the_order_has_no_influence_on_groups(pairs: list[tuple[str, str]], seed: int, random: Random) -> None:
    """Documents in another order fall to the same parts with their labels and strata."""
    assume(largest_group([text for text, _ in pairs], [label for _, label in pairs]) <= len(pairs) // 5)
    found = []
    for _ in range(2):
        documents, labels = [text for text, _ in pairs], [label for _, label in pairs]
        split = split_documents(documents, valid=0.3, test=0.3, seed=seed, groups=labels, stratify=["length"])
        found.append(list(map(sorted, parts(split))))
        random.shuffle(pairs)
    assert found[0] == found[1]


def test_a_dealt_split_is_pinned() -> None:
    """A later version deals the same split."""
    labels = [word[:2] for word in WORDS]
    split = split_documents(WORDS, valid=0.1, test=0.1, seed=7, groups=labels, stratify=["length"])
    hashes = ["84e66ed76110f43b", "31220bfc6e16af25", "070ccc1b11cd6fc5"]
    assert [documents_hash(part)[:16] for part in parts(split)] == hashes


def test_too_few_labels_and_unknown_strata_are_refused() -> None:
    """The errors name what was met and what is accepted."""
    with pytest.raises(CorpusError, match="field 'group' has no value behind 2 documents"):
        part_of_documents(["a", "b", "c"], groups=["x", "y"])
    with pytest.raises(OptionError, match="stratify='size' is not accepted; accepted: length, script"):
        part_of_documents(["a", "b", "c"], stratify=["size"])
    with pytest.raises(CorpusError, match="valid part would be empty: near-duplicates .* has 3 of 3 documents"):
        part_of_documents(["a", "b", "c"], groups="xxx")


def test_the_lock_says_how_the_split_was_made(tmp_path: Path) -> None:
    """What else is worth knowing stands beside the seed."""
    write_split(Split(["a"], [], []), tmp_path / "out", seed=4, group_by="author")
    lock = json.loads((tmp_path / "out" / LOCK_FILE).read_text())
    assert (lock["seed"], lock["group_by"]) == (4, "author")
