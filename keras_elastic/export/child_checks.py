"""What an export asks of a child, said before anything is written."""

import sys

import keras

from keras_elastic.calibration import is_calibrated
from keras_elastic.models import class_names

# Names of the toolkit's wrappers around layers, and what training they are for.
_WRAPPERS = {
    "QuantizeWrapperV2": "quantization_aware",
    "PruneLowMagnitude": "pruned",
    "ClusterWeights": "clustered",
}


def check_child(model, or_older=False) -> tuple[int, int]:
    """Returns the resolution and the number of classes of a valid child.

    Args:
        model: The model to check.
        or_older: Boolean, whether a model of `tf_keras` will do.

    Raises:
        ValueError: `model` is not a calibrated `keras.Model` from square RGB
            images to logits.
    """
    fits = isinstance(model, keras.Model) or (or_older and is_older(model))
    if not fits:
        raise ValueError(
            "`model` must be a `keras.Model`. "
            f"Received: model={model!r} of type {type(model).__name__}. "
            "Pass a child, such as `keras_elastic.load` returns."
        )
    resolution = _check_input(model)
    num_classes = _check_output(model)
    if not is_calibrated(model):
        raise ValueError(
            "`model` must be calibrated: BatchNormalization layers of it, or "
            "of a model in it, hold the statistics they were made with, mean "
            "0 and variance 1, or numbers that are not finite. "
            f"Received: model={model.name!r}. "
            "Call `keras_elastic.calibrate(model, images)` first."
        )
    return resolution, num_classes


def _check_input(model):
    shapes = [tuple(x.shape) for x in getattr(model, "inputs", None) or ()]
    if len(shapes) == 1 and len(shapes[0]) == 4:
        batch, height, width, channels = shapes[0]
        if batch is None and height and height == width and channels == 3:
            return height
    raise ValueError(
        "`model` must be built and have one input of shape (None, n, n, 3): "
        f"any batch, square, RGB. Received: model={model.name!r} with input "
        f"shapes {shapes}. Build it on "
        "`keras.Input((resolution, resolution, 3))`."
    )


def _check_output(model):
    shapes = [tuple(x.shape) for x in model.outputs]
    if len(shapes) == 1 and len(shapes[0]) == 2 and shapes[0][1]:
        return shapes[0][1]
    raise ValueError(
        "`model` must have one output of shape (None, classes), the logits. "
        f"Received: model={model.name!r} with output shapes {shapes}. "
        "End it with global pooling and a `keras.layers.Dense(classes)`."
    )


def check_class_names(model, names, num_classes: int) -> tuple[str, ...]:
    """Returns the names of the classes: given, the model's or the indices.

    Raises:
        ValueError: They are not one string for each class, as
            `class_names.check` wants them.
    """
    if names is None:
        names = class_names.find(model)
    if names is None:
        names = [str(index) for index in range(num_classes)]
    return class_names.check(names, num_classes)


def is_older(model) -> bool:
    """Whether a model is one of `tf_keras`, the Keras before version 3.

    Told without importing that library: who has such a model has done so.
    """
    tf_keras = sys.modules.get("tf_keras")
    return tf_keras is not None and isinstance(model, tf_keras.Model)


def wrapped_by(model) -> str | None:
    """The function of this package that wrapped a model's layers, or `None`."""
    layers = getattr(model, "layers", ())
    layers = layers if isinstance(layers, (list, tuple)) else ()
    kinds = {type(layer).__name__ for layer in layers}
    return next((_WRAPPERS[k] for k in sorted(kinds & {*_WRAPPERS})), None)


def check_finished(model) -> None:
    """Raises a `ValueError` unless a model of the older Keras is for export."""
    wrapper = wrapped_by(model)
    if is_older(model) and wrapper != "quantization_aware":
        made = f"as `{wrapper}` returned it" if wrapper else "of `tf_keras`"
        raise ValueError(
            "`model` must be a `keras.Model`, or what `quantization_aware` "
            f"returned. Received: model={model.name!r}, {made}. Pass a child, "
            "such as `keras_elastic.load` and `keras_elastic.export.stripped` "
            "return."
        )
