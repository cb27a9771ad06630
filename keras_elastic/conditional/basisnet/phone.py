"""A BasisNet as two stages, each of which a phone runs by itself."""

import contextlib

from keras_elastic.conditional.basisnet.conv2d import BasisConv2D
from keras_elastic.conditional.basisnet.convolution import BasisConvolution
from keras_elastic.conditional.basisnet.layers import confidence
from keras_elastic.export.stages import Stage

FIRST, SECOND = "first", "second"


def stages_of(model, in_integers):
    """Returns the stages of a BasisNet for LiteRT.

    Args:
        model: `BasisNet`.
        in_integers: Boolean. Whether the stages compute in int8.

    Returns:
        Tuple of two `Stage`s.
    """
    size = model.specialist.resolution
    images = (1, size, size, 3)

    def first(images):
        logits, coefficients = model.preview(images)
        return {
            "coefficients": coefficients,
            "confidence": confidence(logits),
            "logits": logits,
        }

    def second(images, coefficients):
        with _mixing_in_integers(model) if in_integers else _AS_IT_IS:
            return {"logits": model.specialize(images, coefficients)}

    shape = (1, len(model.basis_blocks), model.num_bases)
    return (
        Stage(FIRST, first, {"images": images}),
        Stage(SECOND, second, {"images": images, "coefficients": shape}, FIRST),
    )


_AS_IT_IS = contextlib.nullcontext()


@contextlib.contextmanager
def _mixing_in_integers(model):
    """Within, no convolution has a kernel that is computed.

    LiteRT's convolutions in integers take for granted that the kernel has no
    zero point, and give wrong results with one that was computed. Its products
    of matrices do not. So a convolution becomes such a product, and of a
    depthwise one, which costs little, all bases are convolved with.
    """
    layers = [x for x in model.layers if isinstance(x, BasisConvolution)]
    methods = [layer.method for layer in layers]
    for layer in layers:
        is_full = isinstance(layer, BasisConv2D) and layer.num_bases > 1
        layer.method = "per_image" if is_full else "sum"
    try:
        yield
    finally:
        for layer, method in zip(layers, methods, strict=True):
            layer.method = method
