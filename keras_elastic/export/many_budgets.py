"""One SavedModel that holds a child for each of several budgets."""

import functools
import pathlib
import re
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from keras_elastic import checks
from keras_elastic import files
from keras_elastic.calibration import is_calibrated
from keras_elastic.export import child_checks
from keras_elastic.export import signatures
from keras_elastic.export import version_folders
from keras_elastic.export import warmup
from keras_elastic.export.saved_model import write_labels
from keras_elastic.export.shared_children import SharedChildren
from keras_elastic.models import preparation as preparations


@checks.arguments(
    source=checks.having("supernet", "front", what="a zoo entry")
    | checks.SUPERNET,
    folder=checks.PATH,
    version=checks.POSITIVE_INTEGER,
    top=checks.POSITIVE_INTEGER,
    overwrite=checks.BOOLEAN,
)
def many_budgets(
    source: Any,
    folder: str | pathlib.Path,
    budgets: Mapping,
    version: int = 1,
    *,
    class_names: Sequence[str] | None = None,
    top: int = 5,
    overwrite: bool = False,
) -> pathlib.Path:
    """Writes one SavedModel with a signature for each of several budgets.

    The children share their weights, as they do in their supernet: a server
    holds little more than the largest of them and answers each request within
    the budget that it names. Statistics of normalizations are each child's
    own, folded into its convolutions.

    Each budget has a signature `serve_<name>`; `serving_default` is that of
    the child of most parameters. Input: `images`, uint8 of shape
    `(batch, height, width, 3)`, of any size, prepared for the child as in
    `saved_model`. Outputs: `logits` and `probabilities`, float32
    `(batch, classes)`, and `top_classes` and `top_probabilities` as in
    `saved_model`. Beside them lie labels and warm-up requests, as there.

    Reference:
    - BigNAS: Scaling Up Neural Architecture Search with Big Single-Stage
      Models (Yu et al., ECCV 2020): children need no training of their own.

    Args:
        source: A zoo entry (`keras_elastic.zoo.find_entry`), whose front
            tells the best child of each budget, or a `Supernet`.
        folder: Path of the served model, the parent of its versions.
        budgets: Dictionary from names, of letters, digits and `_`, to
            budgets. For an entry: the most multiply-adds of one image. For a
            supernet: pairs of an `Architecture` and the statistics that
            `SubnetCalibrator.measure` returned for it.
        version: Positive integer, the version to write.
        class_names: Sequence of `classes` strings, in the order of the logits.
            Defaults to those of the entry, otherwise to `"0"`, `"1"`, ...
        top: Positive integer, how many classes `top_classes` names; at most
            the number of classes.
        overwrite: Boolean, whether to replace the version where it exists.

    Returns:
        The path of the version, `folder/<version>`.

    Raises:
        ValueError: If an argument is not as described above, if no child
            meets a budget, if the version exists and is not to be replaced,
            or if `folder` cannot be written into. Nothing is written then.

    Example:

    ```python
    entry = keras_elastic.zoo.find_entry("bignas_digits")
    path = keras_elastic.export.many_budgets(
        entry, "served/digits", {"small": 300e3, "large": 1e6}
    )
    served = tf.saved_model.load(str(path))
    print(served.signatures["serve_small"](images=images)["top_classes"])
    ```
    """
    folder = files.as_path(folder=folder)
    _check_budgets(budgets)
    checks.positive_integer(top=top)
    version_folders.check_version(folder, version, overwrite)
    children, known_names = _children_of(source, budgets)
    largest = max(children.values(), key=lambda child: child.count_params())
    _, num_classes = child_checks.check_child(largest)
    names = child_checks.check_class_names(
        largest,
        known_names if class_names is None else class_names,
        num_classes,
    )
    module = _module(children, names, min(top, num_classes))
    serve = {f"serve_{name}": module.functions[name] for name in children}
    [of_largest] = [n for n, child in children.items() if child is largest]
    serve["serving_default"] = module.functions[of_largest]
    with version_folders.writing_version(folder, version) as whole:
        _save(module, whole, serve)
        extra = whole / "assets.extra"
        extra.mkdir()
        write_labels(extra, names)
        warmup.write_warmup(extra, folder.name, _warmup_inputs(children))
    return folder / str(version)


