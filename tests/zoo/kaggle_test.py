"""Kaggle's models, with stand-ins for the two calls of `kagglehub`.

The cache is the library's own, as it lies on the disk: nothing leaves the
machine.
"""

import pathlib
import shutil

import keras
import pytest
import requests
from tiny_entry import CLASS_NAMES

import keras_elastic as ke
from keras_elastic import zoo

kagglehub = pytest.importorskip("kagglehub")
errors = pytest.importorskip("kagglehub.exceptions")

ADDRESS = "kaggle://user/animals/keras/small"


class Kaggle:
    """What `kagglehub` does with a model: versions, and a cache of them."""

    def __init__(self, home):
        self.versions = home / "versions"
        self.cache = home / "cache"
        self.pulled = []
        self.fault = None

    def path(self, folder, handle):
        return folder / "models" / handle

    def upload(self, handle, folder, license_name=None, version_notes=""):
        if self.fault:
            raise self.fault
        place = self.path(self.versions, handle)
        number = len(list(place.glob("*"))) + 1
        shutil.copytree(folder, place / str(number))

    def download(self, handle, path=None):
        parts = handle.split("/")
        if len(parts) == 4 and self.fault:
            raise self.fault
        if len(parts) == 4:
            known = list(self.path(self.versions, handle).glob("*"))
            if not known:
                raise failed(404)
            handle = f"{handle}/{len(known)}"
        cached = self.path(self.cache, handle) / path
        if cached.is_file():
            return str(cached)
        if self.fault:
            raise self.fault
        held = self.path(self.versions, handle) / path
        if not held.is_file():
            raise failed(404)
        cached.parent.mkdir(parents=True, exist_ok=True)
        self.pulled.append(path)
        return shutil.copyfile(held, cached)


def failed(status):
    response = requests.Response()
    response.status_code = status
    return errors.KaggleApiHTTPError(f"{status} Client Error", response)


@pytest.fixture
def kaggle(monkeypatch, tmp_path):
    stand_in = Kaggle(tmp_path)
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(stand_in.cache))
    monkeypatch.setattr(kagglehub, "model_upload", stand_in.upload)
    monkeypatch.setattr(kagglehub, "model_download", stand_in.download)
    return stand_in


@pytest.fixture(scope="module")
def model():
    inputs = keras.Input((12, 12, 3))
    x = keras.layers.GlobalAveragePooling2D()(inputs)
    model = keras.Model(inputs, keras.layers.Dense(4)(x))
    model.class_names = CLASS_NAMES
    return model


def test_a_preset_there_and_back(kaggle, model):
    assert ke.save_preset(model, ADDRESS, card="Of *animals*.") == ADDRESS
    assert ke.load(ADDRESS).class_names == CLASS_NAMES
    assert set(kaggle.pulled) == {
        *("preset.json", "preset.json.sha256"),
        *("model.keras", "labels.txt"),
    }
    [card] = kaggle.versions.rglob("README.md")
    assert f'ke.load("{ADDRESS}")' in card.read_text("utf-8")


def test_an_entry_there_and_back(kaggle, written):
    zoo.upload(written.folder, ADDRESS)
    assert zoo.find_entry(ADDRESS).front.rows == written.front.rows
    assert ke.select(f"{ADDRESS}/1", resolution=12).arch.resolution == 12


def test_versions(kaggle, model):
    ke.save_preset(model, ADDRESS)
    ke.save_preset(model, ADDRESS, class_names=list("abcd"))
    assert ke.load(ADDRESS).class_names == tuple("abcd")
    assert ke.load(f"{ADDRESS}/1").class_names == CLASS_NAMES


def test_a_version_in_the_cache_needs_no_hub(kaggle, model):
    ke.save_preset(model, ADDRESS)
    ke.load(ADDRESS)
    kaggle.fault = requests.exceptions.ConnectionError("no route")
    assert ke.load(f"{ADDRESS}/1").class_names == CLASS_NAMES
    with pytest.raises(ConnectionError, match=f"holds: {ADDRESS}/1"):
        ke.load(ADDRESS)


def test_the_cache_is_that_of_the_library(kaggle, model, monkeypatch):
    """Its layout, and that it is asked before any server."""
    ke.save_preset(model, ADDRESS)
    folder = pathlib.Path(kaggle.cache) / "models/user/animals/keras/small"
    shutil.copytree(
        kaggle.path(kaggle.versions, "user/animals/keras/small") / "1",
        folder / "1",
    )
    (folder / ".complete" / "1").mkdir(parents=True)
    for path in (folder / "1").iterdir():
        (folder / ".complete" / "1" / f"{path.name}.complete").touch()
    # The library's own function, which no stand-in replaces.
    own = kagglehub.models.model_download
    monkeypatch.setattr(kagglehub, "model_download", own)
    assert ke.load(f"{ADDRESS}/1").class_names == CLASS_NAMES


@pytest.mark.parametrize(
    "fault, kind, words",
    [
        (failed(403), ValueError, "not open to you"),
        (failed(500), ConnectionError, "fails"),
        (requests.exceptions.Timeout(), ConnectionError, "cannot be reached"),
        (errors.UnauthenticatedError(), ValueError, "needs credentials"),
        (errors.DataCorruptionError(), ConnectionError, "came damaged"),
    ],
)
def test_a_download_that_fails(kaggle, fault, kind, words):
    kaggle.fault = fault
    with pytest.raises(kind, match=words):
        ke.load(ADDRESS)


@pytest.mark.parametrize(
    "fault, kind, words",
    [
        (failed(403), ValueError, "not open to you"),
        (failed(404), ValueError, "Check the address"),
        (errors.BackendError("full"), ValueError, "refuses .* full"),
    ],
)
def test_an_upload_that_fails(kaggle, model, fault, kind, words):
    kaggle.fault = fault
    with pytest.raises(kind, match=words):
        ke.save_preset(model, ADDRESS)
    assert not kaggle.versions.exists()


def test_an_unknown_model(kaggle):
    with pytest.raises(ValueError, match="neither was found"):
        ke.load(ADDRESS)


def test_a_changed_file(kaggle, model):
    ke.save_preset(model, ADDRESS)
    [path] = kaggle.versions.rglob("model.keras")
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match="is damaged or was changed"):
        ke.load(ADDRESS)


@pytest.mark.parametrize("address", ["kaggle://", "kaggle://user/animals"])
def test_an_address_that_is_none(address):
    with pytest.raises(ValueError, match="must be 'kaggle://user/model/fr"):
        ke.load(address)


def test_an_upload_makes_a_new_version(kaggle, model):
    with pytest.raises(ValueError, match="Leave '/3' out"):
        ke.save_preset(model, f"{ADDRESS}/3")
