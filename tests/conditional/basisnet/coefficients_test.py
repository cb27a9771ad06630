import csv

import basisnet_tiny
import numpy as np
import pytest

from keras_elastic.conditional import measure_coefficients


@pytest.fixture(scope="module")
def model():
    return basisnet_tiny.shared()


def batches():
    images = basisnet_tiny.images(12)
    # No image of the last class.
    labels = np.arange(12) % 4
    return [(images[:5], labels[:5]), (images[5:], labels[5:])]


@pytest.mark.slow
def test_means_by_class(model):
    table = measure_coefficients(model, batches())
    images = basisnet_tiny.images(12)
    _, coefficients = model.preview(images)
    for number in range(4):
        expected = np.mean(np.asarray(coefficients)[number::4], axis=0)
        np.testing.assert_allclose(table.means[number], expected, atol=1e-5)
    assert np.isnan(table.means[4]).all()
    np.testing.assert_array_equal(table.images, [3, 3, 3, 3, 0])
    assert table.blocks == model.basis_block_names
    assert table.class_names == ("0", "1", "2", "3", "4")


def test_the_table(model, tmp_path):
    names = ("ant", "bee", "cat", "dog", "eel")
    table = measure_coefficients(model, batches(), names)
    table.write(tmp_path / "table.csv")
    with open(tmp_path / "table.csv", newline="") as file:
        header, *lines = csv.reader(file)
    assert header == ["class", "images", "block"] + [
        f"basis_{n}" for n in (1, 2, 3)
    ]
    assert len(lines) == 4 * 3
    assert lines[4][:3] == ["bee", "3", table.blocks[1]]
    found = [float(value) for value in lines[4][3:]]
    np.testing.assert_allclose(found, table.means[1, 1], atol=1e-6)


def test_errors(model):
    with pytest.raises(ValueError, match="5 names.*Received: 2"):
        measure_coefficients(model, batches(), ("a", "b"))
    with pytest.raises(ValueError, match="at least one batch"):
        measure_coefficients(model, [])
