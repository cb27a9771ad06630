import types

import numpy as np
import pytest

from keras_elastic import families
from keras_elastic.selection.deployed import Deployed
from keras_elastic.selection.deployed import read_reference

FAMILY = families.get("bignas_digits")
LABELS = np.array([0, 1, 2, 0, 1, 2])
DATASET = types.SimpleNamespace(
    held_out=types.SimpleNamespace(size=6),
    test=types.SimpleNamespace(size=4),
    num_classes=3,
)


def write(folder, **arrays):
    np.savez(folder / "deployed.npz", **arrays)
    return folder / "deployed.npz"


def test_an_architecture(tmp_path):
    path = tmp_path / "architecture.json"
    path.write_text(FAMILY.space.smallest.to_json())
    assert read_reference(path, FAMILY) == FAMILY.space.smallest
    with pytest.raises(ValueError, match="of another family"):
        read_reference(path, families.get("bignas"))


def test_predictions(tmp_path):
    path = write(tmp_path, held_out=LABELS[::-1], test=LABELS[:4])
    deployed = read_reference(str(path), FAMILY)
    deployed.check(DATASET)
    assert deployed.reported == "test"
    assert deployed.correct("test", LABELS[:4]).all()
    # A recipe may select on the first images only.
    assert deployed.correct("test", LABELS[:3]).tolist() == [True] * 3
    only = read_reference(write(tmp_path, held_out=LABELS), FAMILY)
    only.check(DATASET)
    assert only.reported == "held_out"


@pytest.mark.parametrize(
    "arrays, message",
    [
        ({"test": LABELS}, r"must hold `held_out`.*\['test'\]"),
        ({"held_out": LABELS, "train": LABELS}, "must hold `held_out`"),
        ({"held_out": LABELS / 2}, "must hold `held_out`.*float64"),
        ({"held_out": LABELS[None]}, r"must hold `held_out`.*\(1, 6\)"),
        ({"held_out": LABELS[:0]}, "must hold `held_out`"),
        ({"held_out": np.array([{}])}, "must hold `held_out`"),
    ],
)
def test_a_file_of_something_else(tmp_path, arrays, message):
    with pytest.raises(ValueError, match=message):
        read_reference(write(tmp_path, **arrays), FAMILY)


@pytest.mark.parametrize(
    "name, text",
    [
        ("absent.npz", None),
        ("absent.json", None),
        ("damaged.npz", "PK"),
        ("text.npz", "text"),
        ("text.json", "text"),
    ],
)
def test_a_file_that_cannot_be_read(tmp_path, name, text):
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(ValueError):
        read_reference(tmp_path / name, FAMILY)


@pytest.mark.parametrize(
    "arrays, message",
    [
        ({"held_out": LABELS[:5]}, "each of the 6 images.*5 classes"),
        ({"held_out": LABELS, "test": LABELS}, "`test`.*4 images.*6 classes"),
        ({"held_out": LABELS + 1}, "from 0 to 2.*1 to 3"),
        ({"held_out": LABELS - 1}, "from 0 to 2.*-1 to 1"),
    ],
)
def test_predictions_of_other_images(arrays, message):
    with pytest.raises(ValueError, match=message):
        Deployed(**arrays).check(DATASET)


def test_predictions_in_another_order():
    with pytest.raises(ValueError, match="more often than chance.*0.00%"):
        Deployed(np.roll(LABELS, 1)).correct("held_out", LABELS)
