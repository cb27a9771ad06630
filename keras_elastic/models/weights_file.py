"""The weights of a supernet, read from a file without the supernet.

To make a supernet costs more than to make one of its children. Who wants one
child reads the arrays and slices those.
"""

import re

import h5py
import numpy as np

from keras_elastic import layers
from keras_elastic.models import elastic_operations

# Layers whose weights are those of layers in them, in the order of
# `get_weights`.
_INNER = {
    layers.ElasticSqueezeExcite: ("reduce", "expand"),
    layers.ElasticShortcut: ("projection",),
}


def read_weights(path, family, classes) -> dict[str, list[np.ndarray]]:
    """Reads what `Supernet.save_weights` wrote.

    Args:
        path: Path of a `.weights.h5` file.
        family: The family of the supernet.
        classes: Integer. Number of classes of the supernet.

    Returns:
        Dictionary from the names of operations to float32 arrays, as
        `get_weights` of the layer of each returns them.

    Raises:
        ValueError: The file is of another supernet.
    """
    with h5py.File(path, "r") as file:
        weights = {
            name: list(_arrays(file, group, found.layer))
            for name, group, found in _layers(file, family, classes)
        }
        arrays = _count_arrays(file)
    read = sum(len(values) for values in weights.values())
    if read != arrays or not all(weights.values()):
        missing = [name for name, values in weights.items() if not values]
        raise ValueError(
            "The weights must be those of a supernet of the family "
            f"'{family.name}'. Received: {str(path)!r} with {arrays} arrays, "
            f"of which {read} are of layers of the family, and without "
            f"{missing}. Restore the file, or train again."
        )
    return weights


def _layers(file, family, classes):
    """The name, the group and the layer of each operation with weights."""
    plan = elastic_operations.plan_of_extremes(family, classes)
    counts = {}
    for block in plan.blocks:
        for operation in block.every_operation:
            found = elastic_operations.layer_sizes(operation)
            if found is None:
                continue
            count = counts[found.layer] = counts.get(found.layer, -1) + 1
            kind = _snake_case(found.layer.__name__)
            numbered = f"layers/{kind}_{count}" if count else f"layers/{kind}"
            # Keras walks the attributes of a model by name, one of which is
            # `layers`. What it finds later is stored there, by kind and number.
            group = operation.name if operation.name in file else numbered
            if found.sizes.get("use_projection", True):
                yield operation.name, group, found


def _snake_case(name):
    """As Keras writes the names of classes: `ElasticConv2D` has one bar."""
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def _arrays(file, group, layer):
    for inner in _INNER.get(layer, ("",)):
        variables = file.get(f"{group}/{inner}/vars", {})
        # Numbers as names: "0", "1", and "10" comes after "9".
        for name in sorted(variables, key=int):
            yield variables[name][()].astype("float32")


def _count_arrays(file):
    found = []
    file.visititems(
        lambda _, item: found.append(isinstance(item, h5py.Dataset))
    )
    return sum(found)
