"""Model folders: what goes in comes out, and what is damaged is refused."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from granular_lm.codecs import Codec
from granular_lm.corpus.document_set import DocumentSet
from granular_lm.errors import ModelError, ModelNotFoundError, OutputExistsError
from granular_lm.model import LanguageModel, bundled_models
from granular_lm.weights import ModelConfig, parameter_shapes


@pytest.fixture
def folder(codec: Codec, random_model: Callable[..., LanguageModel], tmp_path: Path) -> Path:
    random_model(codec).save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def test_a_model_comes_back_from_its_folder(
    codec: Codec, folder: Path, random_model: Callable[..., LanguageModel], bios: list[str]
) -> None:
    """Weights, codec and bits are the same after storing and loading."""
    model, loaded = random_model(codec), LanguageModel.from_pretrained(folder)
    assert loaded.config == model.config
    assert loaded.codec.fingerprint() == codec.fingerprint()
    assert [s.bits for s in loaded.score(bios[:9])] == [s.bits for s in model.score(bios[:9])]


def test_the_folder_holds_no_pickle_and_no_import_path(folder: Path) -> None:
    """JSON, safetensors, Markdown and the codec's own file: nothing that runs."""
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert names - {"codec/spm.model"} == {"config.json", "model.safetensors", "README.md", "codec/codec.json"}
    assert "granular_lm." not in (folder / "config.json").read_text()


