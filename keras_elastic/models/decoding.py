"""Logits as names and probabilities."""

from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from keras_elastic import checks
from keras_elastic.models import class_names
from keras_elastic.models import outputs


class Prediction(NamedTuple):
    """A class of an image: its name, and its probability in 0..1."""

    name: str
    probability: float


@checks.arguments(logits=checks.SEQUENCE, top=checks.POSITIVE_INTEGER)
def decode_predictions(
    logits: Any, model: keras.Model | Sequence[str], top: int = 5
) -> list[list[Prediction]]:
    """Names the most probable classes of each image.

    Args:
        logits: Array of shape (batch, classes), what `model` returned. Of a
            model that ends in a softmax or in sigmoids, probabilities.
        model: `keras.Model` with names of classes in its attribute
            `class_names`, as `keras_elastic.load` gives it, or a sequence of
            such names.
        top: Integer. Classes of each image. Defaults to 5.

    Returns:
        List with an entry for each image: a list of `Prediction`, the most
        probable first. With several labels an image (`multi_label=True`) the
        probabilities are those of each label by itself.

    Raises:
        ValueError: The model has no names, they are not as many as the
            logits, or `top` is not a positive integer.

    Example:

    >>> model = keras_elastic.load("bignas_digits", flops=1e6)
    >>> images = np.zeros((2, 12, 12, 3))
    >>> [[best], _] = keras_elastic.decode_predictions(model(images), model, 1)
    >>> best.name in model.class_names
    True
    """
    names = _names(model)
    end, multi_label = _scores(model)
    logits = ops.convert_to_numpy(logits).astype("float64")
    if logits.ndim != 2 or logits.shape[1] != len(names):
        raise ValueError(
            f"`logits` must have shape (batch, {len(names)}), one for each of "
            f"the {len(names)} class names. Received: shape={logits.shape}. "
            "Pass what the model returned for a batch of images."
        )
    probabilities = ops.convert_to_numpy(
        outputs.to_probabilities(logits, end, multi_label)
    )
    best = np.argsort(-probabilities, axis=1, kind="stable")[:, :top]
    return [
        [Prediction(names[place], float(row[place])) for place in places]
        for row, places in zip(probabilities, best, strict=True)
    ]


def _names(model):
    if isinstance(model, (list, tuple)):
        return tuple(model)
    names = class_names.find(model)
    if names is None:
        raise ValueError(
            "`model` must have the names of its classes in its attribute "
            f"`class_names`. Received: {getattr(model, 'name', model)!r}, "
            "which has none. Set `model.class_names = [...]`, or pass the "
            "names instead of the model."
        )
    return tuple(names)


def _scores(model):
    """What the model returned, and whether labels are apart."""
    if isinstance(model, keras.Model):
        return outputs.check_classifier(model)
    return outputs.LOGITS, outputs.is_multi_label(model)
