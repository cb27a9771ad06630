"""Tests of `zoo/hugging_face.py`, `zoo/hub_library.py`, `zoo/sharing.py` and
`zoo/model_card.py`, too.

Against a hub on loopback, see `hub_server`: nothing leaves the machine.
"""

import hashlib
import io
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import time
import zipfile

import contracts
import keras
import numpy as np
import pytest
import yaml
from hub_server import TOKEN
from hub_server import Hub
from tiny_entry import CLASS_NAMES

import keras_elastic as ke
from keras_elastic import zoo
from keras_elastic.zoo import hub as hubs
from keras_elastic.zoo import hub_library

constants = pytest.importorskip("huggingface_hub.constants")
file_download = pytest.importorskip("huggingface_hub.file_download")

ENTRY_FILES = {
    *("model.json", "model.json.sha256", "recipe.json", "front.csv"),
    *("statistics.npz", "supernet.weights.h5", "README.md"),
}
PULLED = ENTRY_FILES - {"README.md"}
IMAGES = contracts.random_images(4, 12)
# What `huggingface_hub` does with the library that speaks HTTP for it.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def point_to(monkeypatch, url, home):
    """Has the library speak to a hub, with a cache and a token of its own."""
    template = url + "/{repo_id}/resolve/{revision}/{filename}"
    for name, value in {
        "ENDPOINT": url,
        "HUGGINGFACE_CO_URL_TEMPLATE": template,
        "HF_HUB_CACHE": str(home / "hub"),
        "HF_TOKEN_PATH": str(home / "token"),
        "HF_HUB_DISABLE_XET": True,
        "HF_HUB_OFFLINE": False,
    }.items():
        monkeypatch.setattr(constants, name, value)
    # Before version 1 the library has a copy of it there.
    monkeypatch.setattr(
        file_download, "HUGGINGFACE_CO_URL_TEMPLATE", template, raising=False
    )
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "1")


@pytest.fixture
def hub(monkeypatch, tmp_path):
    server = Hub()
    server.start()
    point_to(monkeypatch, server.url, tmp_path)
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def model():
    """A small model, made and loaded in a moment."""
    inputs = keras.Input((12, 12, 3))
    x = keras.layers.Conv2D(64, 5, activation="relu")(inputs)
    x = keras.layers.GlobalAveragePooling2D()(x)
    model = keras.Model(inputs, keras.layers.Dense(4)(x), name="animals")
    model.class_names = CLASS_NAMES
    return model


def content_of(folder):
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()}


@pytest.fixture
def shared(hub, written):
    """A hub with an entry, put there without the library."""
    hub.commit("user/tiny", content_of(written.folder))
    return hub


