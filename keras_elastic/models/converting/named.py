"""Models of which a recipe makes a supernet, by what it calls them."""

import functools
import inspect
import json
import os
import pathlib
import sys

import keras
import numpy as np

from keras_elastic import families
from keras_elastic.models.converting.elastic import convert
from keras_elastic.models.converting.elastic import elastic

ELASTIC = "elastic:"
APPLICATIONS = "keras.applications:"


def find_family(name, **changes):
    """Returns a family by what a recipe calls it.

    Args:
        name: Name of a registered family, or `"elastic:SOURCE"` for that of a
            model, where the source is `"PATH.keras"` or
            `"keras.applications:NAME"`.
        **changes: Fields of the family's table to replace, or arguments of
            `keras_elastic.elastic`.

    Raises:
        ValueError: There is no such family or model, or the model cannot be
            read.
    """
    source = elastic_source(name)
    if source is not None and not is_application(source):
        source = os.path.expanduser(source)
    if source is None:
        try:
            return families.get(name, **changes)
        except (AttributeError, TypeError, ValueError) as error:
            raise ValueError(
                f"`family` cannot be had with these changes: {error}"
            ) from error
    written = None if is_application(source) else _time_of(source)
    return _read_family(source, json.dumps(changes, sort_keys=True), written)


def elastic_source(name):
    """The source of an `"elastic:SOURCE"`, or `None` for another name."""
    return name.removeprefix(ELASTIC) if name.startswith(ELASTIC) else None


def is_application(source) -> bool:
    """Whether a source is a network of keras.applications."""
    return str(source).startswith(APPLICATIONS)


# A recipe asks for its family again and again. A file may be written anew.
@functools.lru_cache(maxsize=4)
def _read_family(source, changes, written):
    arguments = _arguments(source, json.loads(changes))
    return convert(_load(source, weights=None), **arguments)[0]


def load_elastic(source, **changes):
    """Makes a supernet of a model that has weights.

    Args:
        source: As `find_family`. A network of keras.applications has the
            weights of ImageNet, which Keras downloads once.
        **changes: Arguments of `keras_elastic.elastic`.

    Returns:
        `Supernet`, as `keras_elastic.elastic` returns it.

    Raises:
        ValueError: As `find_family`, or the weights cannot be downloaded.
    """
    arguments = _arguments(source, changes)
    return elastic(_load(source, weights="imagenet"), **arguments)


def _arguments(source, changes):
    """Arguments of `elastic` for a source: its own, and a recipe's."""
    known = sorted(set(inspect.signature(convert).parameters) - {"model"})
    unknown = sorted(set(changes) - set(known))
    if unknown:
        raise ValueError(
            f"The changes of a family of '{source}' must be arguments of "
            f"`keras_elastic.elastic`, {known}. Received: {unknown}."
        )
    if is_application(source):
        name = source.removeprefix(APPLICATIONS)
        own = {"name": name.lower(), **pixels_of(_builder(source))}
    else:
        own = {"name": pathlib.Path(source).stem}
    return {**own, **changes}


def _load(source, weights):
    if not is_application(source):
        _time_of(source)
        return keras.saving.load_model(source, compile=False)
    build = _builder(source)
    # Keras raises an `Exception`, and no kind of it.
    try:
        return build(weights=weights, classifier_activation=None)
    except Exception as error:
        if weights is None:
            raise
        raise ValueError(
            f"`initial` must be weights that can be had. Received: '{source}', "
            f"whose weights of ImageNet Keras cannot download ({error}). Try "
            "again with a network, or pass `initial` (--initial): a .keras "
            "file of the model, or 'random'."
        ) from error


def _time_of(path):
    """When a file was written."""
    path = pathlib.Path(path)
    if path.suffix != ".keras" or not path.is_file():
        raise ValueError(
            "The model of a family must be a .keras file that exists, or "
            f"'{APPLICATIONS}NAME', as in '{ELASTIC}model.keras'. "
            f"Received: {str(path)!r}."
        )
    return path.stat().st_mtime_ns


def _builder(source):
    """The function of keras.applications that builds a network."""
    name = source.removeprefix(APPLICATIONS)
    known = [n for n in dir(keras.applications) if n[0].isupper()]
    if name not in known:
        raise ValueError(
            f"'{APPLICATIONS}NAME' needs a NAME of {known}. "
            f"Received: {source!r}."
        )
    return getattr(keras.applications, name)


def pixels_of(build):
    """What the `preprocess_input` beside a network does, for `elastic`.

    Args:
        build: Function of keras.applications.
    """
    preprocess = sys.modules[build.__module__].preprocess_input

    def apply(pixel):
        images = np.array(pixel, "float64").reshape((1, 1, 1, 3))
        return np.ravel(preprocess(images, data_format="channels_last"))

    offset = apply([0, 0, 0])
    # What each channel that comes out gets of each that goes in.
    scales = [(apply(255 * row) - offset) / 255 for row in np.eye(3)]
    scales = np.stack(scales, axis=1)
    is_bgr = scales[0, 0] == 0
    scale = np.diag(scales[:, ::-1] if is_bgr else scales)
    return {
        "scale": tuple(scale.tolist()),
        "offset": tuple(offset.tolist()),
        "channel_order": "bgr" if is_bgr else "rgb",
    }
