"""Documents to batches: nothing lost, nothing doubled, the same for every codec."""

import hashlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from granular_lm import batching
from granular_lm.batching import IGNORED, Batches, Segments, Window, shard
from granular_lm.codecs import Codec
from granular_lm.codecs.byte import ByteCodec
from granular_lm.text import to_bytes
from granular_lm.token_store import TokenStore

ANY_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)


def read_back(batches: Batches, epoch: int = 0) -> Counter[bytes]:
    """Return the documents that an epoch reads, put together again from its windows."""
    stop_id = batches.store.codec.stop_id
    out: Counter[bytes] = Counter()
    for windows in batches.epoch(epoch):
        rows: list[list[int]] = [[] for _ in windows[0].targets]
        for window in windows:
            for row, targets in zip(rows, window.targets, strict=True):
                row += targets[targets != IGNORED].tolist()
        out.update(batches.store.codec.decode_bytes(row) for row in rows if row and row[-1] == stop_id)
    return out


@ANY_FOLDER
@given(documents=st.lists(st.text(max_size=60), min_size=1, max_size=30), window=st.sampled_from([8, 16, 256]))
def test_every_document_is_read_exactly_once(tmp_path: Path, documents: list[str], window: int) -> None:
    """Whatever the lengths, an epoch reads each document once, to its stop, in as many windows as it takes."""
    documents = [*documents, "x"]
    store = TokenStore.write(ByteCodec(), documents, tmp_path)
    batches = Batches(store, batch_bytes=64, window_bytes=window, windows_per_segment=None)
    assert read_back(batches) == Counter(map(to_bytes, documents))


def test_targets_follow_inputs_across_windows(codec: Codec, bios: list[str], tmp_path: Path) -> None:
    """An input is the target before it, the first input is the stop, and the count of bytes is exact."""
    store = TokenStore.write(codec, bios, tmp_path)
    for windows in Batches(store, batch_bytes=512, window_bytes=32).epoch(0):
        previous = np.full(len(windows[0].inputs), codec.stop_id)
        for number, window in enumerate(windows):
            assert window.is_first == (number == 0)
            is_read = window.targets != IGNORED
            shifted = np.concatenate([previous[:, None], window.targets[:, :-1]], axis=1)
            assert np.array_equal(window.inputs[is_read], shifted[is_read])
            assert window.num_bytes == codec.token_lengths[window.targets[is_read]].sum()
            goes_on = (window.targets != IGNORED).all(axis=1)
            assert all((later.targets[~goes_on] == IGNORED).all() for later in windows[number + 1 :])
            previous = window.targets[:, -1]


def test_all_codecs_see_the_same_documents_in_the_same_order(
    trained_codecs: dict[str, Codec], bios: list[str], tmp_path: Path
) -> None:
    """The plan of documents an update is one and the same for byte, char and spm."""
    plans = []
    for name, codec in trained_codecs.items():
        (tmp_path / name).mkdir()
        batches = Batches(TokenStore.write(codec, bios, tmp_path / name), batch_bytes=700, window_bytes=64, seed=3)
        plan = [batch.document.tolist() for batch in batches.plan(1)]
        updates = [len(windows) for windows in batches.epoch(1)]
        plans.append((plan, updates))
    assert plans[0] == plans[1] == plans[2]


def test_epochs_are_shuffled_by_seed_and_number(bios: list[str], tmp_path: Path) -> None:
    """The same seed and epoch give the same order; another epoch or seed another."""
    store = TokenStore.write(ByteCodec(), bios, tmp_path)

    def order(seed: int, epoch: int) -> list[int]:
        return [document for batch in Batches(store, seed=seed).plan(epoch) for document in batch.document.tolist()]

    assert order(0, 0) == order(0, 0)
    assert order(0, 0) != order(0, 1)
    assert order(0, 0) != order(1, 0)


