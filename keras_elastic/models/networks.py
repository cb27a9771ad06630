"""Published networks by name."""

import dataclasses
import os
from typing import Any

import keras

from keras_elastic import checks
from keras_elastic import families
from keras_elastic import registration
from keras_elastic.models.child import build_child
from keras_elastic.models.converting import transfer
from keras_elastic.models.heads import compile_classifier

IMAGENET = "imagenet"
_FILE = checks.Rule(
    "the path of a `.keras` file",
    lambda value: checks.is_path(value) and str(value).endswith(".keras"),
)


@checks.arguments(
    name=checks.STRING,
    classes=checks.POSITIVE_INTEGER | checks.NONE,
    weights=checks.choice((None, IMAGENET)) | checks.MODEL | _FILE,
    resolution=checks.POSITIVE_INTEGER | checks.NONE,
)
def build(
    name: str,
    classes: int | None = None,
    *,
    weights: keras.Model | str | os.PathLike[str] | None = None,
    resolution: int | None = None,
    **options: Any,
) -> keras.Model:
    """Builds a published network.

    Args:
        name: String. One of `keras_elastic.families.network_names()`, which
            are built of stock layers, or `"basisnet_mobilenet_v2"`,
            `"basisnet_mobilenet_v3"`, `"condconv_efficientnet_b0"` or
            `"condconv_mobilenet_v3_large"`.
        classes: Integer. Number of classes. Defaults to ImageNet's 1000, or
            to that of the model in `weights`. With ImageNet weights, any
            number that is given makes a new head.
        weights: `None` for random weights; `"imagenet"` for the published
            ones of `"efficientnet_lite0"`, `1` and `2`, which the extra
            `imagenet` brings; or a model of the same architecture, as that of
            the same name in `keras.applications`, or the path of its `.keras`
            file. It returns logits (`classifier_activation=None`). The
            network then computes what the model does: it pads, and strides in
            a bottleneck, where that does.
        resolution: Integer. The input resolution in pixels. Defaults to the
            published one, or to that of the model in `weights`.
        **options: Variants of a BasisNet or CondConv net, fields of
            `BasisNetVariant` and `CondConvVariant`: `num_bases`,
            `first_basis_block`, `last_basis_block`, `dropout`, `width`,
            `method` and `dtype`; of a BasisNet also `light_resolution`,
            `light_width`, `activation` and `exit_threshold`. Widths are in
            percent. With a model as `weights`: what it is to be fed with,
            `scale`, `offset` and `channel_order`, as in
            `keras_elastic.elastic`. Defaults to what the model's own layers
            make of pixels in 0..255, or, where it has no such layers, to
            `preprocess_input` of the network in `keras.applications`.

    Returns:
        A functional model from pixels in 0..255 of shape
        (batch, resolution, resolution, 3) to logits of shape (batch, classes).
        One of stock layers is compiled for fine-tuning and evaluation. With
        ImageNet weights and head, the names of the classes are in its
        attribute `class_names`.

    Raises:
        ValueError: No network has this name or these options, `classes` or
            `resolution` is not positive, there are no such weights, a package
            that holds them is not installed, or the model in `weights` is of
            another architecture, width or number of classes.

    Example:

    >>> keras_elastic.build("attentivenas_a0").count_params() > 8.9e6
    True

    ```python
    model = keras_elastic.build(
        "basisnet_mobilenet_v3", num_bases=8, light_resolution=224
    )
    model = keras_elastic.build(
        "efficientnet_lite0", classes=10, weights="imagenet", resolution=128
    )
    known = keras.applications.MobileNetV2(classifier_activation=None)
    model = keras_elastic.build("mobilenet_v2", weights=known)
    ```
    """
    if name in registration.BUILDERS:
        return _build_variant(name, classes, weights, resolution, options)
    if weights not in (None, IMAGENET):
        return _build_like(name, weights, classes, resolution, options)
    _check_name(name, options)
    known = None
    if weights is not None:
        known = registration.find(registration.PRETRAINED[weights])(name)
    model = _build_stock(name, 1000 if classes is None else classes, resolution)
    if known is not None:
        _copy(known, model, with_head=classes is None)
    return compile_classifier(model)


def _build_variant(name, classes, weights, resolution, options):
    if weights is not None:
        raise ValueError(
            f"`weights` must be None for {name!r}, whose weights nobody has "
            f"published. Received: weights={weights!r}."
        )
    if resolution is not None:
        options["resolution"] = resolution
    build_variant = registration.find(registration.BUILDERS[name])
    return build_variant(name, 1000 if classes is None else classes, **options)


def _build_stock(name, classes, resolution):
    return build_child(_plan(name, classes, resolution), name=name)


def _plan(name, classes, resolution):
    family, arch = families.network(name)
    if resolution is not None:
        family = dataclasses.replace(family, resolution=(resolution,))
        arch = dataclasses.replace(arch, resolution=resolution)
    return family.plan(arch, classes)


def _build_like(name, weights, classes, resolution, options):
    """A network with the weights of a model of the same architecture."""
    others = {n: v for n, v in options.items() if n not in transfer.PIXELS}
    _check_name(name, others)
    source = transfer.Source(name, weights, **options)
    if classes not in (None, source.classes):
        raise ValueError(
            "`classes` must be that of the model in `weights`, "
            f"{source.classes}. Received: classes={classes}. Leave it out, or "
            "build the model with as many."
        )
    plan = _plan(name, source.classes, resolution or source.resolution)
    plan = source.plan_like(plan)
    model = build_child(plan, name=name)
    source.give(plan, model)
    model.class_names = source.class_names
    return compile_classifier(model)


def _copy(known, model, with_head):
    """Copies the weights of all layers, but of a head that is new."""
    for source in known.layers:
        head = isinstance(source, keras.layers.Dense)
        if source.weights and (with_head or not head):
            model.get_layer(source.name).set_weights(source.get_weights())
    if with_head:
        # `None` where the package with the names is not installed.
        model.class_names = getattr(known, "class_names", None)


def _check_name(name, options):
    variable = sorted(registration.BUILDERS)
    if name not in families.network_names():
        names = sorted([*families.network_names(), *variable])
        raise ValueError(
            f"`name` must be one of {names}. Received: name={name!r}. "
            f"{checks.nearest(name, names)}".rstrip()
        )
    if options:
        raise ValueError(
            f"Only {variable} have variants. Received: name={name!r} with "
            f"the options {sorted(options)}."
        )
