"""The parts of a plan between the gates of a dynamic slimmable network."""

import dataclasses

from keras_elastic.spaces import Plan
from keras_elastic.spaces import costs


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
