"""``data clean``, ``data split`` with groups, and commands that refuse data that was changed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from commands import TINY, Run
from granular_lm.corpus.readers import read_documents

LONG = "Coffee, cats and compilers; writes about all three in Lisbon"


@pytest.fixture
def posts(tmp_path: Path) -> Path:
    path = tmp_path / "posts.jsonl"
    texts = [LONG, "see https://a.org @ada", f"{LONG}!", "мир", LONG, "call +44 20 7946 0958"]
    rows = [{"text": text, "author": f"author {number % 2}"} for number, text in enumerate(texts)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_clean_as_facts_and_as_json(run: Run, posts: Path, tmp_path: Path) -> None:
    """What was read, dropped and kept is printed; without a change of text nothing goes to stderr."""
    code, out, err = run("data", "clean", posts, "-o", tmp_path / "a")
    assert (code, err) == (0, "")
    facts = dict(line.split("  ", 1) for line in out.splitlines())
    assert facts["exact duplicates"].strip() == "0 changed, 1 dropped"
    assert facts["near-duplicates"].strip() == "1 found, 1 dropped"
    assert facts["kept"].strip().startswith("4 documents")
    code, out, _ = run("data", "clean", posts, "-o", tmp_path / "b", "--json")
    card = json.loads((tmp_path / "b" / "corpus.json").read_text())
    assert json.loads(out) == {"output": str(tmp_path / "b"), **{key: card[key] for key in card if key != "schema"}}
    assert (tmp_path / "a" / "documents.jsonl").read_bytes() == (tmp_path / "b" / "documents.jsonl").read_bytes()


def test_near_duplicates_that_are_kept_are_told(run: Run, posts: Path, tmp_path: Path) -> None:
    """What was found is printed, though none was dropped."""
    _, out, _ = run("data", "clean", posts, "-o", tmp_path / "a", "--near", "keep")
    [line] = [line for line in out.splitlines() if line.startswith("near-duplicates")]
    assert line.endswith("1 found, 0 dropped")


def test_clean_with_all_options(run: Run, posts: Path, tmp_path: Path) -> None:
    """Lists are read, fields carried, and a banner names the steps that changed text."""
    code, _, err = run(
        "data", "clean", posts, "-o", tmp_path / "a", "--ftfy", "--nfc", "--strip", "--scrub", "urls,handles, phones",
        "--min-bytes", 3, "--max-bytes", 100, "--scripts", "Latin", "--near", "keep", "--threshold", "0.7",
        "--carry", "author", "--origin", "here", "--licence", "CC0", "--jobs", 1,
    )  # fmt: skip
    assert code == 0
    assert err.startswith("granular-lm: TEXT WAS CHANGED by scrub;")
    rows = [json.loads(line) for line in (tmp_path / "a" / "documents.jsonl").read_text().splitlines()]
    assert [row["text"] for row in rows] == [LONG, "see <url> <handle>", f"{LONG}!", "call <phone>"]
    assert [row["author"][-1] for row in rows] == ["0", "1", "0", "1"]
    assert rows[0]["group"] == rows[2]["group"] != rows[1]["group"]
    code, out, _ = run("data", "split", tmp_path / "a", "-o", tmp_path / "s", "--valid", 0, "--test", "0.3", "--json")
    assert (code, json.loads(out)["group_by"]) == (0, "group")


def test_split_by_a_field_and_by_strata(run: Run, tmp_path: Path, bios: list[str]) -> None:
    """No author is in two parts, and the lock file says how the split was made."""
    path = tmp_path / "bios.jsonl"
    path.write_text(
        "".join(json.dumps({"text": bio, "by": f"{n // 4}"}) + "\n" for n, bio in enumerate([*bios, bios[0]]))
    )
    code, out, _ = run("data", "split", path, "-o", tmp_path / "s", "--group-by", "by", "--stratify", "length,script")
    assert code == 0
    assert "dropped  1 exact duplicates\ngroups   150, by 'by'\n" in out
    author = {bio: n // 4 for n, bio in enumerate(bios)}
    parts = [
        {author[text] for text in read_documents([tmp_path / "s" / f"{part}.jsonl"])}
        for part in ("train", "valid", "test")
    ]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 150
    lock = json.loads((tmp_path / "s" / "data.lock.json").read_text())
    assert (lock["group_by"], lock["stratify"]) == ("by", ["length", "script"])
    assert lock["shares"] == {"valid": 0.05, "test": 0.05}


def test_a_format_holds_for_all_fields(run: Run, posts: Path, tmp_path: Path) -> None:
    """Lines of JSON under another name are cleaned, carried and split as such."""
    other = posts.rename(tmp_path / "posts.data")
    how = ["--format", "jsonl"]
    assert run("data", "clean", other, "-o", tmp_path / "a", "--carry", "author", *how)[0] == 0
    assert json.loads((tmp_path / "a" / "documents.jsonl").read_text().splitlines()[0])["author"] == "author 0"
    assert (
        run("data", "split", other, "-o", tmp_path / "s", "--group-by", "text", "--valid", 0, "--test", 0.4, *how)[0]
        == 0
    )


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["clean", "posts.jsonl", "-o", "posts.jsonl"], 1, "posts.jsonl is a file, not a folder"),
        (["clean", "none.txt", "-o", "out"], 1, "there is no file none.txt"),
        (["clean", "empty", "-o", "out"], 1, "empty"),
        (["clean", "posts.jsonl", "-o", "out", "--scrub", "names"], 2, "'names' to scrub"),
        (["clean", "posts.jsonl", "-o", "out", "--carry", "id"], 1, "no field 'id'"),
        (["clean", "-", "-o", "out", "--carry", "id"], 1, "standard input has lines, which have no field 'id'"),
        (["split", "-", "-o", "out", "--format", "jsonl", "--group-by", "id"], 1, "standard input can be read once"),
        (["split", "lines.txt", "-o", "out", "--group-by", "id"], 1, "lines.txt has lines, which have no field 'id'"),
        (["clean", "posts.jsonl", "-o", "out", "--jobs", "0"], 2, "--jobs 0"),
        (["clean", "posts.jsonl", "-o", "posts.jsonl/out"], 1, "posts.jsonl"),
        (["split", "posts.jsonl", "-o", "out", "--group-by", "id"], 1, "no field 'id'"),
        (["split", "posts.jsonl", "-o", "out", "--stratify", "size"], 2, "--stratify 'size'"),
        (["split", "posts.jsonl", "-o", "out", "--group-by", "author"], 1, "part would be empty"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    run: Run, posts: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int, said: str
) -> None:
    """The exit code tells wrong usage from bad data, and nothing is left behind."""
    monkeypatch.chdir(posts.parent)
    Path("empty").mkdir()
    Path("lines.txt").write_text("a\nb\n")
    found, out, err = run("data", *arguments)
    assert (found, out, err.count("\n")) == (code, "", 1)
    assert err.startswith("granular-lm: ")
    assert said in err
    assert sorted(path.name for path in Path.cwd().iterdir()) == ["empty", "lines.txt", "posts.jsonl"]


@pytest.mark.parametrize("changed", ["train", "valid", "test"])
def test_train_refuses_what_does_not_match_its_lock(run: Run, corpus: Path, tmp_path: Path, changed: str) -> None:
    """Each of its three files is compared before anything is trained, and no model is written."""
    parts = tmp_path / "parts"
    assert run("data", "split", corpus, "-o", parts)[0] == 0
    path = parts / f"{changed}.jsonl"
    path.write_text(path.read_text() + '{"text": "one more"}\n')
    code, out, err = run(
        "train", parts / "train.jsonl", "--valid", parts / "valid.jsonl", "--test", parts / "test.jsonl",
        "-o", tmp_path / "m", "--max-bytes", "2k", *TINY,
    )  # fmt: skip
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert f"{path} is not what data.lock.json beside it says" in err
    assert [each.name for each in tmp_path.iterdir()] == ["parts"]


def test_score_and_compare_refuse_what_does_not_match_its_lock(
    run: Run, model: Path, corpus: Path, tmp_path: Path
) -> None:
    """No number is given for data that was changed; as it was, it is scored."""
    parts = tmp_path / "parts"
    run("data", "split", corpus, "-o", parts)
    path = parts / "valid.jsonl"
    assert run("score", model, path)[0] == 0
    path.write_text(path.read_text() + '{"text": "one more"}\n')
    compare = ["compare", parts / "train.jsonl", "--valid", path, "-o", tmp_path / "c", "--max-bytes", "2k", *TINY[:-2]]
    for command in (["score", model, path], compare):
        code, out, err = run(*command)
        assert (code, out) == (1, "")
        assert f"{path} is not what data.lock.json beside it says" in err


IN_MOUNT = """
mount -t tmpfs -o {options} none "$1" || exit 77
"$2" -m granular_lm data {command} "$3" -o "$1/out" >&2
code=$?
ls -A "$1"
exit $code
"""


@pytest.mark.parametrize(
    ("options", "said"), [("size=200k", "No space left on device"), ("ro", "Read-only file system")]
)
@pytest.mark.parametrize("command", ["clean", "split"])
def test_a_full_and_a_read_only_disk(tmp_path: Path, bios: list[str], options: str, said: str, command: str) -> None:
    """One line says what the system said, and nothing half-written is left."""
    source, place = tmp_path / "a.txt", tmp_path / "disk"
    source.write_text("\n".join(f"{bio} {number}" for number in range(20) for bio in bios), encoding="utf-8")
    place.mkdir()
    script = [
        "sh",
        "-c",
        IN_MOUNT.format(options=options, command=command),
        "sh",
        str(place),
        sys.executable,
        str(source),
    ]
    try:
        done = subprocess.run(["unshare", "-r", "-m", *script], capture_output=True, encoding="utf-8")
    except FileNotFoundError:
        pytest.skip("there is no unshare on this system")
    if done.returncode == 77 or done.stderr.startswith("unshare:"):
        pytest.skip("this system lets nobody mount a small disk")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert said in done.stderr