@pytest.fixture(scope="module")
def preset_files(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("presets") / "animals"
    return content_of(ke.save_preset(model, folder))


@pytest.fixture
def preset(hub, preset_files):
    """A hub with a preset, put there without the library."""
    hub.commit("user/animals", preset_files)
    return hub


# Entries


def test_an_entry_there_and_back(hub, written):
    address = zoo.upload(written.folder, "hf://user/tiny")
    assert address == f"hf://user/tiny@{hub.repositories['user/tiny'][-1][0]}"
    assert {*hub.files("user/tiny")} == {*ENTRY_FILES, ".gitattributes"}
    budget = written.front.rows[1].flops
    model = ke.load(address, flops=budget)
    assert model.class_names == CLASS_NAMES
    expected = ke.load(written.folder, flops=budget)
    images = contracts.random_images(4, model.input_shape[1])
    np.testing.assert_array_equal(
        model.predict(images, verbose=0), expected.predict(images, verbose=0)
    )


def test_one_commit_has_all_files(hub, written):
    zoo.upload(written.folder, "hf://user/tiny")
    assert len(hub.asked("POST .*/commit/main")) == 1


def test_what_an_entry_gives_besides_networks(shared, written):
    address = "hf://user/tiny"
    assert ke.select(address, resolution=12).arch.resolution == 12
    entry = zoo.find_entry(address)
    assert entry.front.rows == written.front.rows
    assert entry.recipe.name == "tiny"
    supernet = ke.load_supernet(address)
    for one, other in zip(
        supernet.get_weights(), written.supernet.get_weights(), strict=True
    ):
        np.testing.assert_allclose(one, other, atol=1e-3)


def test_only_what_is_needed_is_pulled(shared):
    shared.commit("user/tiny", {"recipe.py": b"raise SystemExit", "a.h5": b""})
    entry = zoo.find_entry("hf://user/tiny")
    assert {path.name for path in entry.folder.iterdir()} == PULLED
    before = len(shared.asked("GET .*/resolve/"))
    zoo.find_entry("hf://user/tiny")
    # What is there is not pulled again.
    assert len(shared.asked("GET .*/resolve/")) == before


def test_an_entry_of_the_zoo_keeps_its_card(hub):
    zoo.upload("bignas_digits", "hf://user/digits")
    card = hub.files("user/digits")["README.md"].decode()
    matter, body = split(card)
    assert "reduced BigNAS supernet on scans of digits" in body
    assert {"recipe.py", "front.png"} <= {*hub.files("user/digits")}
    assert matter["license"] == "apache-2.0"
    assert matter["library_name"] == "keras"
    [[result]] = [m["results"] for m in matter["model-index"]]
    rows = zoo.find_entry("bignas_digits").front.rows
    assert [metric["value"] for metric in result["metrics"]] == [
        rows[0].test_top1,
        rows[-1].test_top1,
    ]
    assert result["dataset"]["name"] == "digits"


def split(card):
    _, matter, body = card.split("---\n", 2)
    return yaml.safe_load(matter), body


def test_the_card_of_a_run_has_its_front_and_no_license(hub, written):
    zoo.upload(written.folder, "hf://user/tiny")
    matter, body = split(hub.files("user/tiny")["README.md"].decode())
    assert "license" not in matter
    for row in written.front.rows:
        assert f"| {row.held_out_top1:.4f} | {row.test_top1:.4f} |" in body
    assert 'ke.load("hf://user/tiny"' in body


def test_a_card_of_ones_own(hub, written):
    card = "---\nlicense: mit\ntags: [owls]\n---\n# Owls\n"
    zoo.upload(written.folder, "hf://user/tiny", card=card)
    matter, body = split(hub.files("user/tiny")["README.md"].decode())
    assert body.strip() == "# Owls"
    assert (matter["license"], matter["tags"]) == ("mit", ["owls"])
    assert matter["library_name"] == "keras"


@pytest.mark.parametrize("matter", ["a: [", "- a", "model-index: 3"])
def test_front_matter_that_is_none(hub, written, matter):
    with pytest.raises(ValueError, match="front matter of `card`"):
        zoo.upload(
            written.folder, "hf://user/tiny", card=f"---\n{matter}\n---\n"
        )
    assert hub.repositories == {}


# Presets


def test_a_preset_there_and_back(hub, model):
    card = "---\nlicense: mit\n---\nOf *animals*."
    address = ke.save_preset(model, "hf://user/animals", card=card)
    matter, body = split(hub.files("user/animals")["README.md"].decode())
    assert matter["license"] == "mit"
    assert "metrics" not in matter
    assert "Of *animals*." in body
    assert 'ke.load("hf://user/animals")' in body
    loaded = ke.load(address)
    assert loaded.class_names == CLASS_NAMES
    np.testing.assert_array_equal(
        loaded.predict(IMAGES, verbose=0), model.predict(IMAGES, verbose=0)
    )
    assert ke.load("hf://user/animals", classes=3).output_shape == (None, 3)


def test_a_folder_of_a_preset(hub, model, tmp_path):
    folder = ke.save_preset(model, tmp_path / "mine", card="Of *animals*.")
    zoo.upload(folder, "hf://user/animals")
    assert "Of *animals*." in hub.files("user/animals")["README.md"].decode()
    assert ke.load("hf://user/animals").class_names == CLASS_NAMES


def test_a_preset_is_not_replaced_unless_asked(preset, model):
    with pytest.raises(ValueError, match="`overwrite=True` to replace"):
        ke.save_preset(model, "hf://user/animals")
    names = ("a", "b", "c", "d")
    old = preset.repositories["user/animals"][-1][0]
    ke.save_preset(
        model, "hf://user/animals", class_names=names, overwrite=True
    )
    assert ke.load("hf://user/animals").class_names == names
    assert ke.load(f"hf://user/animals@{old}").class_names == CLASS_NAMES


def test_a_repository_of_other_things_is_never_replaced(hub, model):
    hub.commit("user/thesis", {"thesis.tex": b""})
    with pytest.raises(ValueError, match="Pass another name"):
        ke.save_preset(model, "hf://user/thesis", overwrite=True)


def test_a_repository_made_in_the_browser_is_filled(hub, model):
    hub.commit("user/new", {"README.md": b"# New", ".gitattributes": b""})
    ke.save_preset(model, "hf://user/new")
    assert ke.load("hf://user/new").class_names == CLASS_NAMES


# Pulling


def test_a_download_that_breaks_off_goes_on(preset, monkeypatch):
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1000)
    preset.faults.append(("GET .*model.keras", 5000, 1))
    ke.load("hf://user/animals")
    assert preset.asked(r"GET .*model\.keras bytes=\d+-")


