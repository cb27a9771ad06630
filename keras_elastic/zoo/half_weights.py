"""Weights in float16: half the file, where that costs no accuracy."""

import h5py
import numpy as np

from keras_elastic import files
from keras_elastic.training.validation import watched

# Most that float16 may cost in top-1: 0.05 points.
TOLERANCE = 0.0005

FILE, GROUP = h5py.h5p.FILE_CREATE, h5py.h5p.GROUP_CREATE


def round_weights(scorer) -> bool:
    """Rounds a supernet's weights to float16, if that costs no accuracy.

    The accuracy is that of the smallest, the largest and two random subnets on
    held-out images, each with statistics of its own. If one of them loses
    0.05 points or more, the weights stay as they are.

    Args:
        scorer: `Scorer` of the supernet, whose scores nobody uses later. The
            supernet's weights stay float32 variables.

    Returns:
        Whether the weights were rounded.
    """
    supernet = scorer.supernet
    exact = supernet.get_weights()
    with np.errstate(over="ignore"):
        rounded = [_rounded(weights) for weights in exact]
    if not all(np.isfinite(weights).all() for weights in rounded):
        return False
    archs = list(watched(supernet.space, 0).values())
    before = _accuracies(scorer, archs)
    supernet.set_weights(rounded)
    after = _accuracies(scorer, archs)
    costs_little = np.max(before - after) < TOLERANCE
    if not costs_little:
        supernet.set_weights(exact)
    return bool(costs_little)


def _rounded(weights):
    return weights.astype("float16").astype("float32")


def _accuracies(scorer, archs):
    """Measured now: what the scorer has scored was of other weights."""
    scores = [
        scorer.evaluate(
            arch, scorer.statistics(arch), scorer.evaluation_batches
        )
        for arch in archs
    ]
    return np.array([score.accuracy for score in scores])


def save_weights(supernet, path) -> None:
    """Writes the weights of a supernet, as float16 if that holds them exactly.

    `supernet.load_weights(path)` reads them either way.

    Args:
        supernet: `Supernet`.
        path: Path that ends in `.weights.h5`.
    """
    supernet.save_weights(path)
    with np.errstate(over="ignore"):
        exact = all(
            np.array_equal(_rounded(weights), weights)
            for weights in supernet.get_weights()
        )
    if exact:
        _halve(path)


def _halve(path):
    """Rewrites the arrays of a weights file as float16."""

    def copy(name, item):
        if isinstance(item, h5py.Dataset):
            target[name] = item[()].astype("float16")
            return
        group = h5py.h5g.create(target.id, name.encode(), gcpl=_timeless(GROUP))
        h5py.Group(group).attrs.update(item.attrs)

    with files.replacing(path) as smaller:
        with (
            h5py.File(path, "r") as source,
            _compact_file(smaller) as target,
        ):
            source.visititems(copy)


def _compact_file(path):
    """A new file in HDF5's latest layout, in which groups take less."""
    access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    access.set_libver_bounds(h5py.h5f.LIBVER_LATEST, h5py.h5f.LIBVER_LATEST)
    return h5py.File(
        h5py.h5f.create(bytes(path), fcpl=_timeless(FILE), fapl=access)
    )


def _timeless(kind):
    """Without the time, so that the same weights are the same bytes."""
    options = h5py.h5p.create(kind)
    options.set_obj_track_times(False)
    return options
