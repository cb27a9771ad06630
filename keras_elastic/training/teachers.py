"""Teachers: functions from images to logits that do not learn."""

import dataclasses
from typing import Any

import keras
from keras import ops

from keras_elastic.layers import kernels
from keras_elastic.spaces import Architecture


@dataclasses.dataclass(frozen=True)
class KerasTeacher:
    """Any Keras model of images as a teacher.

    Args:
        model: `keras.Model` from images to one output of shape (batch,
            classes). It gets pixels in 0..255, resized to its input shape; a
            model that wants other values needs a `Rescaling` layer first.
        from_logits: Boolean. Whether it returns logits. `False` for a model
            that ends in a softmax, as those of `keras.applications` do.
    """

    model: Any
    from_logits: bool = True

    @property
    def classes(self):
        """Number of classes, or `None` if the model does not say."""
        return self.model.output_shape[-1]

    def __call__(self, images):
        """Returns logits of shape (batch, classes)."""
        size = self.model.input_shape[1]
        if size is not None and images.shape[1:3] != (size, size):
            images = kernels.resize(images, size)
        outputs = ops.cast(self.model(images, training=False), "float32")
        if self.from_logits:
            return outputs
        # Logits of the probabilities: their softmax is the probabilities.
        return ops.log(ops.maximum(outputs, keras.config.epsilon()))


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

    @property
    def classes(self):
        """Number of classes."""
        return self.supernet.classes

    def __call__(self, images):
        """Returns logits of shape (batch, classes)."""
        return self.supernet(images, self.arch)


def ends_in_softmax(model):
    """Whether the last layer of a Keras model is, or has, a softmax."""
    last = model.layers[-1] if getattr(model, "layers", None) else None
    if isinstance(last, keras.Model):
        return ends_in_softmax(last)
    if isinstance(last, keras.layers.Softmax):
        return True
    return getattr(last, "activation", None) is keras.activations.softmax


def check_classes(teacher, classes):
    """Raises a `ValueError` if a teacher knows another number of classes."""
    known = getattr(teacher, "classes", None)
    if known is not None and known != classes:
        raise ValueError(
            f"`teacher` must know the {classes} classes of the supernet. "
            f"Received: a teacher of {known} classes. Fine-tune it on the "
            "same data set first, or take another teacher."
        )