def _check_budgets(budgets) -> None:
    """Raises a `ValueError` unless budgets have names for signatures."""
    is_given = isinstance(budgets, Mapping) and len(budgets) > 0
    names = list(budgets) if is_given else []
    if is_given and all(
        isinstance(name, str) and re.fullmatch(r"[A-Za-z0-9_]+", name)
        for name in names
    ):
        return
    raise ValueError(
        "`budgets` must be a dictionary from names of letters, digits and '_' "
        f"to budgets, and not empty. Received: budgets={budgets!r}. Pass such "
        'as {"200m": 200e6, "600m": 600e6}.'
    )


def _children_of(source, budgets: Mapping):
    """Returns a child for each budget, and the names of the classes.

    Args:
        source: A zoo entry or a `Supernet`.
        budgets: Dictionary from names to numbers of multiply-adds, for an
            entry, or to pairs of an `Architecture` and its statistics.

    Returns:
        Dictionary from the names of the budgets to calibrated children, and
        the names of the classes, or `None` for those of a supernet.

    Raises:
        ValueError: An argument is not as described above, or no child meets a
            budget.
    """
    subnets: Mapping[str, Any]
    if hasattr(source, "front"):
        supernet = source.supernet()
        rows = {n: _row(source, n, most) for n, most in budgets.items()}
        subnets = {
            name: (source.front.rows[row].arch, source.statistics(row))
            for name, row in rows.items()
        }
        class_names, preparation = source.class_names, source.preparation
    else:
        supernet, subnets, class_names = source, budgets, None
        preparation = None
        _check_subnets(subnets)
    found = {
        # Every node of a child's graph bears its name.
        name: supernet.child(arch, statistics, name="c")
        for name, (arch, statistics) in subnets.items()
    }
    for name, child in found.items():
        if preparation is not None:
            preparations.remember(child, preparation)
        if not is_calibrated(child):
            raise ValueError(
                "`budgets` must hold measured statistics. Received: those of "
                f"{name!r} are a new layer's. Pass what "
                "`keras_elastic.SubnetCalibrator.measure` returned."
            )
    return found, class_names


def _row(entry, name, most):
    """The number of the most accurate row of a front within a budget."""
    rows = entry.front.rows
    if isinstance(most, bool) or not isinstance(most, (int, float)):
        raise ValueError(
            "`budgets` of an entry must be numbers of multiply-adds. "
            f"Received: {most!r} for {name!r}. Pass such as 200e6."
        )
    fitting = [i for i, row in enumerate(rows) if row.flops <= most]
    if not fitting:
        least = min(row.flops for row in rows)
        raise ValueError(
            f"No architecture on the front of '{entry.name}' meets the budget "
            f"{name!r}, flops <= {most:g}; the smallest needs {least}. Raise "
            "the budget."
        )
    return max(fitting, key=lambda i: rows[i].score)


def _check_subnets(subnets):
    for name, subnet in subnets.items():
        if not isinstance(subnet, tuple) or len(subnet) != 2:
            raise ValueError(
                "`budgets` of a supernet must be pairs of an `Architecture` "
                f"and its statistics. Received: {subnet!r} for {name!r}. Pass "
                "a zoo entry to choose by multiply-adds."
            )


def _module(children, names, top):
    """A module with the weights and a function for each child."""
    shared = SharedChildren(list(children.values()))
    module = tf.Module()
    module.weights = shared.weights
    # The graph that prepares images for a resolution is stored once.
    by_resolution = {child.input_shape[1]: child for child in children.values()}
    prepare = {
        n: tf.function(
            signatures.preparation(n, preparations.find(child)),
            input_signature=[signatures.images_spec()],
            autograph=False,
        )
        for n, child in by_resolution.items()
    }
    module.functions = {}
    for number, (name, child) in enumerate(children.items()):
        serve = signatures.logits_signature(
            functools.partial(shared.call, number),
            prepare[child.input_shape[1]],
            names,
            top,
        )
        module.functions[name] = tf.function(
            serve, input_signature=[signatures.images_spec()], autograph=False
        )
    return module


def _save(module, path, serve):
    tf.saved_model.save(
        module,
        str(path),
        signatures=serve,
        # A served model is not trained.
        options=tf.saved_model.SaveOptions(experimental_custom_gradients=False),
    )


def _warmup_inputs(children):
    return {
        f"serve_{name}": {
            "images": np.full((1, *child.input_shape[1:]), 128, "uint8")
        }
        for name, child in children.items()
    }
