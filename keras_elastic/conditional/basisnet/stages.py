"""The stages of a BasisNet: plans that are read with basis convolutions.

A stage is read twice. `NewLayers` makes its layers, as `build_child` does;
`MadeLayers` runs those of a model on other inputs, such as coefficients of a
training step. One reader, `TwoStages`, serves both.
"""

import dataclasses
import functools

import keras
from keras import ops

from keras_elastic.conditional.basisnet.conv2d import BasisConv2D
from keras_elastic.conditional.basisnet.conv2d import BasisDepthwiseConv2D
from keras_elastic.conditional.basisnet.layers import BasisPreview
from keras_elastic.models.child import build_block
from keras_elastic.models.child import rescale
from keras_elastic.spaces import plan as primitives

BASIS_OPERATIONS = (primitives.Convolution, primitives.DepthwiseConvolution)


class NewLayers:
    """Makes the layers of a stage. Stands for the module `keras.layers`.

    Args:
        prefix: String before the names of the layers.
        dtype: Policy of the layers.
        num_bases: Integer, for basis convolutions.
        method: How basis convolutions are computed.
    """

    def __init__(self, prefix, dtype, num_bases=1, method="auto"):
        self.prefix = prefix
        self.dtype = dtype
        self.basis = {"num_bases": num_bases, "method": method}

    def __getattr__(self, kind):
        return functools.partial(self._make, getattr(keras.layers, kind))

    def _make(self, kind, *args, name, **kwargs):
        kwargs.setdefault("dtype", self.dtype)
        return kind(*args, name=f"{self.prefix}{name}", **kwargs)

    def preview(self, size):
        """Makes the layer that resizes images."""
        return BasisPreview(size, name=f"{self.prefix}preview")

    def basis_convolution(self, operation):
        """Makes the layer of an operation with a kernel for each image."""
        if operation.padding == "symmetric":
            raise ValueError(
                "Basis convolutions know the paddings 'same' and 'valid'. "
                f"Received: padding='symmetric' of '{operation.name}'. Take "
                "a plan of another family."
            )
        arguments = {
            **self.basis,
            "kernel_size": operation.kernel_size,
            "strides": operation.strides,
            "name": operation.name,
        }
        if isinstance(operation, primitives.DepthwiseConvolution):
            return self._make(BasisDepthwiseConv2D, **arguments)
        return self._make(
            BasisConv2D,
            operation.filters,
            padding=operation.padding,
            use_bias=operation.use_bias,
            **arguments,
        )


class MadeLayers:
    """Runs layers that are there. Stands for the module `keras.layers`.

    Args:
        layers: Dictionary from names to layers.
        prefix: String before the names of the layers.
        training: Boolean. Whether normalizations take the batch's statistics.
        dropout_masks: Dictionary from names of dropouts, without the prefix,
            to tensors of shape (batch, features) that multiply the features
            there. Others drop nothing: nothing is drawn at random.
        drops: Boolean. Whether dropouts draw for themselves instead.
    """

    def __init__(
        self, layers, prefix, training=False, dropout_masks=None, drops=False
    ):
        self.drops = drops
        self.layers = layers
        self.prefix = prefix
        self.training = training
        self.dropout_masks = dropout_masks or {}

    def __getattr__(self, kind):
        return functools.partial(self._find, kind)

    def _find(self, kind, *args, name, **kwargs):
        if kind == "Dropout" and not self.drops:
            mask = self.dropout_masks.get(name)
            return functools.partial(_masked, mask=mask)
        layer = self.layers[f"{self.prefix}{name}"]
        if kind in ("BatchNormalization", "Dropout"):
            return functools.partial(layer, training=self.training)
        return layer

    def preview(self, size):
        """Returns the layer that resizes images."""
        return self.layers[f"{self.prefix}preview"]

    def basis_convolution(self, operation):
        """Returns the layer of an operation with a kernel for each image."""
        layer = self.layers[f"{self.prefix}{operation.name}"]
        return functools.partial(layer, training=self.training)


def _masked(features, mask):
    if mask is None:
        return features
    return features * ops.cast(mask, features.dtype)


