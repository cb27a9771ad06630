"""From children of a supernet to a BasisNet, and from a BasisNet to a child."""

from collections.abc import Iterable
from collections.abc import Mapping
from typing import TYPE_CHECKING
from typing import Any

import numpy as np
from keras import ops

from keras_elastic import checks
from keras_elastic.conditional.basisnet.model import LIGHT
from keras_elastic.conditional.basisnet.model import SPECIALIST
from keras_elastic.conditional.basisnet.model import BasisNet
from keras_elastic.models.child import build_child

if TYPE_CHECKING:
    import keras

    from keras_elastic.models.supernet import Supernet
    from keras_elastic.spaces import Architecture


def basisnet_from_supernet(
    supernet: "Supernet",
    light_arch: "Architecture",
    specialist_arch: "Architecture",
    num_bases: int,
    basis_blocks: Iterable[int],
    *,
    light_supernet: "Supernet | None" = None,
    light_statistics: Mapping[str, Any] | None = None,
    specialist_statistics: Mapping[str, Any] | None = None,
    noise: float = 0.05,
    seed: int = 0,
    **kwargs: Any,
) -> BasisNet:
    """Makes a BasisNet whose two networks are children of a supernet.

    Weights are copied. Every basis starts at the child's kernel plus a little
    noise of its own, so that the whole starts near the child, and bases can
    part from each other. The head of the coefficients is new.

    Args:
        supernet: `Supernet` of the specialist.
        light_arch: `Architecture` of the light network.
        specialist_arch: `Architecture` of the specialist.
        num_bases: Integer. Number of bases.
        basis_blocks: Iterable of integers, as `BasisNet`.
        light_supernet: `Supernet` of the light network, of as many classes.
            Defaults to `supernet`.
        light_statistics: What `SubnetCalibrator.measure` returned for
            `light_arch`, or `None` to calibrate the BasisNet later.
        specialist_statistics: The same for `specialist_arch`.
        noise: Float. Standard deviation of the noise, as a part of the
            standard deviation of a kernel.
        seed: Integer. Seed of the noise.
        **kwargs: Other arguments of `BasisNet`.

    Returns:
        A `BasisNet`.

    Raises:
        ValueError: An architecture is not in its space, an argument of
            `BasisNet` is wrong, or `noise` is negative.

    Example:

    >>> space = supernet.space
    >>> model = basisnet_from_supernet(
    ...     supernet, space.smallest, space.largest, 4, basis_blocks=(2, 3)
    ... )
    >>> model(np.zeros((2, 12, 12, 3))).shape
    TensorShape([2, 10])
    """
    checks.non_negative_number(noise=noise)
    light_supernet = light_supernet or supernet
    light = light_supernet.child(light_arch, light_statistics)
    specialist = supernet.child(specialist_arch, specialist_statistics)
    model = BasisNet(
        light_supernet.family.plan(light_arch, light_supernet.classes),
        supernet.family.plan(specialist_arch, supernet.classes),
        num_bases,
        basis_blocks,
        **kwargs,
    )
    _copy_child(light, model, LIGHT)
    _copy_child(specialist, model, SPECIALIST, _Bases(model, noise, seed))
    return model


class _Bases:
    """Makes bases of a kernel: the kernel, plus noise."""

    def __init__(self, model, noise, seed):
        self.num_bases = model.num_bases
        self.noise = noise
        self.rng = np.random.default_rng(seed)
        # Coefficients of a new head sum to 1, or are 1/2 each.
        is_softmax = model.graph.activation == "softmax"
        self.scale = 1.0 if is_softmax else 2 / model.num_bases

    def __call__(self, kernel):
        shape = (self.num_bases, *kernel.shape)
        noise = self.rng.normal(0, self.noise * kernel.std(), shape)
        return self.scale * (kernel + noise)


def _copy_child(child, model, prefix, make_bases=None):
    for layer in child.layers:
        weights = layer.get_weights()
        if not weights:
            continue
        target = model.get_layer(f"{prefix}{layer.name}")
        if hasattr(target, "num_bases"):
            weights[0] = make_bases(weights[0])
        target.set_weights(weights)


def extract_specialist(
    model: BasisNet, coefficients: Any = None, name: str | None = None
) -> "keras.Model":
    """Extracts a specialist as a model of stock Keras layers.

    It is the second stage with fixed coefficients: the network that an image
    is run on, or the mean network.

    Args:
        model: `BasisNet`.
        coefficients: Array of shape (basis blocks, num_bases). Defaults to
            those of the mean of the bases.
        name: String. Name of the model.

    Returns:
        A functional `keras.Model` from pixels in 0..255 to logits.

    Raises:
        ValueError: The coefficients are not of their shape.
    """
    shape = (len(model.basis_blocks), model.num_bases)
    if coefficients is None:
        coefficients = np.full(shape, 1 / model.num_bases)
    coefficients = ops.convert_to_numpy(coefficients).astype("float32")
    if coefficients.shape != shape:
        raise ValueError(
            "`coefficients` must have the shape (basis blocks, num_bases) = "
            f"{shape}. Received: coefficients.shape={coefficients.shape}."
        )
    child = build_child(model.specialist, name=name or "specialist")
    by_layer = _by_layer(model, coefficients)
    for layer in child.layers:
        source = _find(model, f"{SPECIALIST}{layer.name}")
        if source is not None and source.weights:
            weights = source.get_weights()
            if layer.name in by_layer:
                weights = source.synthesized_weights(by_layer[layer.name])
            layer.set_weights(weights)
    return child


def _find(model, name):
    """A layer by name, or `None`: the input of a child has another name."""
    layers = {layer.name: layer for layer in model.layers}
    return layers.get(name)


def _by_layer(model, coefficients):
    """Coefficients of a block, by the names of its layers with bases."""
    by_block = zip(model.basis_blocks, coefficients, strict=True)
    return {
        operation.name: row
        for number, row in by_block
        for operation in model.specialist.blocks[number].operations
        if hasattr(_find(model, f"{SPECIALIST}{operation.name}"), "num_bases")
    }
