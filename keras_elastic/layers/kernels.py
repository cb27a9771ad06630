"""Where a backend has a much faster or more general kernel, it is used.

This is the one file of the layers that looks at the backend. Each function
here computes what the `keras.ops` beside it compute; tests hold them equal.
"""

import functools

import keras
from keras import ops

from keras_elastic.layers.resampling import resize_matrix


def last_size(inputs):
    """Size of the last axis: an integer if it is known, else a tensor."""
    size = inputs.shape[-1]
    if size is not None or keras.backend.backend() != "tensorflow":
        return size
    # `ops.shape` would take apart the axes that nobody asks for, too.
    import tensorflow as tf

    return tf.shape(inputs)[-1]


def batch_normalize(inputs, gamma, beta, epsilon, return_statistics=True):
    """Normalizes with the statistics of the batch.

    Args:
        inputs: Tensor of shape (batch, height, width, channels).
        gamma: float32 tensor of shape (channels,).
        beta: float32 tensor of shape (channels,).
        epsilon: Float, added to the variance.
        return_statistics: Boolean. What nobody reads is not traced.

    Returns:
        The normalized tensor; with `return_statistics` also the mean and the
        (biased) variance of the batch, both in float32.
    """
    if keras.backend.backend() == "tensorflow":
        outputs, mean, variance = _fused_batch_normalize(
            inputs, gamma, beta, epsilon
        )
        if not return_statistics:
            return outputs
        return outputs, mean, _biased(variance, inputs)
    mean, variance = ops.moments(ops.cast(inputs, "float32"), axes=(0, 1, 2))
    outputs = normalize(inputs, gamma, beta, mean, variance, epsilon)
    return (outputs, mean, variance) if return_statistics else outputs


def _fused_batch_normalize(inputs, gamma, beta, epsilon):
    # Keras 3 normalizes by separate operations, each a pass over the
    # activations; TensorFlow's fused kernel takes one.
    import tensorflow as tf

    none = tf.zeros([0])
    outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=inputs,
        scale=gamma,
        offset=beta,
        mean=none,
        variance=none,
        epsilon=epsilon,
        is_training=True,
    )
    return outputs, mean, variance


def _biased(variance, inputs):
    import tensorflow as tf

    # The kernel returns the unbiased estimate: times n / (n - 1).
    count = tf.cast(tf.reduce_prod(tf.shape(inputs)[:3]), "float32")
    return variance * (count - 1) / count


def normalize(inputs, gamma, beta, mean, variance, epsilon):
    """Normalizes with given statistics, in float32 whatever the inputs."""
    scale, shift = affine(gamma, beta, mean, variance, epsilon)
    outputs = ops.cast(inputs, "float32") * scale + shift
    return ops.cast(outputs, inputs.dtype)


def affine(gamma, beta, mean, variance, epsilon):
    """The scale and the shift that given statistics stand for."""
    scale = gamma * ops.rsqrt(variance + epsilon)
    return scale, beta - mean * scale


def add_bias(inputs, bias):
    """Adds a bias to the channels.

    Args:
        inputs: Tensor of shape (batch, height, width, channels).
        bias: Tensor of shape (channels,).
    """
    if keras.backend.backend() == "tensorflow":
        # TensorFlow fuses this operation, but no sum, with the convolution
        # before it, also where it does not know the shapes.
        import tensorflow as tf

        return tf.nn.bias_add(inputs, bias)
    return inputs + bias


def silu(inputs):
    """The activation x * sigmoid(x), where no gradient is needed.

    `trained_silu` has a gradient of its own, which saves memory in training
    but keeps TensorFlow from fusing the two operations.
    """
    return inputs * ops.sigmoid(inputs)


def trained_silu(inputs):
    """The activation x * sigmoid(x), where a gradient is needed.

    In TensorFlow it is that of `keras.activations.silu`, to the last bit, and
    keeps its input alone; but it spares the operations of a gradient for a
    factor in the sigmoid that is always one.
    """
    if keras.backend.backend() != "tensorflow":
        return keras.activations.silu(inputs)
    return _silu_in_tensorflow()(inputs)