def test_a_download_that_ends_leaves_nothing_half(preset, monkeypatch):
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    preset.faults.append(("GET .*model.keras", 0))
    with pytest.raises(OSError):
        ke.load("hf://user/animals")
    held = {path.name for path in cached("animals")}
    assert held == {"preset.json", "preset.json.sha256"}
    preset.faults.clear()
    assert ke.load("hf://user/animals").class_names == CLASS_NAMES


def cached(name):
    home = constants.HF_HUB_CACHE
    [folder] = pathlib.Path(home).glob(f"models--user--{name}/snapshots/*")
    return list(folder.iterdir())


def test_where_the_cache_is_is_said_once(preset, monkeypatch, capsys):
    monkeypatch.setattr(hubs, "_said", set())
    ke.load("hf://user/animals")
    said = capsys.readouterr().err
    assert constants.HF_HUB_CACHE in said
    assert "HF_HOME" in said
    ke.load("hf://user/animals")
    assert "HF_HOME" not in capsys.readouterr().err


# A hub that is away


@pytest.fixture
def away(monkeypatch):
    """From its call on, no hub is at the address."""

    def leave():
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
        url = f"http://127.0.0.1:{port}"
        home = pathlib.Path(constants.HF_HUB_CACHE).parent
        point_to(monkeypatch, url, home)

    return leave


def test_a_hub_that_is_away_says_what_is_cached(preset, away):
    ke.load("hf://user/animals")
    away()
    began = time.monotonic()
    with pytest.raises(ConnectionError, match="holds: hf://user/animals"):
        ke.load("hf://user/others")
    assert time.monotonic() - began < 8


def test_a_copy_in_the_cache_needs_no_hub(shared, away, capsys):
    ke.select("hf://user/tiny", resolution=12)
    away()
    assert ke.select("hf://user/tiny", resolution=12).arch.resolution == 12
    assert "Going on with the copy" in capsys.readouterr().err


def test_offline_by_the_variable_of_the_library(shared, monkeypatch):
    ke.select("hf://user/tiny", resolution=12)
    asked = len(shared.requests)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    ke.select("hf://user/tiny", resolution=12)
    assert len(shared.requests) == asked


def test_half_a_copy_is_no_copy(preset, away):
    ke.load("hf://user/animals")
    [path] = [p for p in cached("animals") if p.name == "model.keras"]
    path.unlink()
    away()
    with pytest.raises(ConnectionError, match="lacks model.keras"):
        ke.load("hf://user/animals")


def test_a_hub_that_does_not_answer(hub):
    hub.faults.append(("GET", 503))
    with pytest.raises(ConnectionError, match="cannot be reached"):
        ke.load("hf://user/animals")


