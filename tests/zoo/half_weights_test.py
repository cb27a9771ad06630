import time

import h5py
import numpy as np
import pytest
from tiny_entry import CLASS_NAMES
from tiny_entry import FAMILY

from keras_elastic.models import Supernet
from keras_elastic.selection.front import Score
from keras_elastic.zoo import half_weights
from keras_elastic.zoo.half_weights import round_weights


class FakeScorer:
    """Finds some subnets less accurate once the weights are rounded."""

    evaluation_batches = "held out"

    def __init__(self, supernet, loss=0.0):
        self.supernet = supernet
        self.loss = loss

    def statistics(self, arch):
        return arch

    def evaluate(self, arch, statistics, batches):
        assert (statistics, batches) == (arch, self.evaluation_batches)
        is_hurt = arch == self.supernet.space.smallest
        return Score(
            0.9 - self.loss * (is_hurt and is_rounded(self.supernet)), -1.0
        )


def is_rounded(supernet):
    return all(
        np.array_equal(w, w.astype("float16").astype("float32"))
        for w in supernet.get_weights()
    )


@pytest.fixture
def supernet():
    return Supernet(FAMILY, len(CLASS_NAMES))


def types_in(path):
    types = set()
    with h5py.File(path) as file:
        file.visititems(
            lambda name, item: types.add(getattr(item, "dtype", None))
        )
    return types - {None}


def test_weights_are_rounded_where_that_costs_little(supernet):
    before = supernet.get_weights()
    assert round_weights(FakeScorer(supernet, loss=0.0004))
    assert is_rounded(supernet)
    for one, other in zip(supernet.get_weights(), before, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-6)


def test_weights_stay_where_one_subnet_loses_accuracy(supernet):
    before = supernet.get_weights()
    assert not round_weights(FakeScorer(supernet, loss=0.0006))
    for one, other in zip(supernet.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)


def test_weights_beyond_float16_stay(supernet):
    weights = supernet.get_weights()
    weights[0].flat[0] = 1e6
    supernet.set_weights(weights)
    assert not round_weights(FakeScorer(supernet))
    assert supernet.get_weights()[0].flat[0] == 1e6


def test_rounded_weights_take_half_the_file(supernet, tmp_path):
    paths = [tmp_path / f"{name}.weights.h5" for name in ("exact", "half")]
    half_weights.save_weights(supernet, paths[0])
    round_weights(FakeScorer(supernet))
    half_weights.save_weights(supernet, paths[1])
    assert [types_in(path) for path in paths] == [
        {np.dtype("float32")},
        {np.dtype("float16")},
    ]
    sizes = [path.stat().st_size for path in paths]
    arrays = sum(w.nbytes for w in supernet.get_weights())
    assert sizes[1] <= sizes[0] - arrays / 2


def test_rounded_weights_are_read_again(supernet, tmp_path):
    path = tmp_path / "half.weights.h5"
    round_weights(FakeScorer(supernet))
    half_weights.save_weights(supernet, path)
    other = Supernet(FAMILY, len(CLASS_NAMES))
    other.load_weights(path)
    for one, wanted in zip(
        other.get_weights(), supernet.get_weights(), strict=True
    ):
        assert one.dtype == "float32"
        np.testing.assert_array_equal(one, wanted)


@pytest.mark.parametrize("rounds", [False, True])
def test_the_same_weights_are_the_same_bytes(supernet, tmp_path, rounds):
    if rounds:
        supernet.set_weights([w.round() for w in supernet.get_weights()])
    path = tmp_path / "some.weights.h5"
    half_weights.save_weights(supernet, path)
    before = path.read_bytes()
    # HDF5 notes times in whole seconds.
    time.sleep(1.1)
    half_weights.save_weights(supernet, path)
    assert path.read_bytes() == before
