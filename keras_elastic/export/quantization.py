"""Quantization-aware training of a child, by TensorFlow's toolkit.

The one module that imports the toolkit and the older Keras that it needs.
"""

import os
import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING
from typing import Any

import numpy as np
import tensorflow as tf

from keras_elastic import checks
from keras_elastic.export import activation_ranges
from keras_elastic.export import rebuilding
from keras_elastic.export.child_checks import check_child
from keras_elastic.export.litert import single_images

if TYPE_CHECKING:
    import keras

try:
    _was_set = "TF_USE_LEGACY_KERAS" in os.environ
    # Now, so that it stays Keras 3: the toolkit asks for the older one.
    tf.keras.layers  # noqa: B018
    with warnings.catch_warnings():
        # It compares versions by a module that Python no longer has.
        warnings.simplefilter("ignore", DeprecationWarning)
        import tensorflow_model_optimization as tfmot
        import tf_keras
except ImportError as error:
    raise ImportError(
        "Quantization-aware training, pruning and clustering need the "
        "TensorFlow Model Optimization toolkit and `tf_keras`. "
        f"{checks.install('quantization')} Received: {error}"
    ) from error
finally:
    # Processes that are started later would take the older one too.
    if not _was_set:
        os.environ.pop("TF_USE_LEGACY_KERAS", None)

_layers = tf_keras.layers
_quantizers: Any = tfmot.quantization.keras.quantizers
_register = tf_keras.utils.register_keras_serializable("keras_elastic")

# The kernel of a layer, and the axis of its channels. LiteRT has one scale for
# each output channel of a convolution, but one for all of a dense layer.
_KERNELS = {
    _layers.Conv2D: ("kernel", 3),
    _layers.DepthwiseConv2D: ("depthwise_kernel", 2),
    _layers.Dense: ("kernel", None),
}
# Without normalizations, larger steps undo what the child has learned.
_LEARNING_RATE = 0.001


@checks.arguments(calibration_images=checks.IMAGES)
def quantization_aware(
    model: "keras.Model", calibration_images: Iterable[Any]
) -> Any:
    """Rebuilds a child so that training sees the rounding of int8.

    For a child that loses too much where `litert` makes integers of it. Its
    weights, and the numbers between its layers, are rounded as LiteRT will
    round them; gradients pass the rounding unchanged, so that `fit` finds
    weights that suffer less from it. Train for a few epochs at a small
    learning rate, and pass the model to `litert`, as "int8".

    The normalizations are folded into the convolutions before training, with
    the child's calibrated statistics: they are then part of the kernels that
    are rounded, as in the exported network, under any activation. Kernels
    have one scale for each output channel, those of depthwise convolutions
    too. What a fused activation reads, and the inside of a hard swish, is not
    rounded, as in LiteRT. The ranges of activations start where they are
    measured on images and follow the training as moving averages; those of
    the toolkit start at -6..6 and need thousands of steps.

    Reference:
    - [Quantization and Training of Neural Networks for Efficient
      Integer-Arithmetic-Only Inference](https://arxiv.org/abs/1712.05877)
      (Jacob et al., CVPR 2018), section 3.
    - [Quantization aware training](https://www.tensorflow.org/model_optimization/guide/quantization/training)

    Args:
        model: A calibrated child: functional `keras.Model` of stock layers
            with one input of shape (None, resolution, resolution, 3), pixel
            values 0..255, and logits. It is not changed.
        calibration_images: Training images to measure the first ranges on:
            array of shape (count, height, width, 3) with pixels in 0..255, or
            an iterable of such batches or of pairs (images, labels), cropped
            and resized to the model's resolution as where it is served. A
            hundred are enough.

    Returns:
        A `tf_keras.Model` of the same inputs and outputs, compiled for
        sparse labels; compile it again to train otherwise, with losses and
        optimizers of `tf_keras`.

    Raises:
        ImportError: If the extra `quantization` is not installed.
        ValueError: If `model` is no calibrated child, or there are no images.

    Example:

    ```python
    model = keras_elastic.load("bignas_digits", flops=600e3, resolution=8)
    aware = keras_elastic.export.quantization_aware(model, images[:100])
    aware.fit(images, labels, epochs=3)
    keras_elastic.export.litert(aware, "digits.tflite", "int8")
    ```
    """
    check_child(model)
    images = np.concatenate(single_images(calibration_images, model))
    plain = rebuilding.rebuild(model, tf_keras, fold_normalizations=True)
    _check_folded(plain)
    fixed = activation_ranges.fixed(plain)
    ranges = {**activation_ranges.measured(plain, images), **fixed}

    def wrap(layer):
        kernel, axis = _KERNELS.get(type(layer), (None, None))
        if kernel is None and layer.name not in ranges:
            return layer
        config = ChildQuantizeConfig(
            kernel, axis, ranges.get(layer.name), layer.name in fixed
        )
        return tfmot.quantization.keras.QuantizeWrapperV2(layer, config)

    aware = tf_keras.models.clone_model(plain, clone_function=wrap)
    return compiled(aware, _LEARNING_RATE)


