"""What releases call the layers of a plan.

A function of a release takes a plan and returns a dictionary from the names of
its operations to the names of the layers there, as `plain_names` makes them.
"""

# Of the inverted residual blocks of MIT's code and what was made of it.
_INVERTED_RESIDUAL = {
    "expand": "inverted_bottleneck.conv",
    "expand_norm": "inverted_bottleneck.bn",
    "depthwise": "depth_conv.conv",
    "depthwise_norm": "depth_conv.bn",
    "se": "depth_conv.se.fc",
    "project": "point_linear.conv",
    "project_norm": "point_linear.bn",
    "shortcut": "shortcut.conv",
}
_BOTTLENECK = {
    "reduce": "conv1.conv",
    "reduce_norm": "conv1.bn",
    "conv": "conv2.conv",
    "conv_norm": "conv2.bn",
    "expand": "conv3.conv",
    "expand_norm": "conv3.bn",
    "shortcut": "downsample.conv",
    "shortcut_norm": "downsample.bn",
}
_STEM = {"stem_conv": "first_conv.conv", "stem_norm": "first_conv.bn"}


def ofa_mobilenet_v3(plan):
    """`OFAMobileNetV3` of Once-for-All's code."""
    return {
        **_STEM,
        **_blocks(plan, _INVERTED_RESIDUAL),
        "head_conv": "final_expand_layer.conv",
        "head_norm": "final_expand_layer.bn",
        "head_features": "feature_mix_layer.conv",
        "head_classifier": "classifier.linear",
    }


def ofa_proxyless(plan):
    """`OFAProxylessNASNets` of Once-for-All's code."""
    return {
        **_STEM,
        **_blocks(plan, _INVERTED_RESIDUAL),
        "head_conv": "feature_mix_layer.conv",
        "head_norm": "feature_mix_layer.bn",
        "head_classifier": "classifier.linear",
    }


def ofa_resnet50(plan):
    """`OFAResNets` of Once-for-All's code."""
    return {
        "stem_conv": "input_stem.0.conv",
        "stem_conv_norm": "input_stem.0.bn",
        "stem_block2_conv": "input_stem.1.conv",
        "stem_block2_conv_norm": "input_stem.1.conv.bn",
        "stem_last_conv": "input_stem.2.conv",
        "stem_last_conv_norm": "input_stem.2.bn",
        **_blocks(plan, _BOTTLENECK),
        "head_classifier": "classifier.linear",
    }


def attentivenas(plan):
    """`AttentiveNasDynamicModel` of AttentiveNAS's and AlphaNet's code."""
    return {
        **_STEM,
        **_blocks(plan, _INVERTED_RESIDUAL),
        "head_conv": "last_conv.final_expand_layer.conv",
        "head_norm": "last_conv.final_expand_layer.bn",
        "head_features": "last_conv.feature_mix_layer.conv",
        "head_classifier": "classifier.linear",
    }


def _blocks(plan, layers):
    """Of the residual blocks, which are numbered from 0 there."""
    blocks = [
        block.name
        for block in plan.blocks
        if block.name.startswith(("first", "stage"))
    ]
    return {
        f"{block}_{ours}": f"blocks.{number}.{theirs}"
        for number, block in enumerate(blocks)
        for ours, theirs in layers.items()
    }


# Layers of a sequence, of which every third is an activation.
_SEPARABLE = {
    "depthwise": "0",
    "depthwise_norm": "1",
    "pointwise": "3",
    "pointwise_norm": "4",
}
_EXPANDED = {
    "expand": "0",
    "expand_norm": "1",
    "depthwise": "3",
    "depthwise_norm": "4",
    "project": "6",
    "project_norm": "7",
}
_NOT_EXPANDED = {
    "depthwise": "0",
    "depthwise_norm": "1",
    "project": "3",
    "project_norm": "4",
}
_SLIMMABLE_BOTTLENECK = {
    "reduce": "body.0",
    "reduce_norm": "body.1",
    "conv": "body.3",
    "conv_norm": "body.4",
    "expand": "body.6",
    "expand_norm": "body.7",
    "shortcut": "shortcut.0",
    "shortcut_norm": "shortcut.1",
}


def slimmable(plan):
    """MobileNets and ResNets of US-Net's code, and of MutualNet's."""
    found = {"head_classifier": "classifier.0"}
    for number, block in enumerate(plan.blocks):
        names = {operation.name for operation in block.every_operation}
        for ours, theirs in _slimmable_layers(block.name, names).items():
            found[f"{block.name}_{ours}"] = f"features.{number}.{theirs}"
    return found


def _slimmable_layers(block, names):
    if f"{block}_pointwise" in names:
        return _in_body(_SEPARABLE)
    if f"{block}_reduce" in names:
        return _SLIMMABLE_BOTTLENECK
    if f"{block}_expand" in names:
        return _in_body(_EXPANDED)
    if f"{block}_depthwise" in names:
        return _in_body(_NOT_EXPANDED)
    # The stem, and the last convolution of MobileNet v2.
    return {"conv": "0", "norm": "1", "conv_norm": "1"}


def _in_body(layers):
    return {ours: f"body.{theirs}" for ours, theirs in layers.items()}