def test_a_hub_that_is_away_takes_nothing(hub, away, model):
    away()
    with pytest.raises(ConnectionError, match="cannot be reached"):
        ke.save_preset(model, "hf://user/animals")


# What is not there, and what may not be


def test_an_unknown_repository(hub):
    with pytest.raises(ValueError, match="No repository 'hf://user/none' is"):
        ke.load("hf://user/none")


def test_an_unknown_revision(preset):
    with pytest.raises(ValueError, match="has no revision 'v2'"):
        ke.load("hf://user/animals@v2")


def test_a_private_repository_needs_a_token(preset, monkeypatch):
    preset.private.add("user/animals")
    assert ke.load("hf://user/animals").class_names == CLASS_NAMES
    monkeypatch.delenv("HF_TOKEN")
    shutil.rmtree(constants.HF_HUB_CACHE)
    with pytest.raises(ValueError, match="hf auth login"):
        ke.load("hf://user/animals")


def test_an_upload_needs_a_token(hub, model, monkeypatch):
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(ValueError, match="needs a token"):
        ke.save_preset(model, "hf://user/animals")
    assert hub.requests == []


def test_a_name_of_someone_else(hub, model):
    with pytest.raises(ValueError, match="may not write"):
        ke.save_preset(model, "hf://others/animals")


@pytest.mark.parametrize("fault", ["PUT /stored", "POST .*/commit/main"])
def test_an_upload_that_fails_leaves_nothing_half(hub, model, fault):
    hub.faults.append((fault, 400))
    with pytest.raises((ValueError, OSError, RuntimeError)):
        ke.save_preset(model, "hf://user/animals")
    assert {*hub.files("user/animals")} == {".gitattributes"}
    hub.faults.clear()
    ke.save_preset(model, "hf://user/animals")
    assert ke.load("hf://user/animals").class_names == CLASS_NAMES


def test_an_upload_makes_a_new_revision(hub, model):
    with pytest.raises(ValueError, match="Leave '@v2' out"):
        ke.save_preset(model, "hf://user/animals@v2")


def test_a_repository_that_is_neither(hub):
    hub.commit("user/other", {"config.json": b"{}"})
    with pytest.raises(ValueError, match="must hold an entry or a preset"):
        ke.load("hf://user/other")


@pytest.mark.parametrize(
    "address",
    ["hf://", "hf://name", "hf://a/b/c", "hf://a/b@", "hf://user/../x"],
)
def test_an_address_that_is_none(hub, address, model):
    with pytest.raises(ValueError, match="must be 'hf://user/name'"):
        ke.load(address)
    with pytest.raises(ValueError, match="must be 'hf://user/name'"):
        ke.save_preset(model, address)


def test_an_upload_to_a_folder(written):
    with pytest.raises(ValueError, match="`address` must be"):
        zoo.upload(written.folder, "somewhere")


def test_a_damaged_entry_is_not_put_on_a_hub(hub, folder):
    with open(folder / "statistics.npz", "ab") as file:
        file.write(b"#")
    with pytest.raises(ValueError, match="statistics.npz is damaged"):
        zoo.upload(folder, "hf://user/tiny")
    assert hub.requests == []


def test_a_missing_library(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ValueError, match=r'pip install -e "\.\[hub\]"'):
        ke.load("hf://user/animals")


def test_an_error_that_is_no_hubs():
    assert not hub_library.is_away(ValueError())
    assert hub_library.is_away(ConnectionRefusedError())


# What is not what it should be


def test_a_file_that_was_changed_on_the_hub(shared):
    weights = bytearray(shared.files("user/tiny")["supernet.weights.h5"])
    weights[100] ^= 1
    shared.commit("user/tiny", {"supernet.weights.h5": bytes(weights)})
    with pytest.raises(ValueError, match="h5 of 'hf://user/tiny' is damaged"):
        zoo.find_entry("hf://user/tiny")