def test_the_order_of_a_corpus_is_pinned(bios: list[str], tmp_path: Path) -> None:
    """A run can be repeated with a later version: the plan and the windows are those of the first."""
    documents = [*bios, "".join(bios[:100]), "", "x" * 300]
    batches = Batches(TokenStore.write(ByteCodec(), documents, tmp_path), batch_bytes=700, window_bytes=64, seed=3)
    plan = [batch.document.tolist() for batch in batches.plan(1)]
    assert plan[0] == [172, 0, 375, 364, 12, 383, 444, 495, 287, 263]
    assert hashlib.sha256(repr(plan).encode()).hexdigest()[:16] == "c170346d2e627296"
    read = hashlib.sha256()
    for window in (window for windows in batches.epoch(1) for window in windows):
        read.update(window.inputs.tobytes() + window.targets.tobytes() + bytes([window.is_first]))
        read.update(f"{window.num_bytes}{window.inputs.shape}".encode())
    assert read.hexdigest()[:16] == "77465bc8a1922945"


@pytest.mark.parametrize(("batch_bytes", "rows"), [(47 * 4, 47), (48 * 4, 48), (49 * 4, 48), (127 * 4, 120), (3, 1)])
def test_many_rows_are_a_multiple_of_eight(tmp_path: Path, batch_bytes: int, rows: int) -> None:
    """A batch has the rows that fit, but no odd number of many, and the rest of an epoch is not lost."""
    store = TokenStore.write(ByteCodec(), ["abc"] * 200, tmp_path)
    sizes = [len(batch) for batch in Batches(store, batch_bytes=batch_bytes).plan(0)]
    assert max(sizes) == rows
    assert sum(sizes) == 200
    assert sum(size != rows for size in sizes) <= 1


@pytest.mark.parametrize(("length", "expected"), [(3, 1024), (31, 1024), (49, 1600), (200, 2048), (5000, 2048)])
def test_a_batch_suits_the_lengths_of_the_documents(tmp_path: Path, length: int, expected: int) -> None:
    """It holds some thirty strings with their stops, within limits; what is given stays."""
    store = TokenStore.write(ByteCodec(), ["x" * length] * 9, tmp_path)
    assert Batches(store).batch_bytes == expected
    assert Batches(store, batch_bytes=7).batch_bytes == 7


def test_padding_is_small_and_shapes_are_few(bios: list[str], tmp_path: Path) -> None:
    """On bios less than 3 % of positions are padding, in widths that are multiples of 4."""
    batches = Batches(TokenStore.write(ByteCodec(), bios * 10, tmp_path), batch_bytes=1024)
    targets = [window.targets for windows in batches.epoch(2) for window in windows]
    padded = sum(int((each == IGNORED).sum()) for each in targets)
    assert padded / sum(each.size for each in targets) < 0.03
    shapes = {each.shape for each in targets}
    assert len(shapes) <= 256 // 4 + 4
    assert {width % 4 for _, width in shapes} == {0}


