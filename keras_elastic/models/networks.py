"""Published networks by name."""

import dataclasses

import keras

from keras_elastic import checks
from keras_elastic import families
from keras_elastic import registration
from keras_elastic.models.child import build_child
from keras_elastic.models.heads import compile_classifier

IMAGENET = "imagenet"


@checks.arguments(
    name=checks.STRING,
    classes=checks.POSITIVE_INTEGER | checks.NONE,
    weights=checks.choice((None, IMAGENET)),
    resolution=checks.POSITIVE_INTEGER | checks.NONE,
)
def build(name, classes=None, *, weights=None, resolution=None, **options):
    """Builds a published network.

    Args:
        name: String. One of `keras_elastic.families.network_names()`, which
            are built of stock layers, or `"basisnet_mobilenet_v2"`,
            `"basisnet_mobilenet_v3"`, `"condconv_efficientnet_b0"` or
            `"condconv_mobilenet_v3_large"`.
        classes: Integer. Number of classes. Defaults to ImageNet's 1000. With
            ImageNet weights, any number that is given makes a new head.
        weights: `None` for random weights, or `"imagenet"` for the published
            ones of `"efficientnet_lite0"`, `1` and `2`, which the extra
            `imagenet` brings.
        resolution: Integer. The input resolution in pixels. Defaults to the
            published one.
        **options: Variants of a BasisNet or CondConv net, fields of
            `BasisNetVariant` and `CondConvVariant`: `num_bases`,
            `first_basis_block`, `last_basis_block`, `dropout`, `width`,
            `method` and `dtype`; of a BasisNet also `light_resolution`,
            `light_width`, `activation` and `exit_threshold`. Widths are in
            percent.

    Returns:
        A functional model from pixels in 0..255 of shape
        (batch, resolution, resolution, 3) to logits of shape (batch, classes).
        One of stock layers is compiled for fine-tuning and evaluation. With
        ImageNet weights and head, the names of the classes are in its
        attribute `class_names`.

    Raises:
        ValueError: No network has this name or these options, `classes` or
            `resolution` is not positive, there are no such weights, or a
            package that holds them is not installed.

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
    ```
    """
    if name in registration.BUILDERS:
        return _build_variant(name, classes, weights, resolution, options)
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
    family, arch = families.network(name)
    if resolution is not None:
        family = dataclasses.replace(family, resolution=(resolution,))
        arch = dataclasses.replace(arch, resolution=resolution)
    return build_child(family.plan(arch, classes), name=name)


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
