"""How a part of a weight is taken: the first channels, the center of a kernel.

Two ways with one result (see `ElasticConv2D`): "sliced" computes the live
channels only, "masked" keeps full shapes and sets the others to zero.
"""

import keras
from keras import ops

from keras_elastic import checks
from keras_elastic.layers import kernels

MODES = ("sliced", "masked")


def check_mode(mode):
    """Raises a `ValueError` if `mode` is unknown."""
    checks.one_of(MODES, mode=mode)
    return mode


def check_initializer(**named):
    """Returns the Keras initializer of a name, a configuration or its own."""
    return _found(keras.initializers.get, "an initializer of Keras", named)


def check_activation(**named):
    """Returns the Keras activation of a name, or the function given."""
    return _found(keras.activations.get, "an activation of Keras", named)


def _found(get, what, named):
    [(name, value)] = named.items()
    try:
        found = get(value)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"`{name}` must be {what}. Received: {name}={value!r}."
        ) from error
    if isinstance(found, type) or not callable(found):
        raise ValueError(
            f"`{name}` must be {what}. Received: {name}={value!r}."
        )
    return found


def check_size(name, value, largest):
    """Checks a positive size that is known; tensors pass unchecked.

    Args:
        name: String. The argument's name, for the message.
        value: Integer, tensor or `None`, which stands for the largest.
        largest: Integer. The size that the layer was built for.

    Returns:
        `value`, or `largest` for `None`.

    Raises:
        ValueError: `value` is not in 1..`largest`.
    """
    if value is None:
        return largest
    (checks.INTEGER | checks.ARRAY).check(name, value)
    value = checks.plain(value)
    if isinstance(value, int) and not 0 < value <= largest:
        raise ValueError(
            f"`{name}` must be in 1..{largest}, the size that the layer was "
            f"built for. Received: {name}={value}."
        )
    return value


def check_kernel_size(value, largest):
    """Checks a kernel's size as `check_size` does, and that it is odd."""
    value = check_size("kernel_size", value, largest)
    if isinstance(value, int) and value % 2 == 0:
        raise ValueError(
            "`kernel_size` must be odd: the center of an even kernel is not a "
            f"pixel. Received: kernel_size={value}."
        )
    return value


def live_channels(inputs, given=None):
    """Channels of `inputs`: an integer if it is known, else a tensor.

    Args:
        inputs: Tensor.
        given: Integer or scalar tensor. The channels, if somebody knows them:
            a trace then has no operations that ask the inputs.
    """
    if given is not None and inputs.shape[-1] is None:
        return given
    return kernels.last_size(inputs)


def first(weights, *sizes):
    """The first entries of the last axes of a weight.

    Args:
        weights: Tensor.
        *sizes: Integer or scalar tensor for each of the last axes.

    Returns:
        The slice. An axis whose size is an integer keeps a static shape, also
        beside one whose size is a tensor: backends choose kernels by it.
    """
    wholes = weights.shape[len(weights.shape) - len(sizes) :]
    known = [
        size if isinstance(size, int) and size != whole else None
        for size, whole in zip(sizes, wholes, strict=True)
    ]
    unknown = [None if isinstance(size, int) else size for size in sizes]
    # Each slice is some operations of a trace, so those of nothing are spared.
    before = (...,) if len(sizes) < len(weights.shape) else ()
    for some in (known, unknown):
        if any(size is not None for size in some):
            weights = weights[(*before, *(slice(size) for size in some))]
    return weights


def channel_mask(channels, largest, dtype):
    """Ones for the first `channels` of `largest`, zeros for the others."""
    return ops.cast(ops.arange(largest) < channels, dtype)


def mask_channels(outputs, channels, largest):
    """Sets all but the first `channels` of the last axis to zero."""
    if isinstance(channels, int) and channels == largest:
        return outputs
    mask = channel_mask(channels, largest, "bool")
    # A selection and not a product: what is masked may be infinite.
    return ops.where(mask, outputs, ops.zeros_like(outputs))


def crop_kernel(kernel, kernel_size, largest):
    """The center `kernel_size` x `kernel_size` of a kernel."""
    if isinstance(kernel_size, int) and kernel_size == largest:
        return kernel
    start = (largest - kernel_size) // 2
    stop = start + kernel_size
    return kernel[start:stop, start:stop]


PADDINGS = ("same", "valid", "symmetric")


def check_padding(padding):
    """Raises a `ValueError` if `padding` is unknown."""
    checks.one_of(PADDINGS, padding=padding)
    return padding


def pad(inputs, padding, kernel_size, largest, mode="sliced"):
    """Adds the zeros of a padding that the backends do not know.

    Args:
        inputs: Tensor of shape (batch, height, width, channels).
        padding: One of `PADDINGS`. Only "symmetric" adds zeros here.
        kernel_size: Integer or scalar tensor, odd.
        largest: Integer. The largest kernel.
        mode: In mode "masked" every kernel is as large as the largest.

    Returns:
        Pair of the tensor, and the padding that is left to the backend.
    """
    if padding != "symmetric":
        return inputs, padding
    half = largest // 2
    padded = ops.pad(inputs, [[0, 0], [half, half], [half, half], [0, 0]])
    is_largest = isinstance(kernel_size, int) and kernel_size == largest
    if mode == "masked" or is_largest:
        return padded, "valid"
    # Widths of padding must be numbers, and the ends of a slice need not.
    margin = half - kernel_size // 2
    height, width = ops.shape(padded)[1:3]
    cut = padded[:, margin : height - margin, margin : width - margin]
    return cut, "valid"


def mask_kernel(kernel, kernel_size, largest):
    """Sets all but the center of a kernel to zero."""
    if isinstance(kernel_size, int) and kernel_size == largest:
        return kernel
    distance = ops.abs(ops.arange(largest) - largest // 2)
    line = distance <= kernel_size // 2
    center = ops.logical_and(line[:, None], line[None, :])[..., None, None]
    return ops.where(center, kernel, ops.zeros_like(kernel))


def kernel_part(kernel, kernel_size, largest, mode):
    """The center of a kernel in the given mode."""
    part = crop_kernel if mode == "sliced" else mask_kernel
    return part(kernel, kernel_size, largest)


def check_input_channels(name, inputs, largest, mode):
    """Checks the channels of `inputs` where they are known."""
    channels = inputs.shape[-1]
    fits = (
        channels is None
        or channels == largest
        or (mode == "sliced" and channels < largest)
    )
    if not fits:
        expected = f"at most {largest}" if mode == "sliced" else f"{largest}"
        raise ValueError(
            f"The layer '{name}' in mode '{mode}' expects inputs of "
            f"{expected} channels. Received: inputs.shape={inputs.shape}."
        )


def image_axes():
    """Axes of height and width. Elastic layers are channels-last."""
    if keras.config.image_data_format() != "channels_last":
        raise ValueError(
            "Elastic layers need `keras.config.image_data_format()` to be "
            "'channels_last'. Received: 'channels_first'. Call "
            "`keras.config.set_image_data_format('channels_last')` first."
        )
    return (1, 2)
