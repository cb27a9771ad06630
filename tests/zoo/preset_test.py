import json
import pathlib
import shutil

import contracts
import forked
import keras
import numpy as np
import pytest
from tiny_entry import CLASS_NAMES

import keras_elastic as ke

FILES = {
    *("preset.json", "preset.json.sha256"),
    *("model.keras", "labels.txt", "README.md"),
}
IMAGES = contracts.random_images(4, 12)


@pytest.fixture(scope="module")
def model(written):
    return ke.load(written.folder, resolution=12)


@pytest.fixture(scope="module")
def saved(model, tmp_path_factory):
    """A preset that no test changes."""
    folder = tmp_path_factory.mktemp("presets") / "animals"
    return ke.save_preset(model, folder, card="Of *animals*.")


@pytest.fixture
def folder(saved, tmp_path):
    return shutil.copytree(saved, tmp_path / "animals")


# Round trip


def test_files_of_a_preset(saved):
    assert {path.name for path in saved.iterdir()} == FILES
    assert [path.name for path in saved.parent.iterdir()] == ["animals"]


def test_a_preset_is_loaded_as_it_was(model, saved):
    loaded = ke.load(saved)
    assert loaded.class_names == CLASS_NAMES
    np.testing.assert_array_equal(
        loaded.predict(IMAGES, verbose=0), model.predict(IMAGES, verbose=0)
    )
    assert len(loaded.evaluate(IMAGES, np.arange(4), verbose=0)) == 2


@pytest.mark.slow
def test_keras_alone_reads_the_model(model, saved):
    code = (
        "import sys, keras, numpy as np\n"
        "model = keras.saving.load_model(sys.argv[1])\n"
        "images = np.load(sys.argv[2])\n"
        "np.save(sys.argv[2], model.predict(images, verbose=0))\n"
        "assert 'keras_elastic' not in sys.modules\n"
    )
    path = saved.parent / "images.npy"
    np.save(path, IMAGES)
    result = forked.run("-c", code, saved / "model.keras", path)
    assert result.returncode == 0, result.stderr
    logits = np.load(path)
    path.unlink()
    np.testing.assert_allclose(
        logits, model.predict(IMAGES, verbose=0), atol=1e-5
    )


def test_the_card_and_the_labels(saved):
    card = (saved / "README.md").read_text("utf-8")
    for words in ("Of *animals*.", "12 x 12 pixels", "4: cat, dog, owl, fox"):
        assert words in card
    assert (saved / "labels.txt").read_text() == "cat\ndog\nowl\nfox\n"


def test_the_preprocessing(saved):
    preset = json.loads((saved / "preset.json").read_text())
    assert preset["preprocessing"]["resolution"] == 12
    assert preset["preprocessing"]["values"] == [0, 255]


def test_names_of_a_new_head(written, tmp_path):
    model = ke.load(written.folder, resolution=12, classes=2)
    names = ("no", "yes")
    ke.save_preset(model, tmp_path / "new", class_names=names)
    assert ke.load(tmp_path / "new").class_names == names


@pytest.mark.slow
def test_the_state_of_the_optimizer_is_left_out(written, tmp_path):
    model = ke.load(written.folder, resolution=12)
    before = ke.save_preset(model, tmp_path / "before")
    model.fit(IMAGES, np.arange(4), verbose=0)
    after = ke.save_preset(model, tmp_path / "after")
    sizes = [(f / "model.keras").stat().st_size for f in (before, after)]
    assert sizes[1] == pytest.approx(sizes[0], rel=0.02)
    np.testing.assert_array_equal(
        ke.load(after).predict(IMAGES, verbose=0),
        model.predict(IMAGES, verbose=0),
    )


def test_several_labels_are_remembered(written, tmp_path):
    model = ke.load(written.folder, resolution=12, classes=3, multi_label=True)
    ke.save_preset(model, tmp_path / "labels")
    loaded = ke.load(tmp_path / "labels")
    labels = np.array([[0, 1, 1], [1, 0, 0], [0, 0, 0], [1, 1, 0]])
    assert set(
        loaded.evaluate(IMAGES, labels, return_dict=True, verbose=0)
    ) == {"loss", "average_precision", "auc"}


# Another head, other weights


def test_a_new_head_on_the_trunk_of_a_preset(model, saved):
    loaded = ke.load(saved, classes=7)
    assert loaded.output_shape == (None, 7)
    assert not hasattr(loaded, "class_names")
    assert [x.name for x in loaded.layers] == [x.name for x in model.layers]
    for one, other in zip(loaded.layers, model.layers, strict=True):
        if one.name != "head_classifier":
            for a, b in zip(
                one.get_weights(), other.get_weights(), strict=True
            ):
                np.testing.assert_array_equal(a, b)


def test_a_feature_extractor_of_a_preset(saved):
    features = ke.load(saved, include_top=False, pooling="avg")
    assert features.output_shape == (None, 32)


def test_random_weights(model, saved):
    loaded = ke.load(saved, weights=None)
    name = "head_classifier"
    assert not np.allclose(
        loaded.get_layer(name).get_weights()[0],
        model.get_layer(name).get_weights()[0],
    )


