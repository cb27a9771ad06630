"""The inverted residual block of MobileNets v2 and v3 and of ProxylessNAS.

References:
- MobileNetV2: Inverted Residuals and Linear Bottlenecks (Sandler et al., CVPR
  2018), section 3.3.
- Searching for MobileNetV3 (Howard et al., ICCV 2019), section 5.3: where
  squeeze-excite stands, and how far it narrows.
"""

from keras_elastic.spaces import round_channels


def add_inverted_residual(
    builder,
    hidden,
    filters,
    kernel_size,
    strides=1,
    *,
    activation,
    squeeze_excite=False,
    residual=False,
    kernel_transform=False,
    epsilon=1e-3,
):
    """Adds the operations of an inverted residual to the open block.

    Squeeze-excite narrows to a quarter of the hidden channels, rounded to a
    multiple of 8.

    Args:
        builder: `PlanBuilder` with an open block.
        hidden: Channels of the depthwise convolution, or `None` for those of
            the input, without a convolution that expands.
        filters: Channels of the output.
        kernel_size: Height and width of the depthwise kernel.
        strides: Integer. Strides of the depthwise convolution.
        activation: Name of the activation of the hidden layers.
        squeeze_excite: Whether the block has squeeze-excite.
        residual: Whether a shortcut is added. The last normalization then
            starts at zero, and the block as the identity.
        kernel_transform: Whether smaller kernels are learned maps of larger
            ones.
        epsilon: Float, of the normalizations.
    """
    if hidden is not None:
        builder.convolution("expand", hidden)
        builder.normalization("expand_norm", epsilon)
        builder.activation("expand_activation", activation)
    builder.depthwise_convolution(
        "depthwise", kernel_size, strides, kernel_transform
    )
    builder.normalization("depthwise_norm", epsilon)
    builder.activation("depthwise_activation", activation)
    if squeeze_excite:
        reduced = round_channels(builder.channels, minimum=8, scale=4)
        builder.squeeze_excite("se", reduced, "relu", "hard_sigmoid")
    builder.convolution("project", filters)
    builder.normalization("project_norm", epsilon, zero_gamma=residual)
