"""The inverted residual block of MobileNets, EfficientNets and ProxylessNAS.

References:
- MobileNetV2: Inverted Residuals and Linear Bottlenecks (Sandler et al., CVPR
  2018), section 3.3.
- Searching for MobileNetV3 (Howard et al., ICCV 2019), section 5.3: where
  squeeze-excite stands, and how far it narrows.
"""

from keras_elastic.spaces import round_channels


def normalize_and_activate(builder, activation, prefix="", epsilon=1e-3):
    """Adds a normalization and an activation, each named after a prefix."""
    builder.normalization(f"{prefix}norm", epsilon)
    builder.activation(f"{prefix}activation", activation)


def _squeeze_excite(builder):
    """Adds that of MobileNet v3, with a quarter of the hidden channels."""
    reduced = round_channels(builder.channels, minimum=8, scale=4)
    builder.squeeze_excite("se", reduced, "relu", "hard_sigmoid")


def add_inverted_residual(
    builder,
    hidden,
    filters,
    kernel_size,
    strides=1,
    *,
    activation,
    squeeze_excite=False,
    attend=_squeeze_excite,
    residual=False,
    kernel_transform=False,
    epsilon=1e-3,
):
    """Adds the operations of an inverted residual to the open block.

    Args:
        builder: `PlanBuilder` with an open block.
        hidden: Channels of the depthwise convolution, or `None` for those of
            the input, without a convolution that expands.
        filters: Channels of the output.
        kernel_size: Height and width of the depthwise kernel.
        strides: Integer. Strides of the depthwise convolution.
        activation: Name of the activation of the hidden layers.
        squeeze_excite: Whether the block has squeeze-excite.
        attend: Function that adds it to the builder.
        residual: Whether a shortcut is added. The last normalization then
            starts at zero, and the block as the identity.
        kernel_transform: Whether smaller kernels are learned maps of larger
            ones.
        epsilon: Float, of the normalizations.
    """
    if hidden is not None:
        builder.convolution("expand", hidden)
        normalize_and_activate(builder, activation, "expand_", epsilon)
    builder.depthwise_convolution(
        "depthwise", kernel_size, strides, kernel_transform
    )
    normalize_and_activate(builder, activation, "depthwise_", epsilon)
    if squeeze_excite:
        attend(builder)
    builder.convolution("project", filters)
    builder.normalization("project_norm", epsilon, zero_gamma=residual)