def test_a_folder_that_holds_a_model_is_not_overwritten(folder: Path, codec: Codec, random_model) -> None:  # type: ignore[no-untyped-def]
    """Saving there again is refused, and the model that is there stays."""
    before = (folder / "model.safetensors").read_bytes()
    with pytest.raises(OutputExistsError, match="already holds a model"):
        random_model(codec, seed=1).save_pretrained(folder)
    assert (folder / "model.safetensors").read_bytes() == before


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "codec/codec.json", "codec/spm.model"])
def test_a_file_that_may_not_be_read_is_told_as_one(folder: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not as missing or damaged, and nobody is sent to copy or train the model again."""
    closed, opened = folder / name, Path.open
    if not closed.exists():
        pytest.skip("another codec's file")

    def refuse_closed(self: Path, *arguments: Any, **options: Any) -> Any:
        if self == closed:
            raise PermissionError(13, "Permission denied", str(self))
        return opened(self, *arguments, **options)

    monkeypatch.setattr(Path, "open", refuse_closed)
    with pytest.raises(ModelError) as caught:
        LanguageModel.from_pretrained(folder)
    assert str(caught.value) == f"{closed} cannot be read (Permission denied); give yourself the right to read it."


def test_the_card_is_to_be_read(random_model, codec: Codec, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """Numbers have no more digits than tell something, and names are words."""
    model = random_model(codec)
    model.training = {
        "valid_utf8_documents": 1000,
        "document_bytes": {"mean": 23.65813464235624, "p10": 5.0},
        "seconds": 20.0,
        "test_bpb": 1.28554727,
        "options": {"learning_rate": 1.5e-05, "seed": 0},
    }
    model.save_pretrained(tmp_path / "model")
    rows = (tmp_path / "model" / "README.md").read_text().splitlines()
    for row in (
        "| documents in valid UTF-8 | 1,000 |",
        "| bytes of a document | mean 23.6581, p10 5 |",
        "| seconds of training | 20 |",
        "| test bits per byte | 1.2855 |",
        "| options | learning_rate 1.5e-05, seed 0 |",
    ):
        assert row in rows


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "codec/codec.json"])
@pytest.mark.parametrize("damage", ["missing", "truncated", "foreign"])
def test_a_damaged_file_is_named(folder: Path, name: str, damage: str) -> None:
    """A missing, truncated or foreign file gives one line that names it."""
    path = folder / name
    content = path.read_bytes()
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(content[: len(content) // 2] if damage == "truncated" else b'{"model_type": "gpt2"}')
    with pytest.raises((ModelError, ValueError), match=Path(name).name) as caught:
        LanguageModel.from_pretrained(folder)
    assert "\n" not in str(caught.value)
    assert type(caught.value).__module__ == "granular_lm.errors"


def test_a_codec_of_another_model_is_refused(folder, codec, trained_codecs, random_model, tmp_path) -> None:  # type: ignore[no-untyped-def]
    """Mixing the folders of two models is noticed even if the shapes should fit."""
    other = trained_codecs["char" if codec.name != "char" else "spm"]
    random_model(other).save_pretrained(tmp_path / "other")
    shutil.rmtree(folder / "codec")
    shutil.copytree(tmp_path / "other" / "codec", folder / "codec")
    with pytest.raises(ModelError, match="belongs to another model"):
        LanguageModel.from_pretrained(folder)


def test_the_documents_it_knows_come_back(random_model, codec: Codec, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """A model that knows its documents knows them after a round trip; one that does not has no file for them."""
    model = random_model(codec)
    model.save_pretrained(tmp_path / "forgetful")
    model.documents = DocumentSet.of([b"Ada", b"Grace"])
    model.save_pretrained(tmp_path / "knowing")
    known = LanguageModel.from_pretrained(tmp_path / "knowing").documents
    assert known is not None
    assert b"Ada" in known
    assert b"Alan" not in known
    assert LanguageModel.from_pretrained(tmp_path / "forgetful").documents is None
    (tmp_path / "knowing" / "documents.bin").write_bytes(b"")
    with pytest.raises(ModelError, match="documents.bin has 0 bytes, not those"):
        LanguageModel.from_pretrained(tmp_path / "knowing")
    (tmp_path / "knowing" / "documents.bin").unlink()  # on purpose: it may be nobody else's business
    assert LanguageModel.from_pretrained(tmp_path / "knowing").documents is None


def test_a_later_format_is_refused(folder: Path) -> None:
    """A folder of a format this version does not know says so."""
    described = json.loads((folder / "config.json").read_text())
    described["format_version"] = 2
    (folder / "config.json").write_text(json.dumps(described))
    with pytest.raises(ModelError, match="format version 2"):
        LanguageModel.from_pretrained(folder)


@pytest.mark.parametrize("name", ["nope", "./nope", "a/b/c", "../up", ""])
def test_an_unknown_name_lists_the_bundled_models(name: str) -> None:
    """The error says what was tried and what there is; it is also a LookupError."""
    with pytest.raises(ModelNotFoundError, match="bundled: bios-byte, bios-char, bios-spm"):
        LanguageModel.from_pretrained(name) if name else LanguageModel.from_pretrained("nope")


def test_the_hub_is_asked_for_user_slash_model(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """A name 'user/model' goes to the Hub, for the files of a model folder and no others."""
    asked: dict[str, Any] = {}

    def snapshot_download(repo_id: str, *, allow_patterns: list[str]) -> str:
        asked.update(repo_id=repo_id, patterns=allow_patterns)
        return str(folder)

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)
    assert LanguageModel.from_pretrained("someone/something").config.hidden_size == 24
    assert asked["repo_id"] == "someone/something"
    assert set(asked["patterns"]) == {"config.json", "model.safetensors", "codec/*", "README.md", "documents.bin"}


def test_a_hub_that_cannot_be_reached_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Offline, the name is reported with the reason, not with a traceback of the HTTP client."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelNotFoundError, match="'someone/nothing'.*the Hub did not give it") as caught:
        LanguageModel.from_pretrained("someone/nothing")
    assert "\n" not in str(caught.value)


def test_pushing_uploads_the_model_folder(monkeypatch, random_model, trained_codecs) -> None:  # type: ignore[no-untyped-def]
    """push_to_hub makes the repository and uploads exactly what save_pretrained writes."""
    uploaded: set[str] = set()

    class Api:
        def create_repo(self, repo_id: str, **options: object) -> None:
            assert repo_id == "me/mine"

        def upload_folder(self, *, repo_id: str, folder_path: Path) -> None:
            uploaded.update(str(p.relative_to(folder_path)) for p in folder_path.rglob("*") if p.is_file())

    monkeypatch.setattr("huggingface_hub.HfApi", Api)
    address = random_model(trained_codecs["byte"]).push_to_hub("me/mine")
    assert address.endswith("me/mine")
    assert uploaded == {"config.json", "model.safetensors", "README.md", "codec/codec.json"}


def test_codec_shape_and_weights_must_belong_together(trained_codecs) -> None:  # type: ignore[no-untyped-def]
    """A network for another number of ids is refused."""
    config = ModelConfig(vocab_size=99, embedding_dim=4, hidden_size=4)
    weights = {name: np.zeros(shape, dtype=np.float32) for name, shape in parameter_shapes(config).items()}
    with pytest.raises(ModelError, match="99 ids.*257"):
        LanguageModel(trained_codecs["byte"], config, weights)


@pytest.mark.parametrize("name", ["bios-byte", "bios-char", "bios-spm"])
def test_bundled_models_are_small_and_better_than_a_compressor(name: str) -> None:
    """Each takes at most 2 MB, its card says its test bits per byte, and it beats xz (1.89 on the whole corpus)."""
    assert name in bundled_models()
    model = LanguageModel.from_pretrained(name)
    folder = Path(__file__).parents[1] / "src" / "granular_lm" / "pretrained" / name
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) <= 2_000_000
    assert model.training["test_bpb"] < 1.6
    assert f"| test bits per byte | {round(model.training['test_bpb'], 4)} |" in (folder / "README.md").read_text()


@pytest.mark.parametrize("name", ["bios-byte", "bios-char", "bios-spm"])
def test_bundled_cards_are_what_would_be_written_today(name: str, tmp_path: Path) -> None:
    """The card and the configuration in the package are those that saving the model gives."""
    model = LanguageModel.from_pretrained(name)
    model.save_pretrained(tmp_path / name)
    bundled = Path(__file__).parents[1] / "src" / "granular_lm" / "pretrained" / name
    for file in ("README.md", "config.json", "codec/codec.json"):
        assert (bundled / file).read_text() == (tmp_path / name / file).read_text()


@pytest.mark.parametrize("training", ['"abc"', "[1]", "5", "null"])
def test_a_damaged_training_record_is_an_error(folder: Path, training: str) -> None:
    """Whatever stands in its place."""
    described = json.loads((folder / "config.json").read_text())
    described["training"] = json.loads(training)
    (folder / "config.json").write_text(json.dumps(described))
    with pytest.raises(ModelError, match=r"config\.json is damaged"):
        LanguageModel.from_pretrained(folder)


def test_json_too_deep_to_read_is_an_error(folder: Path) -> None:
    """Ten thousand brackets are no traceback, in either file."""
    for name in ("codec/codec.json", "config.json"):
        (folder / name).write_text("[" * 100_000)
        with pytest.raises((ModelError, ValueError), match="not readable JSON"):
            LanguageModel.from_pretrained(folder)
