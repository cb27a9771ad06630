"""Published networks by name."""

from keras_elastic import checks
from keras_elastic import families
from keras_elastic import registration
from keras_elastic.models.child import build_child


@checks.arguments(name=checks.STRING, classes=checks.POSITIVE_INTEGER)
def build(name, classes=1000, **options):
    """Builds a published network with random weights.

    Args:
        name: String. One of `keras_elastic.families.network_names()`, which
            are built of stock layers, or `"basisnet_mobilenet_v2"`,
            `"basisnet_mobilenet_v3"`, `"condconv_efficientnet_b0"` or
            `"condconv_mobilenet_v3_large"`.
        classes: Integer. Number of classes.
        **options: Variants of a BasisNet or CondConv net, fields of
            `BasisNetVariant` and `CondConvVariant`: `num_bases`,
            `first_basis_block`, `last_basis_block`, `resolution`, `dropout`,
            `width`, `method` and `dtype`; of a BasisNet also
            `light_resolution`, `light_width`, `activation` and
            `exit_threshold`. Widths are in percent.

    Returns:
        A functional model from pixels in 0..255 of shape
        (batch, resolution, resolution, 3) to logits of shape (batch, classes).

    Raises:
        ValueError: No network has this name or these options, or `classes` is
            not positive.

    Example:

    >>> keras_elastic.build("attentivenas_a0").count_params() > 8.9e6
    True

    ```python
    model = keras_elastic.build(
        "basisnet_mobilenet_v3", num_bases=8, light_resolution=224
    )
    ```
    """
    checks.positive_integer(classes=classes)
    if name in registration.BUILDERS:
        build_variant = registration.find(registration.BUILDERS[name])
        return build_variant(name, classes, **options)
    _check_name(name, options)
    family, arch = families.network(name)
    plan = family.plan(arch, classes)
    return build_child(plan, name=name)


def _check_name(name, options):
    variable = sorted(registration.BUILDERS)
    if name not in families.network_names():
        names = sorted([*families.network_names(), *variable])
        raise ValueError(
            f"`name` must be one of {names}. Received: name={name!r}."
        )
    if options:
        raise ValueError(
            f"Only {variable} have variants. Received: name={name!r} with "
            f"the options {sorted(options)}."
        )
