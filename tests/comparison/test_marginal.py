"""Several tokenisations of a document: between the one that is scored and the sum over all."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from granular_lm.codecs import Codec
from granular_lm.codecs.byte import ByteCodec
from granular_lm.comparison.marginal import (
    MOST_CHECKED_BYTES,
    Marginal,
    _path_log_probs,
    beam_bits,
    marginal_bits,
    token_log_probs,
    tokenisations,
)
from granular_lm.generation.prompts import Prefix
from granular_lm.model import LanguageModel
from granular_lm.scoring import StepModel, score_documents
from overlapping import STOP, TokensCodec, Toy

TEXT = "abcabca"
MakeModel = Callable[..., LanguageModel]


def toy_of_seed(bigram_model: type, seed: int) -> Toy:
    """Return a model over the tokens of `Toy` that is surer of itself, so that narrow beams go wrong."""
    toy = Toy(bigram_model)
    table = np.random.default_rng(seed).dirichlet(np.full(STOP + 1, 0.3), STOP + 1) + 1e-9
    toy.table = table / table.sum(axis=1, keepdims=True)
    toy.model = bigram_model(toy.codec, toy.table)
    return toy


def scored(model: StepModel, documents: Sequence[str]) -> NDArray[np.float64]:
    """Return the bits of documents as scoring gives them."""
    return np.array([score.bits for score in score_documents(model, documents)])


@pytest.fixture(scope="module")
def toy(bigram_model: type) -> Toy:
    return Toy(bigram_model)


@pytest.fixture(scope="module")
def toy_scores(toy: Toy) -> np.ndarray:
    return token_log_probs(toy.codec, ["abc", "ca"])


@pytest.fixture
def scores(codec: Codec, bios: list[str]) -> np.ndarray:
    return token_log_probs(codec, bios)


@pytest.mark.parametrize("length", range(len(TEXT) + 1))
def test_enough_tokenisations_give_the_exact_probability(toy: Toy, toy_scores: np.ndarray, length: int) -> None:
    """With all of them the bits are those of the sum by plain recursion, and so they are by a wide beam."""
    text = TEXT[:length]
    exact = -math.log2(toy.is_exactly(text.encode()))
    [bits] = marginal_bits(toy.model, [text], k=1000, log_probs=toy_scores)
    assert bits == pytest.approx(exact, abs=1e-9)
    assert beam_bits(toy.model, text.encode(), beam=1000) == pytest.approx(exact, abs=1e-9)


@given(seed=st.integers(0, 10_000), text=st.text("abc", max_size=9))
def test_bits_fall_with_more_tokenisations_and_stay_above_the_exact(bigram_model: type, seed: int, text: str) -> None:
    """Canonical = bits of 1 ≥ bits of 2 ≥ bits of 3 … ≥ exact, and the same for beams, whatever the model."""
    toy = toy_of_seed(bigram_model, seed)
    model, token_scores = toy.model, np.log(np.random.default_rng(seed).dirichlet(np.ones(STOP + 1)))
    [canonical] = score_documents(model, [text])
    exact = -math.log2(toy.is_exactly(text.encode()))
    by_lattice = [marginal_bits(model, [text], k=k, log_probs=token_scores)[0] for k in range(1, 12)]
    by_beam = [beam_bits(model, text.encode(), beam=beam) for beam in range(1, 12)]
    assert by_lattice[0] == canonical.bits
    for bits in (by_lattice, by_beam):
        assert bits[0] <= canonical.bits
        assert bits == pytest.approx(sorted(bits, reverse=True), abs=1e-9)
        assert bits[-1] >= exact - 1e-9


@given(data=st.binary(max_size=24) | st.text(max_size=10).map(lambda text: text.encode()), k=st.integers(2, 20))
@pytest.mark.parametrize("name", ["byte", "char", "spm"])
def test_tokenisations_are_distinct_and_nested_and_the_canonical_one_is_among_them(
    trained_codecs: dict[str, Codec], name: str, data: bytes, k: int
) -> None:
    """Any bytes: the first is what the codec gives, each spells the document, and fewer are the first of more."""
    codec = trained_codecs[name]
    log_probs = token_log_probs(codec, ["ab", "the cat"])
    found = tokenisations(codec, data, k, log_probs)
    assert found[0] == tuple(codec.encode(data.decode("utf-8", "surrogateescape")))
    assert len(set(found)) == len(found) <= k
    assert {codec.decode_bytes(path) for path in found} == {data}
    assert codec.stop_id not in {token_id for path in found for token_id in path}
    for fewer in range(1, k):
        assert tokenisations(codec, data, fewer, log_probs) == found[:fewer]


def test_the_likeliest_in_the_training_documents_come_first(toy: Toy) -> None:
    """Where `ab` is frequent it stands before `a` and `b` among what is added."""
    log_probs = np.log([0.1, 0.1, 0.1, 0.3, 0.2, 0.1, 0.05, 0.05])
    canonical, first, second, third = tokenisations(toy.codec, b"abc", 9, log_probs)
    assert canonical == (0, 1, 2)
    assert (first, second, third) == ((5,), (3, 2), (0, 4))  # 0.1 for abc, 0.3 · 0.1 for ab c, 0.1 · 0.2 for a bc


def test_bytes_have_no_gap(random_model: MakeModel, bios: list[str]) -> None:
    """The byte codec writes a string in one way, so its bits over any number are its bits exactly."""
    model, log_probs = random_model(ByteCodec()), token_log_probs(ByteCodec(), bios)
    documents = [*bios[:30], "", "\udcff"]
    bits = [score.bits for score in model.score(documents)]
    assert marginal_bits(model, documents, k=16, log_probs=log_probs).tolist() == bits
    measured = Marginal.measure(model, documents, np.array(bits), k=4, log_probs=log_probs, checked=5)
    assert measured.bits.tolist() == bits
    assert measured.lattice_gap_checked == measured.beam_gap_checked == 0


def test_paths_that_share_their_beginning_have_the_bits_of_each_alone(codec: Codec, random_model: MakeModel) -> None:
    """Read together or one by one, token by token: the same probability within float32."""
    model, text = random_model(codec), "aab é 日 \udcff"
    paths = [(), *tokenisations(codec, text.encode("utf-8", "surrogateescape"), 12, np.zeros(codec.vocab_size))]
    for path, log_prob in zip([*paths, paths[-1]], _path_log_probs(model, [*paths, paths[-1]]), strict=True):
        state, last, expected = model.initial_state(1), codec.stop_id, 0.0
        for token_id in (*path, codec.stop_id):
            log_probs, state = model.step(np.array([last]), state)
            expected += float(log_probs[0, token_id])
            last = token_id
        assert log_prob == pytest.approx(expected, abs=1e-4)


def test_bits_do_not_depend_on_neighbours_order_or_batch(
    codec: Codec, bios: list[str], scores: np.ndarray, random_model: MakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many at once, reversed, or one at a time: each document's bits stay within 1e-4."""
    model, documents = random_model(codec), ["", *bios[:20], "long " * 60, "\ud83d\udcff"]
    together = marginal_bits(model, documents, k=5, log_probs=scores)
    backwards = marginal_bits(model, documents[::-1], k=5, log_probs=scores)[::-1]
    monkeypatch.setattr("granular_lm.comparison.marginal.PATHS_AT_ONCE", 1)
    alone = marginal_bits(model, documents, k=5, log_probs=scores)
    for other in (backwards, alone):
        np.testing.assert_allclose(other, together, rtol=1e-5, atol=1e-4)