@functools.cache
def _silu_in_tensorflow():
    import tensorflow as tf

    @tf.custom_gradient
    def run(inputs):
        def gradient(upstream):
            # After what comes before it, or it would be in memory early.
            with tf.control_dependencies([upstream]):
                gate = tf.sigmoid(inputs)
            return upstream * (gate * (1.0 + inputs * (1.0 - gate)))

        return inputs * tf.sigmoid(inputs), gradient

    return run


def outlined(function, *shapes):
    """A function that is one node of the graphs that it is called in.

    TensorFlow visits every node of the branches that a switch does not take;
    a branch of one node costs next to nothing. The graph of the function is
    traced, stored and optimized once, however often it is called.

    Args:
        function: Function of float tensors to a tensor, of fixed variables.
        *shapes: Pairs of the shape and the dtype of each argument.

    Returns:
        A function of the same arguments.
    """
    if keras.backend.backend() != "tensorflow":
        return function
    import tensorflow as tf

    return tf.function(
        function,
        input_signature=[tf.TensorSpec(*shape) for shape in shapes],
        autograph=False,
        experimental_attributes={"_noinline": True},
    )


def resize(images, size, method="bicubic"):
    """Resizes square images.

    Args:
        images: float32 tensor of shape (batch, height, width, 3).
        size: Integer, or a scalar tensor on TensorFlow.
        method: `"bicubic"`, antialiased, or `"bilinear"` between aligned
            corners and without antialiasing.

    Returns:
        Tensor of shape (batch, size, size, 3), in the range of the images.

    Reference:
    - The release of MutualNet (Yang et al., ECCV 2020): `F.interpolate(...,
      mode="bilinear", align_corners=True)`.
    """
    if method == "bilinear":
        return _resize_bilinearly(images, size)
    height, width = images.shape[1:3]
    known = all(isinstance(n, int) for n in (height, width, size))
    if known:
        resized = _resize_by_matrices(images, height, width, size)
    else:
        resized = _resize_to_any(images, size)
    # Bicubic interpolation overshoots at edges; pixels do not.
    return ops.clip(resized, 0.0, 255.0)


def _resize_by_matrices(images, height, width, size):
    # Compilers and accelerators have products of matrices, but not all of
    # them have antialiased interpolation. And it is the same on each of them.
    rows = ops.convert_to_tensor(resize_matrix(height, size), "float32")
    columns = ops.convert_to_tensor(resize_matrix(width, size), "float32")
    images = ops.einsum("rh,bhwc->brwc", rows, images)
    return ops.einsum("sw,brwc->brsc", columns, images)


def _resize_bilinearly(images, size):
    shape = ops.shape(images)
    rows = _bilinear_matrix(shape[1], size)
    columns = _bilinear_matrix(shape[2], size)
    images = ops.einsum("rh,bhwc->brwc", rows, images)
    return ops.einsum("sw,brwc->brsc", columns, images)


def _bilinear_matrix(in_size, out_size):
    """The matrix of `resampling.resize_matrix`, of sizes known or not."""
    sources = ops.cast(ops.arange(in_size), "float32")
    wanted = ops.cast(ops.arange(out_size), "float32")
    intervals = ops.maximum(ops.cast(out_size, "float32") - 1, 1)
    places = wanted * (ops.cast(in_size, "float32") - 1) / intervals
    distances = ops.abs(places[:, None] - sources[None])
    return ops.maximum(1 - distances, 0)


def _resize_to_any(images, size):
    # `keras.ops.image.resize` takes integers only.
    import tensorflow as tf

    def resize():
        return tf.image.resize(
            images, [size, size], method="bicubic", antialias=True
        )

    # It would take its time over images that have the size already.
    is_fit = tf.reduce_all(tf.equal(tf.shape(images)[1:3], size))
    return tf.cond(is_fit, lambda: images, resize)