def compiled(model, learning_rate=0.01):
    """Compiles a model of the older Keras as `load` does a child."""
    model.compile(
        optimizer=tf_keras.optimizers.SGD(
            learning_rate, momentum=0.9, nesterov=True
        ),
        loss=tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model


def _check_folded(model):
    left = [
        layer.name
        for layer in model.layers
        if isinstance(
            layer, (_layers.BatchNormalization, _layers.GroupNormalization)
        )
    ]
    if left:
        raise ValueError(
            "`model` must have its normalizations, of batches and not of "
            "groups, after convolutions without an activation, into which they "
            "are folded. Received: "
            f"model={model.name!r} with {left[:5]}. Pass a child, such as "
            "`keras_elastic.load` returns."
        )


@_register
class KernelQuantizer(_quantizers.Quantizer):
    """Rounds a kernel to 8 bits, symmetrically, in its present range.

    The toolkit's own takes the range of the step before, and one range for
    all channels of a depthwise kernel.

    Args:
        axis: Integer, the axis of the channels, which have a range each, or
            `None` for one range of all.
    """

    def __init__(self, axis):
        self.axis = axis

    def build(self, tensor_shape, name, layer):
        return {}

    def __call__(self, inputs, training, weights, **kwargs):
        if self.axis is None:
            most = _range(tf.reduce_max(tf.abs(inputs)))
            return tf.quantization.fake_quant_with_min_max_vars(
                inputs, -most, most, narrow_range=True
            )
        # TensorFlow's operation has the channels on the last axis.
        order = [i for i in range(len(inputs.shape)) if i != self.axis]
        inputs = tf.transpose(inputs, [*order, self.axis])
        most = _range(tf.reduce_max(tf.abs(inputs), range(len(order))))
        rounded = tf.quantization.fake_quant_with_min_max_vars_per_channel(
            inputs, -most, most, narrow_range=True
        )
        return tf.transpose(rounded, np.argsort([*order, self.axis]))

    def get_config(self):
        return {"axis": self.axis}


def _range(most):
    # A channel of zeros has no range, but must have a scale.
    return tf.maximum(most, 1e-6)


@_register
class MeasuredQuantizer(_quantizers.MovingAverageQuantizer):
    """Rounds activations to 8 bits, from a range that was measured.

    Args:
        least: Float, the lower end of the range before training.
        most: Float, the upper end.
    """

    def __init__(self, least, most):
        super().__init__(8, per_axis=False, symmetric=False, narrow_range=False)
        self.least, self.most = least, most

    def build(self, tensor_shape, name, layer):
        ends = {"min": self.least, "max": self.most}
        return {
            f"{end}_var": layer.add_weight(
                name=f"{name}_{end}",
                initializer=tf_keras.initializers.Constant(value),
                trainable=False,
            )
            for end, value in ends.items()
        }

    def get_config(self):
        return {"least": self.least, "most": self.most}


@_register
class ChildQuantizeConfig(tfmot.quantization.keras.QuantizeConfig):
    """What the toolkit rounds of a child's layer: its kernel, its outputs.

    Args:
        kernel: Name of the layer's kernel, or `None`.
        axis: Axis of the kernel's channels, or `None` for one scale.
        output_range: Pair of floats, or `None` to leave the outputs.
        is_fixed: Boolean, whether the range stays as it is in training.
    """

    def __init__(
        self, kernel=None, axis=None, output_range=None, is_fixed=False
    ):
        self.kernel, self.axis = kernel, axis
        self.output_range, self.is_fixed = output_range, is_fixed

    def get_weights_and_quantizers(self, layer):
        if self.kernel is None:
            return []
        return [(getattr(layer, self.kernel), KernelQuantizer(self.axis))]

    def set_quantize_weights(self, layer, quantize_weights):
        for weight in quantize_weights:
            setattr(layer, self.kernel, weight)

    def get_activations_and_quantizers(self, layer):
        return []

    def set_quantize_activations(self, layer, quantize_activations):
        pass

    def get_output_quantizers(self, layer):
        if self.output_range is None:
            return []
        least, most = self.output_range
        if self.is_fixed:
            return [_quantizers.FixedQuantizer(8, least, most, False)]
        return [MeasuredQuantizer(least, most)]

    def get_config(self):
        return {
            "kernel": self.kernel,
            "axis": self.axis,
            "output_range": self.output_range,
            "is_fixed": self.is_fixed,
        }