@pytest.fixture
def small_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a few hundred documents be a large corpus: groups of at most 64 documents, in blocks of 8."""
    monkeypatch.setattr(batching, "DOCUMENTS_PER_GROUP", 64)
    monkeypatch.setattr(batching, "DOCUMENTS_PER_BLOCK", 8)
    monkeypatch.setattr(batching, "ROWS_BETWEEN_RELEASES", 20)


@pytest.mark.usefixtures("small_groups")
@pytest.mark.parametrize("count", [64, 65, 71, 128, 600])
def test_a_large_corpus_is_read_exactly_once(bios: list[str], tmp_path: Path, count: int) -> None:
    """Groups, the last block of which is not full, hold each document once in each epoch."""
    batches = Batches(TokenStore.write(ByteCodec(), bios[:count], tmp_path), batch_bytes=256, window_bytes=64, seed=1)
    for epoch in range(2):
        assert read_back(batches, epoch) == Counter(map(to_bytes, bios[:count]))


@pytest.mark.usefixtures("small_groups")
def test_groups_are_bounded_and_drawn_anew_each_epoch(tmp_path: Path) -> None:
    """A group is made of whole blocks from anywhere, of other ones in each epoch: 75 blocks make ten groups."""
    store = TokenStore.write(ByteCodec(), ["x" * 15] * 600, tmp_path)
    first_of_group = np.cumsum([0, *[8 * 8] * 5, *[7 * 8] * 5])
    groups = []
    for epoch in range(2):
        order = [document for batch in Batches(store, batch_bytes=16).plan(epoch) for document in batch.document]
        blocks = np.split(np.array(order) // 8, first_of_group[1:-1])
        assert all(set(np.bincount(group, minlength=75)) == {0, 8} for group in blocks)
        assert max(np.ptp(group) for group in blocks) > 40
        groups.append(set(map(frozenset, blocks)))
    assert groups[0] != groups[1]


@pytest.mark.usefixtures("small_groups")
def test_a_large_corpus_is_the_same_for_all_codecs(
    trained_codecs: dict[str, Codec], bios: list[str], tmp_path: Path
) -> None:
    """Groups, too, depend on bytes alone."""
    plans = []
    for name, codec in trained_codecs.items():
        batches = Batches(TokenStore.write(codec, bios, tmp_path / name), batch_bytes=700, window_bytes=64, seed=3)
        plans.append([batch.document.tolist() for batch in batches.plan(1)])
    assert plans[0] == plans[1] == plans[2]


@pytest.mark.usefixtures("small_groups")
@pytest.mark.parametrize("count", [50, 600])
def test_an_epoch_goes_on_where_it_was_left(bios: list[str], tmp_path: Path, count: int) -> None:
    """From batch number ``start`` on an epoch reads what it reads there from its beginning."""
    batches = Batches(TokenStore.write(ByteCodec(), bios[:count], tmp_path), batch_bytes=256, window_bytes=64)
    targets = [[window.targets.tolist() for window in windows] for windows in batches.epoch(1)]
    for start in {0, 1, 7, len(targets) // 2, len(targets) - 1, len(targets), len(targets) + 5}:
        rest = [[window.targets.tolist() for window in windows] for windows in batches.epoch(1, start)]
        assert rest == targets[start:]


def test_batches_left_out_are_not_read(bios: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To go on costs planning, not gathering."""
    batches = Batches(TokenStore.write(ByteCodec(), bios, tmp_path), batch_bytes=256)
    last = sum(1 for _ in batches.plan(0)) - 1
    gathered: list[Segments] = []
    monkeypatch.setattr(batches, "_windows", lambda batch: map(gathered.append, [batch]))
    assert len(list(batches.epoch(0, last))) == len(gathered) == 1


def test_a_book_is_read_in_segments_side_by_side(tmp_path: Path) -> None:
    """One long document fills several rows, each entered with the token before it, and is read to its end."""
    book = "".join(chr(97 + i % 26) for i in range(20_000))
    batches = Batches(TokenStore.write(ByteCodec(), [book], tmp_path), batch_bytes=1024, window_bytes=64)
    [*first] = next(iter(batches.epoch(0)))
    assert len(first) == 16
    assert len(first[0].inputs) == 16
    total = sum(window.num_bytes for windows in batches.epoch(0) for window in windows)
    assert total == 20_000
    starts = {int(window.inputs[row, 0]) for window in first[:1] for row in range(16)}
    assert starts <= {256, *range(97, 123)}
    assert len(starts) > 1


@pytest.mark.parametrize("seed", range(5))
def test_a_share_has_short_and_long_documents_in_proportion(tmp_path: Path, seed: int) -> None:
    """A part of the corpus is no matter of chance as to lengths, on which bits per byte depend."""
    documents = ["x" * length for length in range(1, 1001)]
    store = TokenStore.write(ByteCodec(), documents, tmp_path)
    lengths = np.array([len(each) for each in read_back(Batches(store, batch_bytes=4096, share=0.05, seed=seed))])
    assert 0.05 * 500_500 <= lengths.sum() < 0.05 * 500_500 + 1000
    assert lengths.mean() == pytest.approx(500.5, rel=0.05)
    assert set(np.histogram(lengths, bins=10, range=(1, 1001))[0].tolist()) <= {3, 4, 5, 6, 7}


