"""Networks by name and budget."""

import dataclasses
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING
from typing import Any

import numpy as np

from keras_elastic import checks
from keras_elastic.calibration import calibrate
from keras_elastic.calibration import normalizations
from keras_elastic.models import heads
from keras_elastic.models.outputs import is_multi_label
from keras_elastic.models.preparation import remember
from keras_elastic.selection import Budget
from keras_elastic.selection import Front
from keras_elastic.selection.budget import latency_limits
from keras_elastic.spaces import Architecture
from keras_elastic.spaces import costs
from keras_elastic.zoo import hub
from keras_elastic.zoo import preset
from keras_elastic.zoo.entry import Entry
from keras_elastic.zoo.places import find_entry

if TYPE_CHECKING:
    import keras

    from keras_elastic.selection.latency.table import LatencyTable

_RANDOM_DRAWS = 10_000


@checks.arguments(
    name_or_folder=checks.PATH,
    flops=checks.POSITIVE | checks.NONE,
    params=checks.POSITIVE | checks.NONE,
    memory=checks.POSITIVE | checks.NONE,
    latency_ms=checks.POSITIVE | checks.NONE,
    resolution=checks.POSITIVE_INTEGER | checks.NONE,
    arch=checks.ARCHITECTURE | checks.NONE,
    classes=checks.POSITIVE_INTEGER | checks.NONE,
    multi_label=checks.BOOLEAN,
    include_top=checks.BOOLEAN,
    pooling=checks.STRING | checks.NONE,
    weights=checks.choice(("auto", None)),
    calibration_images=checks.IMAGES | checks.NONE,
)
def load(
    name_or_folder: str | os.PathLike[str],
    *,
    flops: float | None = None,
    params: float | None = None,
    memory: float | None = None,
    latency_ms: float | None = None,
    latency_table: "LatencyTable | str | os.PathLike[str] | None" = None,
    resolution: int | None = None,
    arch: Architecture | None = None,
    classes: int | None = None,
    multi_label: bool = False,
    include_top: bool = True,
    pooling: str | None = None,
    weights: str | None = "auto",
    calibration_images: Iterable[Any] | None = None,
) -> "keras.Model":
    """Loads the best network of an entry within a budget.

    An entry of a supernet gives a child. One of a BasisNet, a DS-Net or a
    cascade gives that model, whose budget is a mean over images: it sets the
    threshold of the exits, or the window of widths.

    Args:
        name_or_folder: Name of a zoo entry, the folder of a run, or the
            folder of a preset, which is one network and takes no budget. Or
            where one is on a hub: `"hf://user/name"`, with `"@revision"` for
            a branch, a tag or a commit, or
            `"kaggle://user/model/framework/variation"`, with `"/version"`.
            What it needs is kept in the cache of the hub's library.
        flops: Number. Most multiply-adds of one image; for a model that
            decides image by image, on average over the held-out images.
        params: Number. Most trainable weights.
        memory: Number. Most bytes of activations of one image, at float32.
        latency_ms: Number. Most milliseconds of a call on the device of
            `latency_table`.
        latency_table: `keras_elastic.selection.LatencyTable` of the entry's
            family, or the path of its file. `keras-elastic search --measure`
            makes one of this machine.
        resolution: Integer. The input resolution in pixels.
        arch: `Architecture` to load instead of what a budget chooses. One
            that is not on the entry's front needs `calibration_images`.
        classes: Integer. Makes a new head for this many classes, for
            fine-tuning, which the budget counts. Defaults to the trained
            head.
        multi_label: Boolean. Whether an image may have any number of the
            `classes`: labels are then of shape (batch, classes), of zeros and
            ones, and the loss is the binary cross-entropy of each.
        include_top: Boolean. Whether the network ends in a classifier.
            `False` gives its last feature map before the pooling over all
            pixels; the budget counts the trained head nevertheless.
        pooling: Of the feature map with `include_top=False`: `None` for the
            map itself, `"avg"` or `"max"` for a vector.
        weights: `"auto"` for the entry's weights and calibrated statistics,
            `None` for random initialization.
        calibration_images: Training images to measure the statistics of the
            normalizations on, as `keras_elastic.calibrate` takes them.
            Defaults to the statistics that the entry holds for its front.

    Returns:
        A `keras.Model`, for a supernet a functional one of stock layers,
        compiled for fine-tuning and evaluation: from pixels in 0..255 of
        shape (batch, resolution, resolution, 3) to logits of shape (batch,
        classes). The names of the classes are in its attribute `class_names`,
        unless `classes` is given.
        With `include_top=False`, not compiled, to features of shape (batch,
        height, width, channels), or with `pooling` (batch, channels).

    Raises:
        ValueError: The name is unknown, no network meets the budget (the
            reachable range is stated), arguments contradict each other, the
            latency table is of another family, the entry has no weights, or
            its files are damaged.
        ConnectionError: The hub is away, and its cache has no copy.

    Example:

    ```python
    model = keras_elastic.load("bignas_digits", flops=1e6)
    model.evaluate(images, labels)
    model = keras_elastic.load("bignas_digits", flops=1e6, classes=3)
    keras_elastic.finetune_recipe(model).fit(model, my_images, my_labels)
    features = keras_elastic.load(
        "bignas_digits", flops=1e6, include_top=False, pooling="avg"
    )
    ```
    """
    heads.check_head(classes, include_top, pooling, multi_label)
    budget = Budget(flops, params, memory, resolution)
    latency = {"latency_ms": latency_ms, "latency_table": latency_table}
    latency_limits(**latency)
    name_or_folder = hub.pulled(name_or_folder)
    if preset.is_preset(name_or_folder):
        _check_no_choice(name_or_folder, budget, arch, latency_ms)
        model = preset.load_preset(name_or_folder, classes, weights is not None)
        multi_label = multi_label or (classes is None and is_multi_label(model))
    else:
        entry = find_entry(name_or_folder)
        if isinstance(entry, Entry):
            limits = latency_limits(**latency, family=entry.family)
            budget = dataclasses.replace(budget, limits=limits)
            _check_one_choice(budget, arch)
            if arch is None:
                arch = _best_within(budget, entry, classes, weights)
            model = _child(entry, arch, classes, weights, calibration_images)
        else:
            _check_no_latency(entry, latency_ms)
            has_weights = weights is not None
            model = entry.network(
                budget, arch=arch, classes=classes, weights=has_weights
            )
        if classes is None:
            model.class_names = entry.class_names
            remember(model, entry.preparation)
    if calibration_images is not None:
        calibrate(model, calibration_images)
    if not include_top:
        return heads.without_head(model, pooling)
    return heads.compile_classifier(model, multi_label)


