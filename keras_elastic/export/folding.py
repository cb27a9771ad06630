"""A child whose normalizations are folded into the convolutions before them."""

import keras
import numpy as np

from keras_elastic.layers import kernels
from keras_elastic.models.class_names import NamedClasses

CONVOLUTIONS = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)

# The layers of a child. Others may hold layers, or states, of their own.
KNOWN = {
    keras.layers.Activation,
    keras.layers.Add,
    keras.layers.AveragePooling2D,
    keras.layers.BatchNormalization,
    keras.layers.Conv2D,
    keras.layers.Dense,
    keras.layers.DepthwiseConv2D,
    keras.layers.Dropout,
    keras.layers.GlobalAveragePooling2D,
    keras.layers.GroupNormalization,
    keras.layers.InputLayer,
    keras.layers.MaxPooling2D,
    keras.layers.Multiply,
    keras.layers.ReLU,
    keras.layers.Rescaling,
    keras.layers.ZeroPadding2D,
    NamedClasses,
}


def fold(model):
    """Returns a model of the same function with the normalizations folded.

    Args:
        model: `keras.Model`. It is not changed.

    Returns:
        A new model; or `model` itself where it has layers that children do
        not have, is used at two places, or is not float32 throughout. Of a
        model of several networks, which has `map_networks`, each is folded.
    """
    if hasattr(model, "map_networks"):
        return model.map_networks(fold)
    if not is_known(model):
        return model
    folded = FoldedChild(model)
    for weight, value in folded.state(folded.value):
        weight.assign(value)
    return folded.model


def is_known(model) -> bool:
    """Whether a model is one that `FoldedChild` can fold."""
    # Each use of a functional model, and its making, is a node of a layer.
    return hasattr(model, "operations") and all(
        type(layer) in KNOWN
        and len(layer._inbound_nodes) == 1
        and layer.dtype_policy.name == "float32"
        for layer in model.layers
    )


class FoldedChild:
    """A child without the normalizations that follow convolutions.

    A normalization with measured statistics is a product and a sum for each
    channel. The product goes into the kernel and the sum into the bias. The
    kernels stay as the child has them, so that they can be shared, and are
    multiplied when the model runs.

    Args:
        child: Functional `keras.Model` of stock layers. It is not changed.

    Attributes:
        model: The folded model. Its own weights stand for nothing: those of
            `weights` take their place.
        weights: Dictionary from the names of weights to arrays.
        scales: Dictionary from the names of kernels to the arrays that they
            are to be multiplied by.
    """

    def __init__(self, child):
        self._normalizations = _foldable(child)
        self._silus = {layer.name for layer in child.layers if _is_silu(layer)}
        self.model = keras.models.clone_model(
            child,
            clone_function=self._clone_layer,
            call_function=self._call_layer,
        )
        self.weights = {}
        self.scales = {}
        for layer in child.layers:
            if layer.name not in self._normalizations.values():
                self._add(child, layer)

    def _clone_layer(self, layer):
        config = layer.get_config()
        if layer.name in self._normalizations:
            config["use_bias"] = True
        if _is_silu(layer):
            config["activation"] = "linear"
        return type(layer).from_config(config)

    def _call_layer(self, layer, inputs, *args, **kwargs):
        if layer.name in self._normalizations.values():
            return inputs
        outputs = layer(inputs, *args, **kwargs)
        return kernels.silu(outputs) if layer.name in self._silus else outputs

    def _add(self, child, layer):
        for weight in layer.weights:
            value = keras.ops.convert_to_numpy(weight)
            self.weights[weight_name(layer, weight)] = value
        if layer.name not in self._normalizations:
            return
        normalization = child.get_layer(self._normalizations[layer.name])
        scale, shift = _affine(normalization)
        bias = self.weights.get(f"{layer.name}/bias", 0.0)
        self.weights[f"{layer.name}/bias"] = bias * scale + shift
        if isinstance(layer, keras.layers.DepthwiseConv2D):
            # Its channels lie on the axis before the last.
            scale = scale.reshape((-1, layer.depth_multiplier))
        self.scales[f"{layer.name}/kernel"] = scale

    def value(self, name):
        """Returns a weight of the folded model as an array."""
        return self.weights[name] * self.scales.get(name, np.float32(1))

    def state(self, read):
        """Returns pairs of a variable of the model and what stands for it.

        Args:
            read: Function from the name of a weight to its value.
        """
        return [
            (weight, read(weight_name(layer, weight)))
            for layer in self.model.layers
            for weight in layer.weights
        ]


def weight_name(layer, weight) -> str:
    """A name that a weight has in every child of a supernet."""
    return f"{layer.name}/{weight.name}"


def _foldable(child):
    """Names of normalizations, by that of the convolution before each."""
    found = {}
    for layer in child.layers:
        if not isinstance(layer, keras.layers.BatchNormalization):
            continue
        before = layer.input._keras_history.operation
        if isinstance(before, CONVOLUTIONS) and _is_plain(before):
            found[before.name] = layer.name
    return found


def _is_silu(layer):
    """Keras's own has a gradient, which a graph that is served cannot use."""
    return getattr(layer, "activation", None) is keras.activations.silu


def _is_plain(convolution):
    """Whether nothing but the normalization sees what it computes."""
    is_linear = convolution.activation is keras.activations.linear
    return is_linear and len(convolution._outbound_nodes) == 1


def _affine(normalization):
    mean = _numbers(normalization.moving_mean)
    variance = _numbers(normalization.moving_variance)
    scale = 1 / np.sqrt(variance + normalization.epsilon)
    if normalization.scale:
        scale = scale * _numbers(normalization.gamma)
    shift = -mean * scale
    if normalization.center:
        shift = shift + _numbers(normalization.beta)
    return scale.astype("float32"), shift.astype("float32")


def _numbers(weight):
    return np.float64(keras.ops.convert_to_numpy(weight))
