"""How networks of other libraries pad, normalize and read pixels.

A table says what a network computes. Libraries build it in their own ways,
which share every weight and differ in the logits. PyTorch's usual
way, `"torch"`:

- Strided layers add half of the kernel in zeros on each side. Keras's "same"
  adds more at the end.
- Normalizations add an epsilon of 1e-5 instead of 1e-3, unless the table has an
  epsilon of its own.
- Pixels are normalized by ImageNet's mean and deviation of each channel. Here
  they become -1..1, or what the table says.
"""

import dataclasses

from keras_elastic.spaces.plan import PIXEL_OFFSET
from keras_elastic.spaces.plan import PIXEL_SCALE
from keras_elastic.spaces.plan import Convolution
from keras_elastic.spaces.plan import DepthwiseConvolution
from keras_elastic.spaces.plan import MaxPooling
from keras_elastic.spaces.plan import Normalization

CONVENTIONS = ("keras", "torch")
# Of ImageNet's pixels in 0..1, as torchvision has them.
MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)
EPSILON = 1e-5


def as_torch(plan, keep_epsilon=False):
    """Returns a plan as PyTorch's networks are usually built.

    Args:
        plan: `Plan` of Keras's convention.
        keep_epsilon: Whether the normalizations keep their epsilon.
    """

    def changed(operation):
        if isinstance(operation, Normalization) and not keep_epsilon:
            return dataclasses.replace(operation, epsilon=EPSILON)
        if _pads_otherwise(operation):
            return dataclasses.replace(operation, padding="symmetric")
        return operation

    pixels = {}
    if (plan.scale, plan.offset) == (PIXEL_SCALE, PIXEL_OFFSET):
        pixels["scale"] = tuple(1 / (255 * d) for d in DEVIATION)
        pixels["offset"] = tuple(
            -m / d for m, d in zip(MEAN, DEVIATION, strict=True)
        )
    return dataclasses.replace(plan.map_operations(changed), **pixels)


def _pads_otherwise(operation):
    """Whether "same" puts other zeros than both sides alike."""
    if not isinstance(
        operation, (Convolution, DepthwiseConvolution, MaxPooling)
    ):
        return False
    if operation.padding != "same" or operation.strides == 1:
        return False
    size = getattr(operation, "kernel_size", None)
    return not (isinstance(size, int) and size == 1)
