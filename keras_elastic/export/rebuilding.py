"""A child built again from the stock layers of another Keras."""

import keras
import numpy as np

from keras_elastic.export import folding

# What each layer computes, in arguments that both versions of Keras take.
_KERNEL = ("strides", "padding", "data_format", "dilation_rate", "use_bias")
_POOLING = ("pool_size", "strides", "padding", "data_format")
ARGUMENTS = {
    "Add": (),
    "AveragePooling2D": _POOLING,
    "BatchNormalization": ("axis", "momentum", "epsilon", "center", "scale"),
    "Conv2D": ("filters", "kernel_size", "groups", *_KERNEL),
    "Dense": ("units", "use_bias"),
    "DepthwiseConv2D": ("kernel_size", "depth_multiplier", *_KERNEL),
    "Dropout": ("rate",),
    "GlobalAveragePooling2D": ("data_format", "keepdims"),
    "GroupNormalization": ("groups", "axis", "epsilon", "center", "scale"),
    "MaxPooling2D": _POOLING,
    "Multiply": (),
    "ReLU": ("max_value", "negative_slope", "threshold"),
    "ZeroPadding2D": ("padding", "data_format"),
}

_LINEAR = keras.activations.linear
_HARD_SIGMOID = keras.activations.hard_sigmoid
# What a hard sigmoid adds to its input.
_SHIFT = 3.0
# The name of the layer that hands on the pixels.
PIXELS = "pixels"
# Ends the names of layers that LiteRT computes in one operation with the next.
FUSED = "_fused"


def rebuild(model, keras_module, fold_normalizations=False):
    """Builds a child again from the layers of another Keras.

    All children are functional models of a few kinds of stock layers, those
    with new heads and those that were trained further too, which no plan
    describes any more. So the model itself is read, layer by layer. What would
    hide a step of the arithmetic becomes layers of its own: the product and
    the sum of a `Rescaling`, an activation, and the parts of swish and of the
    hard activations. On these the two versions of Keras do not agree: the hard
    sigmoid of the older one is another function.

    Args:
        model: Functional `keras.Model` of a child's layers. It is not changed.
        keras_module: `tf_keras`, which the TensorFlow Model Optimization
            toolkit accepts, or `keras`.
        fold_normalizations: Boolean, whether normalizations become part of
            the convolutions before them.

    Returns:
        A model of `keras_module` that computes what `model` does. Its first
        layer after the input, `pixels`, hands on the pixels.

    Raises:
        ValueError: The model has layers or activations that children lack;
            they are named.
    """
    check_layers(model)
    builder = _Builder(model, keras_module, fold_normalizations)
    return builder.build()


def check_layers(model):
    """Raises a `ValueError` that names the layers that no child has."""
    if folding.is_known(model):
        return
    layers = getattr(model, "layers", ())
    odd = [layer for layer in layers if type(layer) not in folding.KNOWN]
    named = ", ".join(f"{type(x).__name__} '{x.name}'" for x in odd[:5])
    raise ValueError(
        "`model` must be a functional `keras.Model` of a child's stock layers, "
        "each used once and in float32. Received: "
        f"model={getattr(model, 'name', model)!r} with "
        f"{named or 'layers that are used twice, or not in float32'}. "
        "Pass a child, such as `keras_elastic.load` returns."
    )


