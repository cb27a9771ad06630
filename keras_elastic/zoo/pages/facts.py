"""What is drawn of a plan: its blocks, and what each of them costs."""

import dataclasses
import itertools
import re

from keras_elastic.spaces import costs
from keras_elastic.spaces import plan as primitives

_IN_STAGE = re.compile(r"(.*?)_?block\d+")
_NUMBERED = re.compile(r"_\d+$")
# Of a channel in an int8 file: its scale and its zero point.
_SCALE_BYTES = 12


class Drawing:
    """Blocks of many networks of one kind, each different one held once.

    Attributes:
        blocks: List of what `block_facts` says, of every different block.
    """

    def __init__(self):
        self._places = {}
        self._known = {}

    @property
    def blocks(self):
        return list(self._places)

    def _place(self, block, plan):
        if not block.live:
            return -1
        if block not in self._known:
            facts = block_facts(block, plan)
            place = self._places.setdefault(facts, len(self._places))
            self._known[block] = place
        return self._known[block]

    def network(self, plan, /, **more) -> dict:
        """What is drawn of one network.

        Args:
            plan: `Plan` over integers.
            **more: What else is to be said of it.

        Returns:
            Dictionary of its costs, the number of its blocks in `blocks` (-1
            for those that it skips), and `sizes`, the bytes that exports keep
            weights in.
        """
        return {
            **more,
            **_plain(costs(plan)._asdict()),
            "resolution": int(plan.resolution),
            "sizes": weight_sizes(plan),
            "blocks": [self._place(block, plan) for block in plan.blocks],
        }


def block_facts(block, plan) -> tuple:
    """What is drawn of a block.

    Args:
        block: `Block` of a plan over integers.
        plan: The `Plan`.

    Returns:
        A tuple of the channels between its convolutions, from its input to
        its output; its largest kernel, 0 without convolutions; the height of
        input and output; whether it has squeeze-excite; its multiply-adds,
        parameters and bytes of activations.
    """
    kernels = [
        operation.kernel_size
        for operation in block.operations
        if hasattr(operation, "kernel_size")
    ]
    attends = any(
        isinstance(operation, primitives.SqueezeExcite)
        for operation in block.operations
    )
    alone = costs(dataclasses.replace(plan, blocks=(block,)))
    return (
        _channels(block),
        int(max(kernels, default=0)),
        int(block.size),
        int(block.out_size),
        int(attends),
        *map(int, alone),
    )


def _channels(block):
    """Channels from the input to the output, without repetitions."""
    inside = [
        getattr(operation, name)
        for operation in block.operations
        for name in ("filters", "units")
        if hasattr(operation, name)
    ]
    every = map(int, (block.in_channels, *inside, block.out_channels))
    channels = [value for value, _ in itertools.groupby(every)]
    # A block that keeps its channels has a beginning and an end, too.
    return tuple(channels if len(channels) > 1 else 2 * channels)


def stored_numbers(plan) -> tuple[int, int]:
    """Numbers that a file of the network keeps, of kernels and of biases.

    Normalizations are folded, as exports do: of each channel a bias is left.

    Args:
        plan: `Plan` over integers.
    """
    scales, biases = 0, 0
    for block in plan.blocks:
        for operation in block.every_operation if block.live else ():
            if isinstance(operation, primitives.Normalization):
                scales += operation.channels
                biases += operation.channels
            elif isinstance(operation, primitives.SqueezeExcite):
                biases += operation.channels + operation.reduced
            elif getattr(operation, "use_bias", False):
                is_dense = isinstance(operation, primitives.Dense)
                biases += operation.units if is_dense else operation.filters
    return int(costs(plan).params - scales - biases), int(biases)


def weight_sizes(plan) -> dict[str, int]:
    """Bytes that the weights of a network take in an export, by their type.

    In int8 each channel has a bias of four bytes, and a scale.

    Args:
        plan: `Plan` over integers.
    """
    kernels, biases = stored_numbers(plan)
    return {
        "float32": 4 * (kernels + biases),
        "float16": 2 * (kernels + biases),
        "int8": kernels + (4 + _SCALE_BYTES) * biases,
    }


def name_blocks(plan) -> list[tuple[str, str]]:
    """Names of a plan's blocks, and of the stages that they are of.

    Blocks that a family numbers through are put together by their stride.
    """
    named = []
    for block in plan.blocks:
        match = _IN_STAGE.fullmatch(block.name)
        stage = match[1] if match else _NUMBERED.sub("", block.name)
        if not stage:
            stage = f"stride {round(plan.resolution / block.out_size)}"
        named.append((block.name, stage))
    return named


def _plain(values):
    return {name: int(value) for name, value in values.items()}
