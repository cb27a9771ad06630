"""A DS-Net as a gate and its widths, each of which a phone runs by itself."""

import tensorflow as tf

from keras_elastic.conditional.dsnet import routing as dsnet_routing
from keras_elastic.export.stages import Stage


def stages_of(model):
    """Returns the stages of a DS-Net for LiteRT.

    Args:
        model: `DSNet`.

    Returns:
        Tuple of `Stage`s: `"gate"`, what all images take, and a stage for
        each way through each part behind a gate. With one gate they are
        `"width_0"` and so on; with more, `"part_2_way_3"`, where the way is
        the width before times the number of choices, plus the chosen one.
    """
    size = model.resolution
    stages = [
        Stage("gate", _stem(model), {"images": (1, size, size, 3)}),
    ]
    for part in range(1, len(model.parts)):
        for way, blocks in enumerate(model.parts[part]):
            shape = dsnet_routing.shape_of(blocks)
            stages.append(
                Stage(
                    _name(model, part, way),
                    _way(model, part, way),
                    {"features": (1, *shape), "factors": (1, shape[-1])},
                    _source(model, part, way),
                )
            )
    return tuple(stages)


def _name(model, part, way):
    return f"width_{way}" if len(model.gates) == 1 else f"part_{part}_way_{way}"


def _source(model, part, way):
    """A stage whose features the way takes."""
    if part == 1:
        return "gate"
    # The first way of the part before that chose this width.
    before = way // len(model.gates[part - 1].choices)
    return _name(model, part - 1, before)


def _stem(model):
    return lambda images: _decide(model, 1, model.stem(images))


def _decide(model, part, features):
    """What the gate of a part says of features."""
    factors, _, logits = model.gate_layers[part - 1].decide(features)
    return {
        "factors": factors,
        "features": features,
        # Keras's own is of operations that LiteRT lacks.
        "width": tf.argmax(logits, axis=-1, output_type="int32"),
    }


def _way(model, part, way):
    def run(features, factors):
        outputs = model.run_part(part, way, features, factors)
        if part == len(model.gates):
            return {"logits": outputs}
        return _decide(model, part + 1, outputs)

    return run