# Refusals


@pytest.mark.parametrize("choice", [{"flops": 1e6}, {"resolution": 12}])
def test_a_budget_has_nothing_to_choose(saved, choice):
    with pytest.raises(ValueError, match="A preset is one network"):
        ke.load(saved, **choice)


def test_a_preset_is_not_overwritten_unless_asked(model, folder):
    with pytest.raises(ValueError, match="`overwrite=True` to replace"):
        ke.save_preset(model, folder)
    ke.save_preset(model, folder, class_names=list("abcd"), overwrite=True)
    assert ke.load(folder).class_names == ("a", "b", "c", "d")


def test_another_folder_is_never_replaced(model, tmp_path):
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(ValueError, match="It holds no preset"):
        ke.save_preset(model, tmp_path, overwrite=True)
    assert (tmp_path / "thesis.txt").exists()


@pytest.mark.parametrize("file", ["model.keras", "labels.txt"])
def test_a_changed_file_is_named(folder, file):
    with open(folder / file, "r+b") as changed:
        changed.seek(3)
        changed.write(b"#")
    with pytest.raises(ValueError, match=f"{file} is damaged or was changed"):
        ke.load(folder)


@pytest.mark.parametrize("file", ["model.keras", "labels.txt"])
def test_a_missing_file_is_named(folder, file):
    (folder / file).unlink()
    with pytest.raises(ValueError, match=f"lacks its file {file}"):
        ke.load(folder)


def test_the_card_may_be_changed(folder):
    (folder / "README.md").write_text("# Mine")
    assert ke.load(folder).class_names == CLASS_NAMES


@pytest.mark.parametrize("content", ["{", "[]", '{"format": 9}'])
def test_a_damaged_description(folder, content):
    write_preset(folder, content)
    with pytest.raises(ValueError, match="preset.json' must"):
        ke.load(folder)


def write_preset(folder, content):
    """Writes preset.json as another would: without a digest of ours."""
    (folder / "preset.json").write_text(content)
    (folder / "preset.json.sha256").unlink()


def test_a_description_that_was_changed(folder):
    path = folder / "preset.json"
    path.write_text(path.read_text().replace("cat", "car"))
    with pytest.raises(ValueError, match="preset.json' is damaged or was"):
        ke.load(folder)


@pytest.mark.parametrize("file", ["model.keras", "labels.txt"])
@pytest.mark.parametrize("given", [{}, {"README.md": "0"}])
def test_a_description_must_vouch_for_every_file(folder, file, given):
    preset = json.loads((folder / "preset.json").read_text())
    others = {k: v for k, v in preset["files"].items() if k != file}
    write_preset(folder, json.dumps({**preset, "files": {**others, **given}}))
    with pytest.raises(ValueError, match=f"must hold the SHA-256 of {file}"):
        ke.load(folder)


@pytest.mark.parametrize(
    "change",
    [
        {"files": []},
        {"class_names": "abcd"},
        {"class_names": [1, 2, 3, 4]},
        {"multi_label": "no"},
    ],
)
def test_a_description_of_values_of_other_kinds(folder, change):
    preset = json.loads((folder / "preset.json").read_text())
    write_preset(folder, json.dumps({**preset, **change}))
    with pytest.raises(ValueError, match="preset.json' must have"):
        ke.load(folder)


def test_a_folder_does_not_take_the_place_of_an_entry(
    saved, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(saved, "bignas_digits")
    with pytest.warns(UserWarning, match="the zoo's entry of that name"):
        model = ke.load("bignas_digits", flops=3e5)
    assert model.output_shape == (None, 10)
    for folder in ("./bignas_digits", pathlib.Path("bignas_digits")):
        assert ke.load(folder).output_shape == (None, 4)


def test_a_home_folder(model, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert ke.save_preset(model, "~/mine") == tmp_path / "mine"
    assert ke.load("~/mine").class_names == CLASS_NAMES


def test_a_place_that_takes_no_folder(model, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="`folder` must be a folder.*file'"):
        ke.save_preset(model, tmp_path / "file" / "preset")


def test_code_in_a_model_is_refused(tmp_path):
    inputs = keras.Input((8, 8, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(inputs)
    doubled = keras.layers.Lambda(lambda x: 2 * x, name="code")(pooled)
    model = keras.Model(inputs, keras.layers.Dense(2)(doubled))
    with pytest.raises(ValueError, match=r"Lambda layers \['code'\]"):
        ke.save_preset(model, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_an_uncalibrated_child_is_refused(written, tmp_path):
    model = ke.load(written.folder, resolution=12, weights=None)
    with pytest.raises(ValueError, match="must be calibrated"):
        ke.save_preset(model, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_model_without_a_dense_head_keeps_it(tmp_path):
    inputs = keras.Input((8, 8, 3))
    maps = keras.layers.Conv2D(2, 1)(inputs)
    model = keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(maps))
    ke.save_preset(model, tmp_path / "convolution")
    with pytest.raises(ValueError, match="ends in a `Dense` layer"):
        ke.load(tmp_path / "convolution", classes=3)