class _Builder:
    """Makes the layers of a model one after the other, as they run."""

    def __init__(self, model, keras_module, fold_normalizations):
        self._model = model
        self._keras = keras_module
        self._layers = keras_module.layers
        self._left_out = self._shifted = ()
        if fold_normalizations:
            folded = folding.FoldedChild(model)
            kept = {layer.name for layer in folded.model.layers}
            self._left_out = {layer.name for layer in model.layers} - kept
            self._weights = {n: folded.value(n) for n in folded.weights}
            self._shifted = self._shift_biases()
        else:
            self._weights = {
                folding.weight_name(layer, weight): _numbers(weight)
                for layer in model.layers
                for weight in layer.weights
            }

    def _shift_biases(self):
        """Makes the shift of hard sigmoids part of the biases before them.

        LiteRT's converter would do so too, after which they may be all equal.
        """
        shifted = set()
        for layer in self._model.layers:
            name = f"{layer.name}/bias"
            if name not in self._weights:
                continue
            if layer.activation is _HARD_SIGMOID:
                shifted.add(layer.name)
                self._weights[name] = self._weights[name] + _SHIFT
            self._weights[name] = _not_all_equal(self._weights[name])
        return shifted

    def build(self):
        [first], [last] = map(
            _sources, (self._model.inputs, self._model.output)
        )
        shape = self._model.input_shape[1:]
        inputs = self._keras.Input(shape, name=first)
        outputs = {first: self._make("Activation", PIXELS, "linear")(inputs)}
        for layer in self._model.layers:
            if layer.name != first:
                features = [outputs[name] for name in _sources(layer.input)]
                features = features if len(features) > 1 else features[0]
                outputs[layer.name] = self._apply(layer, features)
        return self._keras.Model(inputs, outputs[last], name=self._model.name)

    def _make(self, kind, name, *args, **kwargs):
        return getattr(self._layers, kind)(*args, **kwargs, name=name)

    def _apply(self, layer, features):
        if layer.name in self._left_out:
            return features
        if isinstance(layer, keras.layers.Rescaling):
            return self._affine(features, layer.scale, layer.offset, layer.name)
        if isinstance(layer, keras.layers.Activation):
            return self._activate(layer, features, layer.name)
        features = self._same(layer, features)
        if getattr(layer, "activation", None) in (None, _LINEAR):
            return features
        return self._activate(layer, features, f"{layer.name}_activation")

    def _same(self, layer, features):
        """The layer of the same name and weights."""
        kind, config = type(layer).__name__, layer.get_config()
        arguments = {name: config[name] for name in ARGUMENTS[kind]}
        if f"{layer.name}/bias" in self._weights:
            arguments["use_bias"] = True
        made = self._make(kind, layer.name, **arguments)
        features = made(features)
        made.set_weights([self._value(layer, w) for w in made.weights])
        return features

    def _value(self, layer, weight):
        name = weight.name.split("/")[-1].split(":")[0]
        # The older Keras has another name for one of them.
        name = "kernel" if name == "depthwise_kernel" else name
        return self._weights[f"{layer.name}/{name}"]

    def _affine(self, features, scale, offset, name):
        scaled = self._make("Rescaling", f"{name}_scale", scale)(features)
        return self._make("Rescaling", name, 1.0, offset)(scaled)

    def _activate(self, layer, features, name):
        activation = keras.activations.serialize(layer.activation)
        if activation in ("linear", "sigmoid"):
            return self._make("Activation", name, activation)(features)
        if activation in ("relu", "relu6"):
            most = {"relu": None, "relu6": 6.0}[activation]
            return self._make("ReLU", name, most)(features)
        if activation == "hard_sigmoid":
            is_shifted = layer.name in self._shifted
            return self._hard_sigmoid(features, name, is_shifted)
        if activation == "silu":
            gate = self._make("Activation", f"{name}_gate", "sigmoid")(features)
        elif activation == "hard_silu":
            gate = self._hard_sigmoid(features, f"{name}_gate", end=FUSED)
        else:
            raise ValueError(
                "`model` must have a child's activations: linear, relu, relu6, "
                "sigmoid, silu, hard_sigmoid and hard_silu. Received: "
                f"{activation!r} of the layer '{layer.name}'. Pass a child, "
                "such as `keras_elastic.load` returns."
            )
        return self._make("Multiply", name)([features, gate])

    def _hard_sigmoid(self, features, name, is_shifted=False, end=""):
        """min(max(x + 3, 0), 6) / 6, as in MobileNetV3."""
        if not is_shifted:
            shift = self._make("Rescaling", f"{name}_shift{end}", 1.0, _SHIFT)
            features = shift(features)
        clip = self._make("ReLU", f"{name}_clip{end}", 6.0)
        return self._make("Rescaling", f"{name}{end}", 1 / 6)(clip(features))


def _not_all_equal(bias):
    """The bias, one of its numbers changed by the least that there is.

    LiteRT's converter stores numbers that are all equal once, in the scale of
    the first channel, and then reads them in the scales of all.
    """
    bias = np.array(bias, "float32")
    if np.any(bias) and np.all(bias == bias[0]):
        bias[0] = np.nextafter(bias[0], np.float32(np.inf))
    return bias


def _numbers(weight):
    return keras.ops.convert_to_numpy(weight)


def _sources(tensors):
    """Names of the layers that symbolic tensors come from."""
    tensors = tensors if isinstance(tensors, (list, tuple)) else [tensors]
    return [tensor._keras_history.operation.name for tensor in tensors]