def test_a_share_is_the_same_documents_for_all_codecs_and_batches(
    trained_codecs: dict[str, Codec], bios: list[str], tmp_path: Path
) -> None:
    """So development losses can be compared."""
    found = []
    for name, codec in trained_codecs.items():
        (tmp_path / name).mkdir()
        store = TokenStore.write(codec, bios, tmp_path / name)
        found += [read_back(Batches(store, batch_bytes=size, share=0.1, seed=3)) for size in (256, 4096)]
    assert all(each == found[0] for each in found)
    read, whole = (sum(map(len, raw)) for raw in (found[0].elements(), map(to_bytes, bios)))
    assert 0.1 * whole <= read < 0.1 * whole + max(len(to_bytes(text)) for text in bios)


def test_a_share_of_a_few_documents_has_its_bytes(tmp_path: Path) -> None:
    """As many as it takes, be they long or short."""
    store = TokenStore.write(ByteCodec(), ["x" * 1600, "y" * 800], tmp_path)
    for seed in range(9):
        read = read_back(Batches(store, window_bytes=2000, share=0.6, seed=seed))
        assert sum(map(len, read.elements())) >= 0.6 * 2400


@pytest.mark.parametrize(("less", "more"), [(0.1, 0.11), (0.01, 0.3), (0.5, 1.0)])
def test_a_larger_share_has_all_of_a_smaller_one(bios: list[str], tmp_path: Path, less: float, more: float) -> None:
    """So runs that can afford different samples are still judged by the same documents, as far as those go."""
    store = TokenStore.write(ByteCodec(), bios, tmp_path)
    smaller, larger = (read_back(Batches(store, share=share, seed=3)) for share in (less, more))
    assert smaller < larger


@pytest.mark.usefixtures("small_groups")
def test_a_share_is_of_every_group_and_of_every_long_document(tmp_path: Path) -> None:
    """A corpus may be planned in groups, and a document cut into segments."""
    store = TokenStore.write(ByteCodec(), ["x" * 640, *("ab" * 8 for _ in range(127))], tmp_path)
    batches = Batches(store, batch_bytes=64, window_bytes=16, windows_per_segment=2, share=0.5)
    documents = np.concatenate([batch.document for batch in batches.plan(0)])
    whole = Batches(store, batch_bytes=64, window_bytes=16, windows_per_segment=2)
    every = np.concatenate([batch.document for batch in whole.plan(0)])
    assert len(documents) == pytest.approx(len(every) / 2, abs=2)
    assert np.count_nonzero(documents == 0) == pytest.approx(np.count_nonzero(every == 0) / 2, abs=2)


@given(count=st.integers(1, 300), seed=st.integers(0, 9))
def test_any_beginning_of_a_spread_is_even(count: int, seed: int) -> None:
    """Nothing is left out, and of the first k numbers no tenth of all has more than its part and four."""
    order = batching._spread(count, np.random.default_rng(seed))
    assert sorted(order) == list(range(count))
    for size in range(1, count + 1):
        assert np.bincount(order[:size] * 10 // count).max() <= size / 10 + 4


def test_shards_part_the_rows_and_keep_the_bytes() -> None:
    """Two processes read different rows of one batch; one without a row reads a row that counts nothing."""
    window = Window(np.arange(6).reshape(3, 2), np.arange(6).reshape(3, 2), 6, True)
    parts = [shard(window, rank, 2) for rank in range(2)]
    assert np.concatenate([parts[0].targets, parts[1].targets]).tolist() == [[0, 1], [4, 5], [2, 3]]
    assert parts[0].num_bytes == parts[1].num_bytes == 6
    assert (shard(window, 3, 4).targets == IGNORED).all()


@given(longest=st.integers(1, 2000), asked=st.integers(1, 20))
def test_windows_hold_the_longest_row_and_none_is_empty(longest: int, asked: int) -> None:
    """With tokens longer than bytes there may be fewer than the bytes asked for: an update of nothing is none."""
    one = np.array([1])
    batch = Segments(document=one * 0, start=one * 0, end=one * longest, windows=one * asked, width=one * 16)
    count, width = batch.windows_of_batch()
    assert (count - 1) * width < longest <= count * width
    assert count <= asked
