"""What becomes of an image before a model reads it, wherever that is.

A central square is cut out, resized to the patch size of the training, and
then to the resolution of the network. Calibration, scoring and exports do the
same, so that what is served sees the pixels that were scored.
"""

import dataclasses
import math

from keras_elastic import checks
from keras_elastic.spaces.plan import RESIZES


@dataclasses.dataclass(frozen=True)
class Preparation:
    """How an image of any size becomes one of a model's resolution.

    Without arguments: the largest central square, resized once, bicubically
    with antialiasing. So it was before there was a choice.

    References:
    - Universally Slimmable Networks (Yu and Huang, ICCV 2019) and MutualNet
      (Yang et al., ECCV 2020), their releases, and EfficientNet (Tan and Le,
      ICML 2019): the central 87.5 % of the shorter side.
    - BigNAS (Yu et al., ECCV 2020), section 3.1: subnets of all resolutions
      see the same patch, resized.

    Args:
        crop_fraction: Float in (0, 1]. Side of the central square as a part of
            the shorter side, or `None` for all of it.
        patch_size: Integer. Pixels that the square is resized to first, or
            `None` to resize it to the resolution at once.
        interpolation: String. From the patch to the resolution: see the field
            `resize` of a family's table.

    Raises:
        ValueError: An argument is none of these.
    """

    crop_fraction: float | None = None
    patch_size: int | None = None
    interpolation: str = "bicubic"

    def __post_init__(self):
        checks.fields(
            self,
            crop_fraction=checks.CROP | checks.NONE,
            patch_size=checks.POSITIVE_INTEGER | checks.NONE,
        )
        checks.one_of(RESIZES, interpolation=self.interpolation)

    @classmethod
    def from_dict(cls, values):
        """Reads it from a description that may say other things, too."""
        names = [field.name for field in dataclasses.fields(cls)]
        return cls(**{n: values[n] for n in names if n in values})

    def to_dict(self):
        """Returns what is not as it was before there was a choice."""
        return {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if getattr(self, field.name) != field.default
        }

    def patches(self, images, resolution):
        """Makes the patches that are then resized by `interpolation`.

        Args:
            images: Array or tensor of shape (batch, height, width, 3). Those
                of the resolution are taken to be prepared already.
            resolution: Integer.
        """
        # Whoever reads what an entry says of images needs none of Keras.
        from keras import ops

        from keras_elastic.layers import kernels

        if images.shape[1:3] == (resolution, resolution):
            return images
        images = central_squares(images, self.crop_fraction)
        size = self.patch_size
        if size is None or images.shape[1:3] == (size, size):
            return images
        images = ops.convert_to_tensor(images, dtype="float32")
        return kernels.resize(images, size)


def central_squares(images, fraction=None):
    """Cuts out the largest central squares, or smaller ones.

    Args:
        images: Array or tensor of shape (batch, height, width, 3).
        fraction: Float. Side of the squares as a part of the shorter side, or
            `None` for all of it.
    """
    height, width = images.shape[1:3]
    size = min(height, width)
    if fraction is not None:
        size = max(1, math.floor(size * fraction + 0.5))
    top, left = (height - size) // 2, (width - size) // 2
    return images[:, top : top + size, left : left + size]


def find(model):
    """Returns the `Preparation` of a model, or of one that it ends in."""
    import keras

    values = getattr(model, "preparation", None)
    layers = getattr(model, "layers", None)
    if values is None and layers and isinstance(layers[-1], keras.Model):
        return find(layers[-1])
    return Preparation.from_dict(values or {})


def remember(model, preparation):
    """Lets a model, and what is copied or saved of it, keep a preparation."""
    # Nothing to say of a model that is prepared for as any other.
    if values := preparation.to_dict():
        model.preparation = values
