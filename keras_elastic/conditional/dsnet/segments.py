"""The parts of a plan between the gates of a dynamic slimmable network.

Here they are split, counted, and run truly narrow, each at one of its ways.
"""

import dataclasses

from keras_elastic.models import elastic_operations
from keras_elastic.spaces import Plan
from keras_elastic.spaces import costs
from keras_elastic.spaces import plan as primitives


def split(plan, gates):
    """Splits a plan at its gates.

    A part after the first begins with the attention that its gate replaces.

    Args:
        plan: `Plan`.
        gates: Sequence of `Gate`, in the order of the plan.

    Returns:
        List of tuples of `Block`, one longer than `gates`.

    Raises:
        ValueError: The plan has no operation of a gate's name, or a gate
            stands in the middle of a block with a shortcut.
    """
    names = {gate.operation for gate in gates}
    parts = [[]]
    for block in plan.blocks:
        place = _place(block, names)
        if place is None:
            parts[-1].append(block)
            continue
        names.discard(block.operations[place].name)
        if place:
            before = block.operations[:place]
            parts[-1].append(_without_shortcut(block, before))
        after = dataclasses.replace(block, operations=block.operations[place:])
        parts.append([after])
    if names:
        raise ValueError(
            "The gates of a family must name operations of its plan. "
            f"Received: {sorted(names)}, which are none."
        )
    return [tuple(part) for part in parts]


def _place(block, names):
    """Where a block's gate stands among its operations, or `None`."""
    for place, operation in enumerate(block.operations):
        if operation.name in names:
            if place and block.shortcut is not None:
                raise ValueError(
                    "A gate must be the first operation of a block with a "
                    "shortcut, because the shortcut cannot wait for it. "
                    f"Received: '{operation.name}' at place {place}."
                )
            return place
    return None


def _without_shortcut(block, operations):
    return dataclasses.replace(
        block, operations=operations, shortcut=None, after=()
    )


def run(blocks, features, run_chain):
    """Runs blocks one after the other.

    Args:
        blocks: Tuple of `Block`.
        features: Tensor.
        run_chain: Function of a tuple of operations and a tensor to a tensor.

    Returns:
        Tensor.
    """
    for block in blocks:
        inputs = features
        features = run_chain(block.operations, inputs)
        if block.shortcut is not None:
            features = features + run_chain(block.shortcut, inputs)
        features = run_chain(block.after, features)
    return features


def flops(blocks):
    """Multiply-adds of blocks."""
    return costs(Plan(None, blocks)).flops


def run_part(model, part, route, features, factors=None):
    """Runs a part of the network, for inference.

    Each normalization is folded into the convolution before it, whose kernel
    is small beside the activations.

    Args:
        model: `DSNet`.
        part: Integer.
        route: Integer, the way through it.
        features: Tensor, what the part's gate has looked at.
        factors: The attention of that gate, (batch, channels).

    Returns:
        Tensor.
    """
    folds = model.compute_dtype == "float32"

    def run_pair(convolution, normalization, inputs):
        affine = getattr(model, normalization.name).affine(route)
        layer = getattr(model, convolution.name)
        return elastic_operations.run_folded(convolution, layer, inputs, affine)

    def run_operation(operation, inputs):
        layer = getattr(model, operation.name, None)
        if isinstance(operation, primitives.Normalization):
            return layer(inputs, route=route)
        if isinstance(operation, primitives.Dropout):
            return inputs
        if isinstance(operation, primitives.Activation):
            return elastic_operations.activate(
                operation.function, inputs, inference=True
            )
        if model.is_gate(operation):
            return inputs * factors[:, None, None, :]
        return elastic_operations.run(operation, layer, inputs)

    def run_chain(operations, inputs):
        return elastic_operations.run_chain(
            operations, inputs, run_operation, run_pair if folds else None
        )

    return run(model.parts[part][route], features, run_chain)


def run_path(model, features, index):
    """Runs features of the stem at one choice of all gates.

    Args:
        model: `DSNet`.
        features: Tensor, what `DSNet.stem` made of the images.
        index: Integer among the choices, negative to count from the widest.

    Returns:
        The logits.
    """
    before = 0
    for part, gate in enumerate(model.gates, start=1):
        choices = len(gate.choices)
        chosen = index % choices
        factors, _, _ = model.gate_layers[part - 1].decide(features)
        features = model.run_part(
            part, before * choices + chosen, features, factors
        )
        before = chosen
    return features
