"""The training loop: it learns, counts right, and keeps the best."""

import itertools
import json
import math
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import granular_lm as glm
from granular_lm.codecs import Codec
from granular_lm.codecs.byte import ByteCodec
from granular_lm.corpus import document_set
from granular_lm.corpus.split import Part, part_of_documents
from granular_lm.errors import CorpusError, OptionError, TrainingError
from granular_lm.text import to_bytes
from granular_lm.token_store import TokenStore
from granular_lm.training import Budget, Progress, Trainer, TrainingOptions, fit, write_metrics
from granular_lm.training.calibration import sharpened
from granular_lm.training.precision import choose_precision
from granular_lm.weights import ModelConfig

SMALL: dict[str, Any] = {"hidden_size": 32, "embedding_dim": 16}
FP32 = TrainingOptions(precision="fp32", batch_bytes=512)


def words(count: int, seed: int = 0) -> list[str]:
    """Return lines of a tiny language: every line repeats one of four words."""
    rng = random.Random(seed)
    return [" ".join([rng.choice(["tick", "tock", "ding", "dong"])] * rng.randrange(1, 6)) for _ in range(count)]


def trainer_of(documents: list[str], folder: Path, codec: Codec | None = None, **settings: Any) -> Trainer:
    codec = codec or ByteCodec()
    stores = []
    for part in ("train", "valid"):
        (folder / part).mkdir(exist_ok=True)
        stores.append(TokenStore.write(codec, documents, folder / part))
    config = ModelConfig(vocab_size=codec.vocab_size, **{**SMALL, **settings.pop("network", {})})
    budget = settings.pop("budget", Budget(max_bytes=20_000))
    on_step = settings.pop("on_step", None)
    options = TrainingOptions(**{"precision": "fp32", "batch_bytes": 512, **settings})
    return Trainer(config, *stores, budget=budget, options=options, on_step=on_step)


@pytest.mark.slow
def test_it_learns_a_tiny_language() -> None:
    """A few passes over lines that repeat a word bring held-out lines below one bit a byte."""
    model = glm.train(words(400), epochs=30, network=SMALL, options=FP32, validation=words(60, seed=1))
    assert glm.bits_per_byte(model.score(words(60, seed=2))) < 1.0
    assert model.training["valid_bpb"] == pytest.approx(glm.bits_per_byte(model.score(words(60, seed=1))), abs=1e-3)


def test_numbers_of_numpy_are_numbers(bios: list[str], tmp_path: Path) -> None:
    """They train what Python's train, and the model can be written."""
    of_numpy = glm.train(
        bios[:100],
        max_bytes=np.int64(2_000),  # type: ignore[arg-type]
        network={"hidden_size": np.int64(8), "dropout": np.float32(0.25)},
        options=TrainingOptions(seed=np.int64(1), learning_rate=np.float32(0.5), precision="fp32"),  # type: ignore[arg-type]
        validation=np.float32(0.25),  # type: ignore[arg-type]
    )
    of_numpy.save_pretrained(tmp_path / "model")
    plain = glm.train(
        bios[:100],
        max_bytes=2_000,
        network={"hidden_size": 8, "dropout": 0.25},
        options=TrainingOptions(seed=1, learning_rate=0.5, precision="fp32"),
        validation=0.25,
    )
    written = glm.LanguageModel.from_pretrained(tmp_path / "model")
    assert all(np.array_equal(values, plain.weights[name]) for name, values in written.weights.items())


@pytest.mark.parametrize("window_bytes", [16, 256])
@pytest.mark.parametrize("num_layers", [1, 2])
def test_the_development_loss_is_the_scorers(
    codec: Codec, bios: list[str], tmp_path: Path, window_bytes: int, num_layers: int
) -> None:
    """Buckets, padding, windows with carried state and stops: the loop's bits per byte are the scorer's, to 1e-4."""
    trainer = trainer_of(
        [*bios[:80], "", "x" * 700], tmp_path, codec, window_bytes=window_bytes, network={"num_layers": num_layers}
    )
    found, sharpness = trainer.selection.evaluate(expected_bytes=0)
    model = glm.LanguageModel(codec, trainer.network.config, sharpened(trainer.network.to_weights(), sharpness))
    assert found == pytest.approx(glm.bits_per_byte(model.score([*bios[:80], "", "x" * 700])), abs=1e-4)


