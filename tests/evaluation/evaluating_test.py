"""Tests of `evaluation/pictures.py`, too."""

import json

import colors
import keras
import numpy as np
import pytest

from keras_elastic.evaluation import evaluate
from keras_elastic.evaluation import pictures

NUMBERS = {"report.json", "classes.csv", "confusion.csv"}


@pytest.fixture(scope="module")
def model():
    return colors.model()


@pytest.fixture(scope="module")
def dataset():
    return colors.dataset((0, 1, 2, 0, 1), (0, 1, 0, 0, 2))


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "images" / "green.png"
    path.parent.mkdir()
    pixels = np.zeros((6, 9, 3), "uint8")
    pixels[..., 1] = 200
    keras.utils.save_img(path, pixels, scale=False)
    return path


def names(folder):
    return {path.name for path in folder.iterdir()}


def test_numbers_alone(model, dataset):
    report = evaluate(model, dataset)
    assert report.top1 == pytest.approx(0.6)
    assert (report.model, report.dataset) == ("namer", "colors")


def test_all_files(model, dataset, image, tmp_path):
    pytest.importorskip("matplotlib")
    folder = tmp_path / "deep" / "report"
    worse = colors.model(order=(1, 0, 2))
    report = evaluate(model, dataset, folder, against=worse, cam=image)
    assert names(folder) == NUMBERS | {
        "flips.csv",
        "confusion.png",
        "mistakes.png",
        "cam.png",
    }
    for picture in folder.glob("*.png"):
        assert np.ptp(keras.utils.img_to_array(keras.utils.load_img(picture)))
    written = json.loads((folder / "report.json").read_text("utf-8"))
    assert written["accuracy_by_class"]["red"] == 1
    assert report.flips.top1 == (0.0, pytest.approx(0.6))


def test_names_that_are_no_formulas(tmp_path):
    pytest.importorskip("matplotlib")
    odd = ("$x", "a_{b$", "\u732b")
    dataset = colors.dataset((0, 1, 2), (0, 2, 1), names=odd)
    evaluate(colors.model(odd), dataset, tmp_path / "report")
    assert (tmp_path / "report" / "mistakes.png").is_file()


def test_without_mistakes_there_is_no_sheet(model, tmp_path):
    pytest.importorskip("matplotlib")
    evaluate(model, colors.dataset(), tmp_path / "report")
    assert names(tmp_path / "report") == NUMBERS | {"confusion.png"}


def test_without_matplotlib(model, dataset, tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "can_draw", lambda: False)
    with pytest.warns(UserWarning, match="plots"):
        evaluate(model, dataset, tmp_path / "report")
    assert names(tmp_path / "report") == NUMBERS


@pytest.mark.parametrize(
    "split, images", [("test", 5), ("held_out", 2), ("train", 3), ("all", 10)]
)
def test_splits(model, dataset, split, images):
    assert sum(evaluate(model, dataset, split=split).counts) == images


def test_classes_in_another_order(dataset):
    # Names that the model has elsewhere.
    model = colors.model(("blue", "red", "green"), order=(2, 0, 1))
    report = evaluate(model, dataset)
    assert report.top1 == pytest.approx(0.6)
    assert report.counts == [1, 2, 2]


@pytest.mark.parametrize(
    "known, given, shown",
    [
        (colors.NAMES, ("0", "1", "2"), colors.NAMES),
        (("0", "1", "2"), colors.NAMES, colors.NAMES),
        (None, colors.NAMES, colors.NAMES),
    ],
)
def test_names_say_more_than_numbers(known, given, shown):
    report = evaluate(colors.model(known), colors.dataset(names=given))
    assert report.class_names == shown
    assert report.top1 == 1


def test_a_report_is_replaced_only_if_asked(model, dataset, tmp_path):
    folder = tmp_path / "report"
    evaluate(model, dataset, folder)
    (folder / "report.json").write_text("old")
    with pytest.raises(ValueError, match="overwrite=True"):
        evaluate(model, dataset, folder)
    assert (folder / "report.json").read_text() == "old"
    evaluate(model, dataset, folder, overwrite=True)
    assert json.loads((folder / "report.json").read_text("utf-8"))


def test_another_folder_is_never_replaced(model, dataset, tmp_path):
    (tmp_path / "photo.jpg").touch()
    with pytest.raises(ValueError, match="holds no report"):
        evaluate(model, dataset, tmp_path, overwrite=True)
    assert names(tmp_path) == {"photo.jpg"}


def test_nothing_is_left_after_an_error(dataset, tmp_path):
    broken = colors.model()
    broken.get_layer("classifier").bias.assign([np.nan, 0, 0])
    with pytest.raises(ValueError, match="finite"):
        evaluate(broken, dataset, tmp_path / "report")
    assert not list(tmp_path.iterdir())


def no_image(folder):
    path = folder / "no.png"
    path.write_bytes(b"no image")
    return path


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda folder: folder / "none.png", "no file"),
        (no_image, "no.png"),
        (lambda folder: folder, "no file"),
    ],
)
def test_refuses_what_is_no_image(model, dataset, tmp_path, make, words):
    cam = make(tmp_path)
    with pytest.raises(ValueError, match=words):
        evaluate(model, dataset, tmp_path / "report", cam=cam)
    assert not (tmp_path / "report").exists()


def test_refuses_a_map_without_a_folder(model, dataset, image):
    with pytest.raises(ValueError, match="needs a `folder`"):
        evaluate(model, dataset, cam=image)


@pytest.mark.parametrize(
    "arguments, words",
    [
        ({"split": "val"}, "`split`"),
        ({"against": colors.model(("a", "b", "c"))}, "'red'"),
        ({"against": "bignas"}, "`against`"),
    ],
)
def test_refuses_other_arguments(model, dataset, arguments, words):
    with pytest.raises(ValueError, match=words):
        evaluate(model, dataset, **arguments)


def test_refuses_a_model_of_other_inputs(dataset):
    inputs = keras.Input((None, None, 3))
    x = keras.layers.GlobalAveragePooling2D()(inputs)
    flat = keras.Model(inputs, keras.layers.Dense(3)(x))
    with pytest.raises(ValueError, match="square RGB"):
        evaluate(flat, dataset)
