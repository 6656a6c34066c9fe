"""Documents to batches: nothing lost, nothing doubled, the same for every codec."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from granular_lm.batching import IGNORED, Batches, TokenStore, Window, shard
from granular_lm.codecs import Codec, load_codec
from granular_lm.codecs.byte import ByteCodec
from granular_lm.errors import CodecError, CorpusError
from granular_lm.text import to_bytes

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
    """Whatever the lengths, an epoch reads each document once, to its stop."""
    documents = [*documents, "x"]
    store = TokenStore.write(ByteCodec(), documents, tmp_path)
    batches = Batches(store, batch_bytes=64, window_bytes=window)
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
        plan = [batches.documents_of(rows).tolist() for rows in batches.plan(1)]
        updates = [len(windows) for windows in batches.epoch(1)]
        plans.append((plan, updates))
    assert plans[0] == plans[1] == plans[2]


def test_epochs_are_shuffled_by_seed_and_number(bios: list[str], tmp_path: Path) -> None:
    """The same seed and epoch give the same order; another epoch or seed another."""
    store = TokenStore.write(ByteCodec(), bios, tmp_path)

    def order(seed: int, epoch: int) -> list[int]:
        rows: list[int] = np.concatenate(Batches(store, seed=seed).plan(epoch)).tolist()
        return rows

    assert order(0, 0) == order(0, 0)
    assert order(0, 0) != order(0, 1)
    assert order(0, 0) != order(1, 0)


def test_padding_is_small_and_shapes_are_few(bios: list[str], tmp_path: Path) -> None:
    """On bios less than 6 % of positions are padding, in batch widths that are multiples of 8."""
    store = TokenStore.write(ByteCodec(), bios * 10, tmp_path)
    windows = [window for batch in Batches(store, batch_bytes=1024).epoch(0) for window in batch]
    padded = sum(int((window.targets == IGNORED).sum()) for window in windows)
    assert padded / sum(window.targets.size for window in windows) < 0.06
    assert {window.targets.shape[1] % 8 for window in windows} == {0}


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


def test_shards_part_the_rows_and_keep_the_bytes() -> None:
    """Two processes read different rows of one batch; one without a row reads a row that counts nothing."""
    window = Window(np.arange(6).reshape(3, 2), np.arange(6).reshape(3, 2), 6, True)
    parts = [shard(window, rank, 2) for rank in range(2)]
    assert np.concatenate([parts[0].targets, parts[1].targets]).tolist() == [[0, 1], [4, 5], [2, 3]]
    assert parts[0].num_bytes == parts[1].num_bytes == 6
    assert (shard(window, 3, 4).targets == IGNORED).all()


class Shortening(ByteCodec):
    """Loses the last byte of long documents."""

    def encode_some(self, documents):  # type: ignore[no-untyped-def]
        return super().encode_some([text[:10] for text in documents])

    def encode(self, text: str) -> list[int]:
        return super().encode(text[:10])


def test_a_lossy_codec_is_refused_with_the_document_that_shows_it(tmp_path: Path) -> None:
    """No token is written for a codec that does not give a document back."""
    with pytest.raises(CodecError, match="'this one is longer'"):
        TokenStore.write(Shortening(), ["short", "this one is longer"], tmp_path)


@pytest.mark.parametrize("documents", [[], [""], ["", ""]])
def test_a_corpus_of_no_bytes_is_refused(tmp_path: Path, documents: list[str]) -> None:
    """There is nothing to learn from empty documents alone."""
    with pytest.raises(CorpusError, match="0 bytes"):
        TokenStore.write(load_codec("byte"), documents, tmp_path)