def run_blocks(blocks, inputs, layers, coefficients=None):
    """Runs blocks of a plan.

    Args:
        blocks: Sequence of `Block` over integers.
        inputs: Tensor, symbolic or not.
        layers: `NewLayers` or `MadeLayers`.
        coefficients: Dictionary from names of blocks to tensors of shape
            (batch, num_bases), or to functions that make them of the block's
            input. The convolutions of these blocks have bases;
            squeeze-excite, normalization and shortcut never have.

    Returns:
        Tensor.
    """
    features = inputs
    for block in blocks:
        given = (coefficients or {}).get(block.name)
        given = given(features) if callable(given) else given
        if given is None:
            features = build_block(block, features, layers)
        else:
            features = _run_basis_block(block, features, layers, given)
    return features


def _run_basis_block(block, inputs, layers, coefficients):
    def run(operations, features):
        piece = dataclasses.replace(
            block, operations=operations, shortcut=None, after=()
        )
        return build_block(piece, features, layers)

    features = inputs
    for operation in block.operations:
        if isinstance(operation, BASIS_OPERATIONS):
            layer = layers.basis_convolution(operation)
            features = layer(features, coefficients)
        else:
            features = run((operation,), features)
    if block.shortcut is not None:
        shortcut = run(block.shortcut, inputs)
        add = layers.Add(name=f"{block.name}_add")
        features = add([features, shortcut])
    return run(block.after, features)


def dropouts(plan):
    """Rate and number of features of every dropout of a plan, by name."""
    return {
        operation.name: (operation.rate, operation.channels)
        for block in plan.blocks
        for operation in block.every_operation
        if isinstance(operation, primitives.Dropout)
    }


def with_classes(plan, classes):
    """A plan with another number of classes."""
    *blocks, last = plan.blocks
    *operations, classifier = last.operations
    classifier = dataclasses.replace(classifier, units=classes)
    last = dataclasses.replace(last, operations=(*operations, classifier))
    return dataclasses.replace(plan, blocks=(*blocks, last))


def split_classifier(plan):
    """Splits a plan behind its final feature.

    Returns:
        The blocks up to the final feature, and the block of the classifier
        with the dropout before it, if there is one.
    """
    *blocks, last = plan.blocks
    count = 1
    if isinstance(last.operations[-2], primitives.Dropout):
        count = 2
    feature = dataclasses.replace(last, operations=last.operations[:-count])
    classifier = dataclasses.replace(
        last, operations=last.operations[-count:], shortcut=None
    )
    return (*blocks, feature), (classifier,)


class TwoStages:
    """The two stages as functions of tensors and of layers to run.

    Args:
        light: `Plan` of the light network.
        specialist: `Plan` of a basis network.
        num_bases: Integer. Number of bases.
        basis_blocks: Numbers of the specialist's blocks with bases.
        activation: Name of the activation of the coefficients.
    """

    def __init__(self, light, specialist, num_bases, basis_blocks, activation):
        self.light = light
        self.specialist = specialist
        self.num_bases = num_bases
        self.basis_blocks = basis_blocks
        self.activation = activation
        self.names = tuple(specialist.blocks[n].name for n in basis_blocks)

    def preview(self, images, layers):
        """Returns logits and coefficients of the light network."""
        trunk, classifier = split_classifier(self.light)
        pixels = layers.preview(self.light.resolution)(images)
        features = rescale(self.light, pixels, layers)
        features = run_blocks(trunk, features, layers)
        logits = run_blocks(classifier, features, layers)
        # Of the feature before its dropout: statistics that are measured in
        # training mode are then those of the coefficients of inference.
        shape = (len(self.names), self.num_bases)
        coefficients = layers.Dense(shape[0] * shape[1], name="coefficients")(
            features
        )
        coefficients = layers.Reshape(shape, name="coefficients_by_block")(
            coefficients
        )
        coefficients = layers.Activation(
            self.activation, dtype="float32", name="coefficients_activation"
        )(coefficients)
        return _as_logits(logits, layers), coefficients

    def specialize(self, images, coefficients, layers):
        """Returns logits of the specialist with given coefficients."""
        by_block = {
            name: coefficients[:, place]
            for place, name in enumerate(self.names)
        }
        logits = run_blocks(
            self.specialist.blocks,
            rescale(self.specialist, images, layers),
            layers,
            by_block,
        )
        return _as_logits(logits, layers)


def _as_logits(features, layers):
    # In float32, whatever the precision of the layers.
    return layers.Activation("linear", dtype="float32", name="logits")(features)
