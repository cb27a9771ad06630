"""Published networks by name."""

import keras

from keras_elastic import families
from keras_elastic.layers import slicing
from keras_elastic.models.child import build_child


def build(name, classes=1000, keras_module=keras):
    """Builds a published network from stock layers, with random weights.

    Args:
        name: String. One of `keras_elastic.families.network_names()`.
        classes: Integer. Number of classes.
        keras_module: `keras`, or a module with the same layers: `tf_keras`.

    Returns:
        A functional model from pixels in 0..255 of shape
        (batch, resolution, resolution, 3) to logits of shape (batch, classes).

    Raises:
        ValueError: No network has this name, or `classes` is not positive.

    Example:

    >>> keras_elastic.build("attentivenas_a0").count_params() > 8.9e6
    True
    """
    slicing.check_positive(classes=classes)
    family, arch = families.network(name)
    plan = family.plan(arch, classes)
    return build_child(plan, keras_module=keras_module, name=name)