def test_a_long_document_takes_its_turn_alone(codec: Codec, random_model: MakeModel) -> None:
    """Documents are read together only as far as their tokens are few; all get their bits, none above the canonical."""
    model, documents = random_model(codec, hidden_size=4, num_layers=1), ["ab " * 2000, *["ab"] * 40]
    log_probs = np.zeros(codec.vocab_size)
    bits = marginal_bits(model, documents, k=8, log_probs=log_probs)
    canonical = np.array([score.bits for score in model.score(documents)])
    assert (bits <= canonical).all()
    assert bits[0] > 1000 > bits[1] == pytest.approx(bits[-1])


def test_a_beam_that_lost_the_canonical_tokenisation_takes_it_in(bigram_model: type) -> None:
    """Here the likelier way is the token `ab`, the canonical one `a`, `b`: a beam of one finds the first alone."""
    codec = TokensCodec(b"a", b"b", b"ab")
    model = bigram_model(codec, np.tile([0.1, 0.1, 0.6, 0.2], (4, 1)))
    assert tokenisations(codec, b"ab", 1, np.zeros(4)) == [(0, 1)]
    assert beam_bits(model, b"ab", beam=1) == pytest.approx(-math.log2(0.6 * 0.2 + 0.1 * 0.1 * 0.2))


