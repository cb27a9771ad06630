"""A plan as JSON: a BasisNet keeps the plans of its two networks."""

import dataclasses

from keras_elastic.spaces import plan as primitives

_OPERATIONS = {
    kind.__name__: kind
    for kind in (
        primitives.Convolution,
        primitives.DepthwiseConvolution,
        primitives.Normalization,
        primitives.GroupNormalization,
        primitives.Activation,
        primitives.SqueezeExcite,
        primitives.MaxPooling,
        primitives.AveragePooling,
        primitives.GlobalPooling,
        primitives.Dropout,
        primitives.Dense,
        primitives.Shortcut,
    )
}


def serialize_plan(plan):
    """Returns a plan over integers as JSON-compatible values.

    Args:
        plan: `Plan`.

    Returns:
        Dictionary, for `deserialize_plan`.
    """
    return {
        "resolution": plan.resolution,
        "scale": plan.scale,
        "offset": plan.offset,
        "blocks": [_serialize_block(block) for block in plan.blocks],
    }


def _serialize_block(block):
    config = _fields(block)
    for name in ("operations", "shortcut", "after"):
        if config[name] is not None:
            config[name] = [
                {"class_name": type(operation).__name__, **_fields(operation)}
                for operation in config[name]
            ]
    return config


def _fields(value):
    fields = dataclasses.fields(value)
    return {field.name: getattr(value, field.name) for field in fields}


def deserialize_plan(config):
    """Makes a plan from what `serialize_plan` returned, also through JSON."""
    blocks = tuple(_deserialize_block(block) for block in config["blocks"])
    # Plans were written before they had a scale and an offset.
    pixels = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in config.items()
        if name in ("scale", "offset")
    }
    return primitives.Plan(config["resolution"], blocks, **pixels)


def _deserialize_block(config):
    config = dict(config)
    for name in ("operations", "shortcut", "after"):
        if config[name] is not None:
            config[name] = tuple(map(_deserialize_operation, config[name]))
    return primitives.Block(**config)


def _deserialize_operation(config):
    config = dict(config)
    return _OPERATIONS[config.pop("class_name")](**config)


def live_plan(plan):
    """A plan over integers without the blocks that are skipped."""
    blocks = tuple(block for block in plan.blocks if block.live)
    return dataclasses.replace(plan, blocks=blocks)