def test_a_file_that_was_changed_in_the_cache(preset):
    ke.load("hf://user/animals")
    [path] = [p for p in cached("animals") if p.name == "model.keras"]
    content = path.read_bytes()
    path.resolve().write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match="is damaged or was changed") as error:
        ke.load("hf://user/animals")
    for place in re.findall(r"(?:folder|file) '([^']+)'", str(error.value)):
        # As the message says.
        place = pathlib.Path(place)
        shutil.rmtree(place) if place.is_dir() else place.unlink()
    assert ke.load("hf://user/animals").class_names == CLASS_NAMES


def test_a_description_that_was_changed(preset):
    text = preset.files("user/animals")["preset.json"].decode()
    changed = text.replace("cat", "car").encode()
    preset.commit("user/animals", {"preset.json": changed})
    with pytest.raises(ValueError, match="preset.json' is damaged"):
        ke.load("hf://user/animals")


@pytest.mark.parametrize(
    "name", ["../../x.json", "/etc/a.csv", "recipe.py", "w.pkl", "a/b.h5", ""]
)
def test_a_description_that_names_what_is_no_data(shared, name):
    table = json.loads(shared.files("user/tiny")["model.json"])
    table["files"][name] = "0" * 64
    change(shared, "user/tiny", "model.json", json.dumps(table).encode())
    with pytest.raises(ValueError, match="which are none of one"):
        zoo.find_entry("hf://user/tiny")


def change(hub, name, file, content):
    digest = hashlib.sha256(content).hexdigest()
    beside = f"{digest}  {file}\n".encode()
    hub.commit(name, {file: content, f"{file}.sha256": beside})


def test_a_file_that_lacks(shared):
    files = {**shared.files("user/tiny")}
    del files["statistics.npz"]
    shared.commit("user/less", files)
    with pytest.raises(ValueError, match="must hold the file statistics.npz"):
        zoo.find_entry("hf://user/less")


@pytest.mark.parametrize(
    "place",
    [
        {"module": "keras.layers", "class_name": "Lambda"},
        {"module": "os", "class_name": "system"},
        {"module": "keras.utils", "class_name": "get_file"},
        {"module": "mine", "class_name": "L", "registered_name": "mine>L"},
        {"module": None, "class_name": "L", "registered_name": "mine>L"},
        {"module": "os", "registered_name": "keras_elastic>None"},
    ],
)
def test_layers_of_others_are_refused(preset, place):
    content = preset.files("user/animals")["model.keras"]
    changed = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as old,
        zipfile.ZipFile(changed, "w") as new,
    ):
        for name in old.namelist():
            part = old.read(name)
            if name == "config.json":
                config = json.loads(part)
                config["config"]["layers"][2].update(place)
                part = json.dumps(config).encode()
            new.writestr(name, part)
    content = changed.getvalue()
    table = json.loads(preset.files("user/animals")["preset.json"])
    table["files"]["model.keras"] = hashlib.sha256(content).hexdigest()
    preset.commit("user/animals", {"model.keras": content})
    change(preset, "user/animals", "preset.json", json.dumps(table).encode())
    with pytest.raises(ValueError, match="must be made of stock layers"):
        ke.load("hf://user/animals")


# As a user does


@pytest.mark.slow
def test_in_a_process_of_its_own(shared, tmp_path):
    """By the variables alone, with the progress bars of the library."""
    code = (
        "import keras_elastic as ke\n"
        "model = ke.load('hf://user/tiny', resolution=12)\n"
        "print(ke.save_preset(model, 'hf://user/animals'))\n"
        "print(ke.load('hf://user/animals').class_names)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={
            **{k: v for k, v in os.environ.items() if "PROGRESS" not in k},
            "HF_ENDPOINT": shared.url,
            "HF_HOME": str(tmp_path / "home"),
            "HF_HUB_DISABLE_XET": "1",
        },
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    assert str(CLASS_NAMES) in run.stdout
    assert str(tmp_path / "home" / "hub") in run.stderr
    assert "100%" in run.stderr