def test_the_same_seed_gives_the_same_weights(bios: list[str]) -> None:
    """On one machine with one number of threads, training is reproducible; another seed differs."""

    def weights(seed: int) -> np.ndarray:
        options = TrainingOptions(precision="fp32", batch_bytes=512, seed=seed)
        model = glm.train(bios[:60], max_bytes=6000, network=SMALL, options=options)
        return model.weights["lstm.weight_hh_l0"]

    assert np.array_equal(weights(0), weights(0))
    assert not np.array_equal(weights(0), weights(1))


def test_the_budget_in_bytes_is_kept(bios: list[str], tmp_path: Path) -> None:
    """The loop ends with the update that reaches the budget, every byte counted once."""
    seen: list[Progress] = []
    trainer = trainer_of(bios, tmp_path, budget=Budget(max_bytes=7000), on_step=lambda _, told: seen.append(told))
    trainer.run()
    assert sum(told.num_bytes for told in seen) == trainer.state.bytes_seen == seen[-1].bytes_seen
    assert seen[-1].bytes_seen >= 7000 > seen[-2].bytes_seen
    assert [told.step for told in seen] == list(range(1, len(seen) + 1))
    assert seen[-1].valid_bpb is not None


def test_one_epoch_reads_every_byte_once(bios: list[str], tmp_path: Path) -> None:
    """epochs=1 reads the corpus, no more and no less."""
    trainer = trainer_of(bios, tmp_path, budget=Budget(epochs=1))
    trainer.run()
    assert trainer.state.bytes_seen == sum(len(text.encode()) for text in bios)


