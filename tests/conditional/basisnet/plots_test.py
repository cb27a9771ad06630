import sys

import numpy as np
import pytest

from keras_elastic.conditional import CoefficientTable
from keras_elastic.conditional import EarlyExitCurve
from keras_elastic.conditional import plot_coefficients
from keras_elastic.conditional import plot_early_exit

CURVE = EarlyExitCurve(
    [0.9, 0.6, 0.3], [True, True, False], [True, False, True], 1e6, 5e6
)


def make_table(classes=4):
    means = np.random.default_rng(0).uniform(size=(classes, 2, 3))
    means[0] = np.nan
    images = np.r_[0, np.ones(classes - 1, int)]
    names = tuple(f"class {n}" for n in range(classes))
    return CoefficientTable(means, ("block1", "block2"), images, names)


def is_picture(path):
    return path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("chosen", [None, 0.0, 0.5, 1.0])
def test_draws_the_curve(tmp_path, chosen):
    pytest.importorskip("matplotlib")
    path = tmp_path / "exit.png"
    plot_early_exit(path, CURVE, chosen=chosen, title="early exit")
    assert is_picture(path)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("classes, blocks", [(4, None), (40, ("block2",))])
def test_draws_coefficients(tmp_path, classes, blocks):
    pytest.importorskip("matplotlib")
    path = tmp_path / "coefficients.png"
    plot_coefficients(path, make_table(classes), blocks=blocks)
    assert is_picture(path)


def test_blocks_that_are_not_there(tmp_path):
    with pytest.raises(ValueError, match="`blocks` must be some of.*block9"):
        plot_coefficients(tmp_path / "a.png", make_table(), blocks=["block9"])


def test_without_matplotlib_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"keras-elastic\[plots\]"):
        plot_early_exit(tmp_path / "exit.png", CURVE)
    with pytest.raises(ImportError, match=r"keras-elastic\[plots\]"):
        plot_coefficients(tmp_path / "coefficients.png", make_table())
    assert list(tmp_path.iterdir()) == []
