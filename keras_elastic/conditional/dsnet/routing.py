"""Images that take their own widths, and nothing beyond them is computed."""

from keras import ops

from keras_elastic.conditional.dsnet import masked as dsnet_masked
from keras_elastic.layers import kernels


def route(model, images):
    """Runs images, each at the widths that it chooses.

    Args:
        model: `DSNet`.
        images: Tensor of any number of images.

    Returns:
        The logits, (batch, classes), and an int32 tensor of shape
        (batch, gates) of the indices of the images' choices.
    """
    count = images.shape[0]
    if count is None:
        # Some backends' convolutions fail without an image.
        return ops.cond(
            ops.shape(images)[0] > 0,
            lambda: _route_some(model, images),
            lambda: _route_none(model),
        )
    return _route_some(model, images) if count else _route_none(model)


def _route_none(model):
    logits = ops.zeros((0, model.classes), "float32")
    return logits, ops.zeros((0, len(model.gates)), "int32")


def _route_some(model, images):
    features = model.stem(images)
    if model.mode == "masked":
        masked = dsnet_masked.run(model, features)
        chosen = [ops.argmax(choice, axis=-1) for choice in masked.choices]
        return masked.logits, ops.cast(ops.stack(chosen, 1), "int32")
    count = images.shape[0]
    if count is not None:
        return (run_one if count == 1 else run)(model, features)
    return ops.cond(
        ops.equal(ops.shape(images)[0], 1),
        lambda: run_one(model, features),
        lambda: run(model, features),
    )


def run_one(model, features):
    """Runs one image: at each gate a switch to the width that it chose.

    Args:
        model: `DSNet`.
        features: Tensor, what `DSNet.stem` made of one image.

    Returns:
        The logits, (1, classes), and the indices of its choices, (1, gates).
    """
    chosen, before = [], None
    for part, gate in enumerate(model.gates, start=1):
        factors, choice, _ = model.gate_layers[part - 1].decide(features)
        index = ops.cast(ops.argmax(choice, axis=-1)[0], "int32")
        chosen.append(index)
        route = index
        if before is not None:
            route = before * len(gate.choices) + index
        branches = [
            _branch(model, part, way, features, factors)
            for way in range(len(model.parts[part]))
        ]
        features = ops.switch(route, branches)
        before = index
    return features, ops.stack(chosen)[None]


def _branch(model, part, route, features, factors):
    # Behind a switch the channels are unknown, and here they are not.
    shape = shape_of(model.parts[part][route])
    return lambda: model.branch(part, route)(
        ops.reshape(features, (-1, *shape)),
        ops.reshape(factors, (-1, shape[-1])),
    )


def make_branch(model, part, route):
    """Returns a part at one of its ways as a function of its own.

    Args:
        model: `DSNet`.
        part: Integer, from 1.
        route: Integer.

    Returns:
        Function of the features at the part's gate and their attention.
    """
    shape = shape_of(model.parts[part][route])
    return kernels.outlined(
        lambda features, factors: model.run_part(
            part, route, features, factors
        ),
        ((None, *shape), model.compute_dtype),
        ((None, shape[-1]), model.compute_dtype),
    )


def shape_of(blocks):
    """Shape of an image's features at the gate that a part begins with."""
    attention = blocks[0].operations[0]
    return (attention.size, attention.size, attention.channels)


def run(model, features):
    """Runs a batch: at each gate it is parted by the widths chosen there.

    The images that came from one width and chose one width run together.
    Where there are none, nothing is run.

    Args:
        model: `DSNet`.
        features: Tensor, what `DSNet.stem` made of the images.

    Returns:
        The logits, (batch, classes), and the indices of the images' choices,
        (batch, gates), in the order of the images.
    """
    places = ops.arange(ops.shape(features)[0], dtype="int32")
    # For each width: features, and for each image its place and its choices.
    groups = [(features, places[:, None])]
    for part in range(1, len(model.parts)):
        found = [_run_group(model, part, *g) for g in enumerate(groups)]
        groups = [_join(same) for same in zip(*found, strict=True)]
    logits, notes = _join(groups)
    order = ops.argsort(notes[:, 0])
    notes = ops.take(notes, order, axis=0)
    return ops.take(logits, order, axis=0), notes[:, 1:]


def _join(groups):
    if len(groups) == 1:
        return groups[0]
    return tuple(
        ops.concatenate(tensors, axis=0)
        for tensors in zip(*groups, strict=True)
    )


def _run_group(model, part, before, group):
    """Runs images that came from one width; returns a group for each choice."""
    features, notes = group
    factors, choice, _ = model.gate_layers[part - 1].decide(features)
    chosen = ops.cast(ops.argmax(choice, axis=-1), "int32")
    notes = ops.concatenate([notes, chosen[:, None]], axis=1)
    # Sorted once, the images of each choice lie side by side.
    order = ops.argsort(chosen)
    features, factors, notes = (
        ops.take(tensor, order, axis=0) for tensor in (features, factors, notes)
    )
    counts = ops.cast(ops.sum(choice, axis=0), "int32")
    ends = ops.cumsum(counts)
    groups = []
    for index in range(choice.shape[-1]):
        start, end = ends[index] - counts[index], ends[index]
        route = before * choice.shape[-1] + index
        outputs = _run_if_any(
            model, part, route, features[start:end], factors[start:end]
        )
        groups.append((outputs, notes[start:end]))
    return groups


def _run_if_any(model, part, route, features, factors):
    def empty():
        is_last = part == len(model.gates)
        if is_last:
            return ops.zeros((0, model.classes), "float32")
        shape = shape_of(model.parts[part + 1][_first_way(model, part, route)])
        return ops.zeros((0, *shape), model.compute_dtype)

    return ops.cond(
        ops.shape(features)[0] > 0,
        lambda: model.branch(part, route)(features, factors),
        empty,
    )


def _first_way(model, part, route):
    """A way through the next part that comes from this way's width."""
    chosen = route % len(model.gates[part - 1].choices)
    return chosen * len(model.gates[part].choices)