def _check_no_choice(folder, budget, arch, latency_ms):
    if budget == Budget() and arch is None and latency_ms is None:
        return
    given = budget if arch is None else arch
    if latency_ms is not None:
        given = f"latency_ms={latency_ms}"
    raise ValueError(
        "A preset is one network, so there is nothing to choose. Received: "
        f"{str(folder)!r} with {given}. Leave the "
        "budget and `arch` out, or pass a zoo entry or a run."
    )


def _check_no_latency(entry, latency_ms):
    if latency_ms is not None:
        raise ValueError(
            "`latency_ms` is of the networks of a supernet, and "
            f"'{entry.name}' is a {entry.label}, which takes another time for "
            f"each image. Received: latency_ms={latency_ms}. Pass `flops`, a "
            "mean over images, instead."
        )


def _check_one_choice(budget, arch):
    if arch is not None and budget != Budget():
        raise ValueError(
            "`arch` is what a budget would choose. Received: both "
            f"{arch} and {budget}. Leave one out."
        )


def _best_within(budget, entry, classes, weights):
    """The architecture that a budget chooses."""
    budget.check_reachable(entry.family, classes or entry.classes)
    if weights is None:
        return _largest_within(budget, entry.family, classes or entry.classes)
    return _front(entry, classes).best(budget, entry.name).arch


def _child(entry, arch, classes, weights, calibration_images):
    """Extracts an architecture, with statistics if it is on the front."""
    if weights is None:
        return entry.supernet(weights=False).child(arch, classes=classes)
    arch = entry.family.space.canonical(arch)
    rows = [row.arch for row in entry.front.rows]
    statistics = entry.statistics(rows.index(arch)) if arch in rows else None
    child = entry.child(arch, statistics, classes)
    has_none = statistics is None and calibration_images is None
    if has_none and normalizations(child):
        raise ValueError(
            "`calibration_images` must be given for an architecture that is "
            f"not among the {len(rows)} on the front of '{entry.name}': the "
            "entry has no statistics of its normalizations. Received: "
            f"arch={arch}. Pass some hundred training images."
        )
    return child


def _front(entry, classes):
    """The front of an entry, with the costs of a head for `classes`."""
    if classes is None:
        return entry.front
    plan = entry.family.plan
    return Front(
        dataclasses.replace(row, **costs(plan(row.arch, classes))._asdict())
        for row in entry.front.rows
    )


def _largest_within(budget, family, classes):
    """The costliest of many random architectures that meet a budget."""
    space = family.space
    encoded = space.sample_encoded(np.random.default_rng(0), _RANDOM_DRAWS)
    ends = [space.encode(space.smallest), space.encode(space.largest)]
    encoded = np.concatenate([ends, encoded])
    if budget.resolution is not None:
        encoded[:, 0] = budget.resolution
    counted = costs(family.plan(space.unstack(encoded), classes))
    fits = budget.holds(counted, encoded[:, 0])
    fits = fits & budget.fits_limits(space, encoded)
    best = np.argmax(np.where(fits, counted.flops, -1))
    return space.decode(encoded[best])
