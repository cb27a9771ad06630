"""Convolutions and dense layers as products with a part of a larger kernel.

LiteRT's fast convolutions want a constant kernel of their own. Its products of
matrices do not, and are nearly as fast; so a kernel that several children have
is kept once, and each child multiplies with the part that it has of it.
"""

import keras
from keras import ops

from keras_elastic.export.shared_weights import part
from keras_elastic.export.shared_weights import union

# A part is cut out and packed for every image, which is worth it for kernels
# with many channels: these are large, and used at few positions of an image.
_POSITIONS_PER_CHANNEL = 8


def shared_kernels(folded: dict) -> dict:
    """Returns the kernels that are worth sharing, by the names of their layers.

    Depthwise kernels are left out, which are small, and those of a network's
    first layers, which are smaller still.

    Args:
        folded: Dictionary from names to `FoldedChild`.

    Returns:
        Dictionary from the names of layers to float32 arrays, of which the
        children have parts.
    """
    children = list(folded.values())
    layers = {}
    for child in children:
        for layer in child.model.layers:
            if is_product(layer):
                layers.setdefault(layer.name, []).append(child)
    unions = {
        name: union([child.weights[f"{name}/kernel"] for child in users])
        for name, users in layers.items()
        if len(users) > 1
    }
    return {name: whole for name, whole in unions.items() if whole is not None}


def is_product(layer) -> bool:
    """Whether a layer is better off as a product with a shared kernel."""
    if isinstance(layer, keras.layers.Dense):
        return len(layer.output.shape) == 2
    if type(layer) is not keras.layers.Conv2D or layer.groups != 1:
        return False
    height, width = layer.output.shape[1:3]
    channels = layer.kernel.shape[2]
    is_dilated = layer.dilation_rate != (1, 1)
    return (
        not is_dilated and height * width <= _POSITIONS_PER_CHANNEL * channels
    )


def with_products(folded, kernels: dict) -> keras.Model:
    """Returns a child whose shared layers are `SharedProduct`.

    Args:
        folded: `FoldedChild`.
        kernels: What `shared_kernels` returned.
    """

    def clone(layer):
        if layer.name not in kernels or not is_product(layer):
            return type(layer).from_config(layer.get_config())
        return SharedProduct(
            layer,
            kernels[layer.name].shape,
            folded.scales.get(f"{layer.name}/kernel"),
            folded.weights.get(f"{layer.name}/bias"),
        )

    model = keras.models.clone_model(folded.model, clone_function=clone)
    for layer in model.layers:
        if not isinstance(layer, SharedProduct):
            for weight in layer.weights:
                weight.assign(folded.value(f"{layer.name}/{weight.name}"))
    return model


class SharedProduct(keras.layers.Layer):
    """A layer of a child, with a part of a larger kernel.

    Its outputs are multiplied by what would be folded into a kernel of its
    own: there are fewer of them than there are numbers in the part.

    Args:
        layer: The `Conv2D` or `Dense` layer that it stands for.
        whole: Shape of the larger kernel, which `whole` is to be set to.
        scale: Array of shape (filters,), or `None` for ones.
        bias: Array of shape (filters,), or `None` for zeros.
    """

    def __init__(self, layer, whole, scale, bias):
        super().__init__(name=layer.name)
        self.whole = self.add_weight(
            shape=whole, initializer="zeros", trainable=False, name="whole"
        )
        self._layer = layer
        self._scale = scale
        self._bias = bias

    def compute_output_shape(self, input_shape):
        return self._layer.compute_output_shape(input_shape)

    def call(self, inputs):
        shape = tuple(self._layer.kernel.shape)
        kernel = self.whole[part(shape, tuple(self.whole.shape))]
        # Of rank four throughout: of matrices LiteRT would make a dense layer,
        # which first transposes a kernel that is no constant.
        kernel = ops.reshape(kernel, (1, 1, -1, shape[-1]))
        if len(shape) == 2:
            inputs = ops.reshape(inputs, (-1, 1, 1, shape[0]))
        elif not self._is_pointwise:
            inputs = _patches(inputs, self._layer)
        outputs = ops.matmul(inputs, kernel)
        if len(shape) == 2:
            outputs = ops.reshape(outputs, (-1, shape[1]))
        if self._scale is not None:
            outputs = outputs * self._scale
        if self._bias is not None:
            outputs = outputs + self._bias
        return self._layer.activation(outputs)

    @property
    def _is_pointwise(self):
        return self._layer.kernel_size == self._layer.strides == (1, 1)


def _patches(images, layer):
    """What the kernel of a convolution lies on, at each position."""
    kernel_size, [strides, _] = layer.kernel_size, layer.strides
    height, width = layer.output.shape[1:3]
    if layer.padding == "same":
        padding = [
            _same_padding(*sizes, strides)
            for sizes in zip(
                images.shape[1:3], (height, width), kernel_size, strict=True
            )
        ]
        images = ops.pad(images, [(0, 0), *padding, (0, 0)])
    rows, columns = (1 + (size - 1) * strides for size in (height, width))
    return ops.concatenate(
        [
            images[:, i : i + rows : strides, j : j + columns : strides]
            for i in range(kernel_size[0])
            for j in range(kernel_size[1])
        ],
        axis=-1,
    )


def _same_padding(size, outputs, kernel_size, strides):
    """As TensorFlow pads: where the sum is odd, more at the end."""
    total = max(0, (outputs - 1) * strides + kernel_size - size)
    return total // 2, total - total // 2