@pytest.mark.parametrize(("seed", "text"), [(1, b"abcabca"), (45, b"abcabca"), (463, b"abcabcabc")])
def test_a_wider_beam_that_finds_less_does_not_give_more_bits(bigram_model: type, seed: int, text: bytes) -> None:
    """Here a beam of two alone finds less than a beam of one, so the bits are those of what both find."""
    model = toy_of_seed(bigram_model, seed).model
    one, two = (Prefix(model, text, beam=beam).whole() for beam in (1, 2))
    assert sum(map(math.exp, two.values())) < 0.9 * sum(map(math.exp, one.values()))
    assert beam_bits(model, text, beam=1) > beam_bits(model, text, beam=2)
    assert beam_bits(model, text, beam=3) == beam_bits(model, text, beam=2)


def test_a_token_counts_as_often_as_it_was_met_and_once_more() -> None:
    """Of `ab` and `a`, 257 ids: two `a`, one `b`, and one for each id."""
    shares = np.exp(token_log_probs(ByteCodec(), ["ab", "a"]))
    assert shares[[97, 98, 99]] == pytest.approx([3 / 260, 2 / 260, 1 / 260])
    assert shares.sum() == pytest.approx(1)


def test_the_sample_tells_both_gaps_of_the_same_documents(toy: Toy, toy_scores: np.ndarray) -> None:
    """Bits per byte of the documents in the sample: what the lattice saves, and what the beam does."""
    documents = ["abc", "", "ca", "abcabc", "b", "ab" * MOST_CHECKED_BYTES]
    told = Marginal.measure(
        toy.model, documents, scored(toy.model, documents), k=2, log_probs=toy_scores, checked=3, seed=1
    )
    assert told.k == 2
    assert len(set(told.checked.tolist()) & {0, 2, 3, 4}) == 3
    some = [documents[index] for index in told.checked]
    canonical = math.fsum(score.bits for score in score_documents(toy.model, some))
    by_lattice = math.fsum(marginal_bits(toy.model, some, k=2, log_probs=toy_scores))
    by_beam = math.fsum(beam_bits(toy.model, text.encode(), beam=2) for text in some)
    num_bytes = sum(map(len, some))
    assert told.lattice_gap_checked == pytest.approx((canonical - by_lattice) / num_bytes)
    assert told.beam_gap_checked == pytest.approx((canonical - by_beam) / num_bytes)
    assert told.bits.tolist() == marginal_bits(toy.model, documents, k=2, log_probs=toy_scores).tolist()


def test_the_sample_is_that_of_its_seed(toy: Toy, toy_scores: np.ndarray) -> None:
    """The same seed takes the same documents for every codec, another one others."""
    documents = ["a"] * 200

    def sample(seed: int) -> list[int]:
        bits = scored(toy.model, documents)
        told = Marginal.measure(toy.model, documents, bits, k=1, log_probs=toy_scores, checked=9, seed=seed)
        return [int(index) for index in told.checked]

    assert sample(0) == sample(0) != sample(1)
    assert sample(0) == sorted(set(sample(0)))


def test_without_documents_to_check_there_is_no_gap_to_tell(toy: Toy, toy_scores: np.ndarray) -> None:
    """Empty documents have bits, and no bits per byte."""
    told = Marginal.measure(toy.model, ["", ""], scored(toy.model, ["", ""]), k=4, log_probs=toy_scores)
    assert told.lattice_gap_checked is told.beam_gap_checked is None
    assert told.bits == pytest.approx([-math.log2(toy.is_exactly(b""))] * 2)
