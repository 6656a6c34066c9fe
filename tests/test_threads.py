"""Work in several threads: the same results in the same order, and numpy's threads as they were afterwards."""

import threading
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from granular_lm import threads
from granular_lm.codecs import Codec
from granular_lm.generation import Generator
from granular_lm.model import LanguageModel
from granular_lm.scoring import each_batch, score_documents
from granular_lm.threads import in_threads, num_threads


@pytest.fixture
def three_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_most_threads", lambda: 3)


def blas_threads() -> list[int]:
    np.ones((2, 2)) @ np.ones((2, 2))
    return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]


def squares(n: int) -> Iterator[int]:
    for i in range(n):
        yield i * i


@pytest.mark.usefixtures("three_threads")
@pytest.mark.parametrize("count", [0, 1, 2, 3, 7])
def test_results_come_in_order(count: int) -> None:
    """Each item's results are its own, however many items there are for three threads."""
    items = list(range(10, 10 + count))
    assert [list(results) for results in in_threads(squares, items)] == [list(squares(n)) for n in items]


@pytest.mark.usefixtures("three_threads")
def test_three_items_are_worked_on_at_once() -> None:
    """None of them can go on before all have begun."""
    together = threading.Barrier(3, timeout=20)
    assert [list(each) for each in in_threads(lambda item: [item + 0 * together.wait()], [1, 2, 3])] == [[1], [2], [3]]


@pytest.mark.usefixtures("three_threads")
def test_no_more_is_begun_than_there_are_threads() -> None:
    """A million strings do not wait in memory: a fourth item is begun when the first has been asked for."""
    begun = []

    def work(item: int) -> list[int]:
        begun.append(item)
        return []

    next(in_threads(work, list(range(100))))
    assert len(begun) <= 4


@pytest.mark.parametrize("count", [1, 5])
def test_a_single_thread_works_while_it_is_asked(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """Nothing is drawn ahead of what is asked for, and no thread is started."""
    monkeypatch.setattr(threads, "_most_threads", lambda: 1 if count > 1 else 8)
    worked: list[tuple[int, threading.Thread]] = []

    def work(item: int) -> Iterator[int]:
        for i in range(3):
            worked.append((item, threading.current_thread()))
            yield i

    first = iter(next(in_threads(work, list(range(count)))))
    assert next(first) == 0
    assert worked == [(0, threading.current_thread())]


@pytest.mark.usefixtures("three_threads")
def test_an_error_is_raised_where_its_results_are_asked_for() -> None:
    """What came before it is not lost, and numpy's threads come back."""
    before = blas_threads()

    def work(item: int) -> list[int]:
        if item == 2:
            raise KeyError("the third")
        return [item]

    results = in_threads(work, [0, 1, 2, 3, 4])
    assert [next(results), next(results)] == [[0], [1]]
    with pytest.raises(KeyError, match="the third"):
        next(results)
    assert blas_threads() == before


@pytest.fixture
def two_blas_threads() -> Iterator[None]:
    with threads._controller().limit(limits=2, user_api="blas"):
        yield


@pytest.mark.usefixtures("two_blas_threads")
def test_products_use_one_thread_within_and_all_of_them_after() -> None:
    """Also where one use begins within another, or outlasts it."""
    if max(blas_threads()) < 2:
        pytest.skip("numpy's products have one thread here")
    outer = in_threads(lambda item: [blas_threads()], [0, 1, 2])
    assert max(max(next(outer))) == 1
    inner = in_threads(lambda item: [blas_threads()], [0, 1, 2])
    next(inner)
    assert num_threads() == 2
    list(outer)
    assert max(blas_threads()) == 1
    list(inner)
    assert max(blas_threads()) == 2


@pytest.mark.usefixtures("two_blas_threads")
def test_what_is_not_asked_for_to_the_end_gives_its_threads_back() -> None:
    """A loop over samples may be left at any time."""
    if max(blas_threads()) < 2:
        pytest.skip("numpy's products have one thread here")
    results = in_threads(lambda item: [item], [0, 1, 2])
    next(results)
    del results
    assert max(blas_threads()) == 2


def test_scores_do_not_depend_on_threads(
    codec: Codec, random_model: Callable[..., LanguageModel], bios: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Token by token the same bits from one thread and from three."""
    model = random_model(codec)
    monkeypatch.setattr("granular_lm.scoring.DOCUMENTS_AT_ONCE", 16)
    told = []
    for count in (1, 3):
        monkeypatch.setattr(threads, "_most_threads", lambda count=count: count)
        told.append([score.token_bits.tolist() for score in score_documents(model, bios[:100])])
    assert told[0] == told[1]


def test_samples_do_not_depend_on_threads(
    codec: Codec, random_model: Callable[..., LanguageModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same strings with the same bits, those drawn anew, too; `accept` is called by the thread that asks."""
    generator = Generator(random_model(codec))
    monkeypatch.setattr("granular_lm.generation.generator.STRINGS_AT_ONCE", 8)
    callers = set()

    def accept(text: str) -> bool:
        callers.add(threading.current_thread())
        return len(text) % 3 > 0

    told = []
    for count in (1, 3):
        monkeypatch.setattr(threads, "_most_threads", lambda count=count: count)
        samples = generator.sample_batch(60, seed=5, max_bytes=40, accept=accept)
        told.append([(sample.data, list(sample.log_probs)) for sample in samples])
    assert told[0] == told[1]
    assert callers == {threading.current_thread()}


@pytest.mark.usefixtures("three_threads")
def test_a_model_that_promises_nothing_stays_in_one_thread() -> None:
    """Only a model with a `cursor` is known to be read from several threads at once."""

    class Plain:
        pass

    class Reader:
        cursor = None

    def where(item: int) -> list[threading.Thread]:
        return [threading.current_thread()]

    here = threading.current_thread()
    assert [list(each) for each in each_batch(Plain(), where, [1, 2])] == [[here], [here]]  # type: ignore[arg-type]
    assert all(list(each) != [here] for each in each_batch(Reader(), where, [1, 2]))  # type: ignore[arg-type]