def test_the_best_weights_are_kept_not_the_last(
    bios: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the development loss rises again, the weights of its lowest point are the result."""
    losses = iter([3.0, 2.0, 2.5, 4.0])
    trainer = trainer_of(bios, tmp_path, evaluations=4)
    snapshots: list[np.ndarray] = []

    def evaluate(_: float) -> tuple[float, float]:
        snapshots.append(trainer.selection.average.tensors()["head.bias"].numpy().copy())
        return next(losses), 1.0

    monkeypatch.setattr(trainer.selection, "evaluate", evaluate)
    trainer.run()
    assert trainer.state.best_valid_bpb == 2.0
    assert trainer.selection.best_weights is not None
    assert np.array_equal(trainer.selection.best_weights["head.bias"], snapshots[1])


@pytest.mark.slow
def test_interrupting_keeps_the_best_so_far(bios: list[str]) -> None:
    """Ctrl-C after some updates returns a model, marked as interrupted."""

    def interrupt(trainer: Trainer, told: Progress) -> None:
        if told.step == 5:
            raise KeyboardInterrupt

    model = glm.train(bios, max_time=60, network=SMALL, options=FP32, on_step=interrupt)
    assert model.training["ended"] == "interrupted"
    assert model.training["updates"] == 5
    assert math.isfinite(model.training["valid_bpb"])


def test_an_infinite_development_loss_is_never_the_best(
    bios: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NaN at the first evaluation does not keep out the numbers after it, and NaN alone is an error."""
    losses = iter([math.nan, 3.0, math.nan, 2.0])
    trainer = trainer_of(bios, tmp_path, evaluations=4)
    monkeypatch.setattr(trainer.selection, "evaluate", lambda _: (next(losses), 1.0))
    trainer.run()
    assert trainer.state.best_valid_bpb == 2.0
    hopeless = trainer_of(bios, tmp_path, evaluations=4)
    monkeypatch.setattr(hopeless.selection, "evaluate", lambda _: (math.nan, 1.0))
    with pytest.raises(TrainingError, match="development loss is no finite number"):
        hopeless.run()


def test_divergence_keeps_the_best_so_far(bios: list[str]) -> None:
    """Weights that became NaN after an evaluation do not cost the ones before it."""

    def poison(trainer: Trainer, told: Progress) -> None:
        if told.progress > 0.5:
            with torch.no_grad():
                trainer.network.head.bias[0] = math.nan

    model = glm.train(bios, max_bytes=20_000, network=SMALL, options=FP32, on_step=poison)
    assert model.training["ended"].startswith("diverged: 10 gradients in a row were no finite numbers; lower learning")
    assert model.training["skipped"] == 10
    assert math.isfinite(glm.bits_per_byte(model.score(bios[:5])))


def test_one_bad_gradient_is_skipped_and_counted(
    bios: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An update whose gradient is infinite leaves the weights alone, and training goes on."""
    seen: list[Progress] = []
    weights: dict[int, np.ndarray] = {}

    def note(trainer: Trainer, told: Progress) -> None:
        seen.append(told)
        weights[told.step] = trainer.network.to_weights()["head.bias"]

    trainer = trainer_of(bios, tmp_path, on_step=note)
    gradient = trainer._parallel.gradient

    def sometimes_infinite(*arguments: Any) -> Any:
        nats, norm, states = gradient(*arguments)
        return nats, math.inf if trainer.state.step == 3 else norm, states

    monkeypatch.setattr(trainer._parallel, "gradient", sometimes_infinite)
    trainer.run()
    assert trainer.ended == "budget"
    assert [told.skipped for told in seen[:6]] == [0, 0, 0, 1, 1, 1]
    assert np.array_equal(weights[3], weights[4])
    assert not np.array_equal(weights[4], weights[5])


def test_patience_stops_early(bios: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two evaluations without a new lowest are enough with patience=2."""
    losses = iter([3.0, 2.0, 2.5, 2.1, 1.0])
    trainer = trainer_of(bios, tmp_path, evaluations=10, patience=2)
    monkeypatch.setattr(trainer.selection, "evaluate", lambda _: (next(losses), 1.0))
    trainer.run()
    assert trainer.ended == "early: the development loss has not fallen in 2 evaluations"
    assert trainer.state.best_valid_bpb == 2.0
    assert trainer.state.progress < 1


def test_evaluations_at_given_bytes(bios: list[str], tmp_path: Path) -> None:
    """eval_every=5000 looks after each 5 kB read, and once at the end."""
    trainer = trainer_of(bios, tmp_path, budget=Budget(max_bytes=17_000), eval_every=5000)
    trainer.run()
    looked = [point["bytes_seen"] for point in trainer.metrics.points if "valid_bpb" in point]
    assert [bytes_seen // 5000 for bytes_seen in looked] == [1, 2, 3, 3]
    assert looked[-1] >= 17_000


@pytest.mark.parametrize("codec_name", ["byte", "spm"])
def test_accumulated_batches_train_alike(
    trained_codecs: dict[str, Codec], bios: list[str], tmp_path: Path, codec_name: str
) -> None:
    """Each batch read in three parts, one after another, gives the weights of one read at once, to rounding."""
    weights = []
    for accumulate in (1, 3):
        folder = tmp_path / str(accumulate)
        folder.mkdir()
        trainer = trainer_of(
            [*bios, "x" * 700],
            folder,
            trained_codecs[codec_name],
            accumulate=accumulate,
            window_bytes=64,
            optimizer="adamw",
            learning_rate=2e-3,
        )
        trainer.run()
        weights.append(trainer.network.to_weights())
    for name in weights[0]:
        np.testing.assert_allclose(weights[0][name], weights[1][name], atol=2e-5)


def test_a_base_model_is_gone_on_from(bios: list[str]) -> None:
    """With its codec and network; after a little reading of new text it is better there than it was."""
    base = glm.LanguageModel.from_pretrained("bios-byte")
    lines = words(200)
    tuned = glm.train(lines, base="bios-byte", max_bytes=5000, options=FP32, validation=words(50, seed=3))
    assert tuned.config == base.config
    assert tuned.codec.fingerprint() == base.codec.fingerprint()
    before, after = (glm.bits_per_byte(model.score(words(50, seed=4))) for model in (base, tuned))
    assert after < before


@pytest.mark.parametrize(
    ("clash", "named"),
    [({"codec": "char"}, "codec"), ({"preset": "tiny"}, "preset"), ({"network": {"hidden_size": 8}}, "hidden_size")],
)
def test_a_base_model_excludes_what_it_brings(bios: list[str], clash: dict[str, Any], named: str) -> None:
    """Codec and network come with it."""
    with pytest.raises(OptionError, match=f"base=... brings its own codec and network; leave that out, or {named}=..."):
        glm.train(bios, base="bios-byte", max_bytes=100, **clash)


def test_evaluations_read_a_share_of_what_training_reads(bios: list[str], tmp_path: Path) -> None:
    """With a long development part, ten evaluations read no more than a tenth of the budget and the least sample."""
    trainer = trainer_of(bios * 3, tmp_path, budget=Budget(max_bytes=4000))
    trainer.run()
    assert 16_384 <= trainer.state.evaluated_bytes < 25_000 < sum(len(text.encode()) for text in bios * 3)


def test_without_development_documents_the_last_weights_are_kept(bios: list[str], tmp_path: Path) -> None:
    """The probe of a comparison needs no evaluation."""
    store = TokenStore.write(ByteCodec(), bios, tmp_path)
    config = ModelConfig(vocab_size=257, **SMALL)
    trainer = Trainer(config, store, None, budget=Budget(max_bytes=2000), options=FP32)
    trainer.run()
    last = trainer.selection.average.tensors()["head.bias"].numpy()
    assert trainer.selection.best_weights is not None
    assert np.array_equal(trainer.selection.best_weights["head.bias"], last)


def test_gradients_that_are_no_numbers_stop_with_advice(bios: list[str], tmp_path: Path) -> None:
    """The message names the updates and the learning rate."""
    trainer = trainer_of(bios, tmp_path)
    with torch.no_grad():
        trainer.network.head.bias[0] = math.nan
    with pytest.raises(TrainingError, match=r"no gradient .* in 10 updates; lower learning_rate \(now 0\.028\) and"):
        trainer.run()


def test_metrics_are_one_json_object_a_point(bios: list[str], tmp_path: Path) -> None:
    """What is kept and what is written agree, and say what a learning curve needs."""
    points: list[dict[str, Any]] = []

    def note(trainer: Trainer, _: Progress) -> None:
        points[:] = trainer.metrics.points

    glm.train(bios, max_bytes=20_000, network=SMALL, options=FP32, on_step=note)
    write_metrics(points, tmp_path / "metrics.jsonl")
    written = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert written == points
    assert {"step", "seconds", "bytes_seen", "bytes_per_second", "train_bpb", "learning_rate", "grad_norm"} <= set(
        written[0]
    )
    assert sum("valid_bpb" in point for point in written) == FP32.evaluations


def test_the_loss_is_in_nats_per_byte(
    trained_codecs: dict[str, Codec], bios: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gradient's scale does not depend on how many bytes a token stands for: the loss is over bytes."""
    seen: list[Progress] = []
    trainer = trainer_of(bios, tmp_path, trained_codecs["spm"], on_step=lambda _, told: seen.append(told))
    backward: list[float] = []
    original = torch.Tensor.backward

    def note_and_go_on(loss: torch.Tensor) -> None:
        backward.append(float(loss.detach()))
        original(loss)  # type: ignore[no-untyped-call]

    monkeypatch.setattr(torch.Tensor, "backward", note_and_go_on)
    trainer.run()
    for loss, told in zip(backward, seen, strict=True):
        assert loss == pytest.approx(told.train_bits * math.log(2) / told.num_bytes, rel=1e-5)


def test_bf16_gives_nearly_the_loss_of_fp32(bios: list[str], tmp_path: Path) -> None:
    """Where the probe allows bfloat16, the development loss of one network differs by rounding alone."""
    if choose_precision("auto") != "bf16":
        pytest.skip("this machine has no bfloat16")
    exact, _ = trainer_of(bios, tmp_path, precision="fp32").selection.evaluate(expected_bytes=0)
    rounded, _ = trainer_of(bios, tmp_path, precision="bf16").selection.evaluate(expected_bytes=0)
    assert rounded == pytest.approx(exact, rel=0.01)


def test_validation_may_be_held_out_or_given(bios: list[str]) -> None:
    """A share is held out of the documents; given documents leave them all for training."""
    held_out = glm.train(bios, max_bytes=2000, network=SMALL, options=FP32, validation=0.2)
    given = glm.train(bios, max_bytes=2000, network=SMALL, options=FP32, validation=bios[:10])
    assert held_out.training["documents"] == pytest.approx(0.8 * len(bios), abs=2)
    assert held_out.training["valid_documents_trained_on"] == 0
    assert given.training["valid_documents_trained_on"] == 10
    assert given.training["documents"] == len(bios)


def test_a_model_knows_what_it_was_trained_on(bios: list[str]) -> None:
    """The training documents, not those held out; and those of the model that it goes on from."""
    model = glm.train(bios[50:], max_bytes=2000, network=SMALL, options=FP32, validation=bios[:50])
    assert model.documents is not None
    assert all(to_bytes(text) in model.documents for text in bios[50:])
    assert not any(to_bytes(text) in model.documents for text in set(bios[:50]) - set(bios[50:]))
    assert model.training["distinct_documents"] == len(set(bios[50:])) == len(model.documents)
    tuned = glm.train(words(200), base=model, max_bytes=2000, options=FP32, validation=words(20, seed=3))
    assert tuned.documents is not None
    assert all(to_bytes(text) in tuned.documents for text in [*bios[50:], *words(200)])
    assert tuned.training["valid_documents_trained_on"] == len(set(words(20, seed=3)) & set(words(200)))
    judged = glm.train(words(200), base=model, max_bytes=2000, options=FP32, validation=[*bios[50:60], ""])
    assert judged.training["valid_documents_trained_on"] == len(set(bios[50:60]))


def test_fingerprints_that_agree_by_chance_are_no_shared_documents(monkeypatch: pytest.MonkeyPatch) -> None:
    """Among millions of documents some always do."""
    monkeypatch.setattr(document_set, "_fingerprint", lambda data: b"alike")
    model = glm.train(words(50), max_bytes=1000, network=SMALL, options=FP32, validation=["another", words(50)[0]])
    assert model.training["valid_documents_trained_on"] == 1


def test_documents_may_come_from_an_iterator(bios: list[str]) -> None:
    """A generator of documents is read once."""

    def stream() -> Iterator[str]:
        yield from bios

    assert glm.train(stream(), "char", max_bytes=2000, network=SMALL, options=FP32).codec.name == "char"


@pytest.mark.parametrize("documents", [[], ["only one"], [""] * 10])
def test_too_little_text_is_refused(documents: list[str]) -> None:
    """An empty corpus, one document and empty documents cannot be split or learnt from."""
    with pytest.raises(CorpusError):
        glm.train(documents, epochs=1, network=SMALL, options=FP32)


@pytest.mark.parametrize(
    "changes",
    [
        {"learning_rate": 0},
        {"batch_bytes": -1},
        {"warmup": 1.0},
        {"seed": -1},
        {"evaluations": 0},
        {"grad_clip": math.nan},
    ],
)
def test_options_out_of_range_are_refused(changes: dict[str, float]) -> None:
    """Each option is checked before anything is read."""
    with pytest.raises(OptionError, match=next(iter(changes))):
        TrainingOptions(**changes)  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="precision='fp8'"):
        choose_precision("fp8")


def test_fit_takes_a_split_and_a_trained_codec(trained_codecs: dict[str, Codec], bios: list[str]) -> None:
    """The comparison's way in: nothing is split or trained anew."""
    codec = trained_codecs["char"]
    config = ModelConfig(vocab_size=codec.vocab_size, **SMALL)
    model = fit(codec, config, bios[:50], bios[50:60], budget=Budget(max_bytes=1000), options=FP32)
    assert model.codec is codec
    assert model.training["documents"] == 50


@pytest.mark.parametrize("documents", ["one string", b"bytes"])
def test_one_string_is_not_a_list_of_documents(documents: Any) -> None:
    """Its characters would be taken for documents."""
    with pytest.raises(OptionError, match="is one string"):
        glm.train(documents, epochs=1)
    with pytest.raises(OptionError, match="is one string"):
        glm.compare(documents, ["byte"])
    with pytest.raises(OptionError, match="is one string"):
        glm.train_codec("char", documents)


@pytest.mark.parametrize("validation", [0, 1, 2.0, -0.1])
def test_an_impossible_share_is_refused(bios: list[str], validation: float) -> None:
    """The option is named as the caller wrote it."""
    with pytest.raises(OptionError, match="validation="):
        glm.train(bios, epochs=1, validation=validation)


def test_development_documents_without_text_are_told() -> None:
    """Of a list that is mostly blank; documents of their own are the way out where nothing can be held out."""
    texts = ["", "one text", "another", "a third"]
    parts = (part_of_documents(texts, valid=0.05, test=0.0, seed=seed) for seed in itertools.count())
    seed = next(seed for seed, part_of in enumerate(parts) if part_of[0] == Part.VALID)
    with pytest.raises(CorpusError, match=r"1 documents held out for development have no text; give another seed"):
        glm.train(texts, max_bytes=20, network={"hidden_size": 8}, options=TrainingOptions(seed=seed))
    with pytest.raises(
        CorpusError, match=r"Give more documents. Development documents of their own \(--valid, validation\)"
    ):
        glm.train(["one document"], max_bytes=20)
    assert glm.train(["one document"], validation=["another"], max_bytes=20, options=FP32).training["updates"] > 0


def test_a_network_too_large_for_memory_is_an_option_error(bios: list[str]) -> None:
    """Not a traceback from the allocator."""
    with pytest.raises(OptionError, match="does not fit into memory"):
        glm.train(bios, epochs=1, network={"hidden_size": 1_000_000, "embedding_dim": 1_000_000})


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory: ...")])
def test_want_of_memory_is_told(bios: list[str], monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """In one line, and what to lower; other errors of torch are bugs."""

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("granular_lm.training.parallel.Parallel.gradient", fail)
    advice = "memory does not suffice for an update of 512 bytes; lower batch_bytes, give accumulate=2 or more"
    with pytest.raises(TrainingError, match=advice):
        glm.train(bios, max_bytes=2000, network=SMALL, options=FP32)
    error = RuntimeError("a bug")
    with pytest.raises(RuntimeError, match="a bug"):
        glm.train(bios, max_bytes=2000, network=SMALL, options=FP32)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_training_needs_gradients_whatever_the_caller_does(bios: list[str], tmp_path: Path, mode: Any) -> None:
    """And leaves the caller's mode as it was."""
    with mode():
        for max_bytes in (2000, 4000):  # and gone on with
            run: dict[str, Any] = {"checkpoint_folder": tmp_path / "run", "resume": True, "max_bytes": max_bytes}
            assert glm.train(bios, network=SMALL, options=FP32, **run).training["bytes_seen"] >= max_bytes
        assert not torch.is_grad_enabled()


def test_what_was_left_open_is_told(bios: list[str]) -> None:
    """The model says how it was trained, and not that nothing was said about it."""
    for optimizer, rate, of_matrices in (("muon", 0.028, 0.035), ("adamw", 0.016, None)):
        options = TrainingOptions(precision="fp32", optimizer=optimizer)
        used = glm.train(bios, max_bytes=1000, preset="tiny", options=options).training["options"]
        assert (used["learning_rate"], used["matrix_learning_rate"], used["weight_decay"]) == (rate, of_matrices, 0.01)
        assert used["batch_bytes"] >= 1024
        assert used["window_bytes"] == 256


def test_a_rate_of_muon_without_muon_is_refused() -> None:
    """It would have no part in training."""
    with pytest.raises(OptionError, match="matrix_learning_rate=3 is Muon's"):
        TrainingOptions(optimizer="adamw", matrix_learning_rate=3)


def test_going_on_never_makes_a_model_worse(bios: list[str]) -> None:
    """The weights that it begins with are judged, too; the model says that it has a base, and where it was best."""
    base = glm.LanguageModel.from_pretrained("bios-byte")
    wild = TrainingOptions(precision="fp32", learning_rate=0.5, matrix_learning_rate=0.5)
    model = glm.train(bios, base=base, max_bytes=20_000, options=wild)
    assert model.training["best_update"] == 0
    assert model.training["base"]["documents"] == base.training["documents"]
    np.testing.assert_array_equal(model.weights["lstm.weight_hh_l0"], base.weights["lstm.weight_hh_l0"])
    gentle = TrainingOptions(precision="fp32", learning_rate=2e-4, matrix_learning_rate=3e-4)
    assert glm.train(bios, base=base, max_bytes=20_000, options=gentle).training["best_update"] > 0


def test_the_random_numbers_of_the_caller_are_left_alone(bios: list[str]) -> None:
    """Training draws from seeds of its own."""
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    glm.train(bios, max_bytes=2000, network={"hidden_size": 16, "dropout": 0.3}, options=FP32)
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"documents": [b"a", b"b"]}, "hold b'a', which is bytes; give str"),
        ({"documents": [1, 2]}, "hold 1, which is int"),
        ({"options": {"seed": 1}}, "options={'seed': 1} is not accepted; give a TrainingOptions"),
        ({"network": "tiny"}, "network='tiny' is not accepted; give a dict"),
        ({"on_step": 3}, "on_step=3 is not accepted; give a Callable"),
        ({"documents": Path("a.txt")}, "is not accepted; give a list of str, or read_documents(path)"),
        ({"validation": Path("a.txt")}, "validation=a.txt is not accepted; give a share between 0 and 1, or documents"),
        ({"codec": 5}, "codec=5 is not accepted; give a str or Codec"),
        ({"base": 5}, "base=5 is not accepted; give a str or Path or LanguageModel"),
        ({"network": {"vocab_size": 100}}, "vocab_size=100 follows from the codec; leave it out"),
        ({"network": {"vocab_size": 100}, "preset": "tiny"}, "vocab_size=100 follows from the codec"),
    ],
)
def test_what_is_of_another_kind_is_refused(arguments: dict[str, Any], message: str) -> None:
    """One line, and no traceback from deep within."""
    with pytest.raises(OptionError, match=re.escape(message)):
        glm.train(**{"documents": ["a", "b"], **arguments})
