"""Teachers: functions from images to logits that do not learn."""

import dataclasses
from typing import Any

import keras

from keras_elastic import checks
from keras_elastic.layers import kernels
from keras_elastic.models import outputs
from keras_elastic.models import preparation
from keras_elastic.spaces import Architecture


@dataclasses.dataclass(frozen=True)
class KerasTeacher:
    """Any Keras model of images as a teacher.

    Args:
        model: `keras.Model` from images to one output of shape (batch,
            classes). It gets pixels in 0..255, resized to its input shape; a
            model that wants other values needs a `Rescaling` layer first.
        from_logits: Boolean. Whether it returns logits. Defaults to whether
            it ends in no softmax, as those of `keras.applications` do.

    Raises:
        ValueError: `model` is no `keras.Model` of one output, or ends in a
            softmax with `from_logits=True`.
    """

    model: Any
    from_logits: bool | None = None

    def __post_init__(self):
        checks.instance_of(keras.Model, model=self.model)
        end = outputs.ending(self.model)
        is_probability = end in (outputs.SOFTMAX, outputs.SIGMOID)
        if self.from_logits is None:
            object.__setattr__(self, "from_logits", not is_probability)
        checks.boolean(from_logits=self.from_logits)
        if self.from_logits and is_probability:
            raise ValueError(
                "`from_logits` must be False for a model that ends in a "
                f"{end}. Received: from_logits=True with {self.model.name!r}. "
                "Leave it out."
            )

    @property
    def classes(self) -> int | None:
        """Number of classes, or `None` if the model does not say."""
        return self.model.output_shape[-1]

    def __call__(self, images: Any) -> Any:
        """Returns logits of shape (batch, classes)."""
        size = self.model.input_shape[1]
        if size is not None and images.shape[1:3] != (size, size):
            interpolation = preparation.find(self.model).interpolation
            images = kernels.resize(images, size, interpolation)
        returned = self.model(images, training=False)
        # Logits of the probabilities: their softmax is the probabilities.
        end = outputs.LOGITS if self.from_logits else outputs.SOFTMAX
        return outputs.to_logits(returned, end)


@dataclasses.dataclass(frozen=True)
class SubnetTeacher:
    """A subnet of a supernet with frozen weights as a teacher.

    It normalizes with the statistics of the batch, as in training.

    Reference:
    - Once-for-All (Cai et al., ICLR 2020), section 3.3: the largest network,
      trained first, teaches the others.

    Args:
        supernet: `Supernet` that is not trained any more.
        arch: `Architecture`.
    """

    supernet: Any
    arch: Architecture

    def __post_init__(self):
        checks.fields(self, supernet=checks.SUPERNET)

    @property
    def classes(self) -> int:
        """Number of classes."""
        return self.supernet.classes

    def __call__(self, images: Any) -> Any:
        """Returns logits of shape (batch, classes)."""
        return self.supernet(images, self.arch)


def check_classes(teacher, classes):
    """Raises a `ValueError` if a teacher knows another number of classes."""
    known = getattr(teacher, "classes", None)
    if known is not None and known != classes:
        raise ValueError(
            f"`teacher` must know the {classes} classes of the supernet. "
            f"Received: a teacher of {known} classes. Fine-tune it on the "
            "same data set first, or take another teacher."
        )
