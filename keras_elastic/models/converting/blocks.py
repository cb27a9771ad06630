"""From a graph to blocks: what lies between additions, and gates."""

import dataclasses

from keras_elastic.models.converting.chains import HARD_SIGMOID
from keras_elastic.models.converting.chains import Chain
from keras_elastic.models.converting.chains import Channels
from keras_elastic.models.converting.chains import check_activations
from keras_elastic.models.converting.steps import Step
from keras_elastic.models.converting.steps import read_steps
from keras_elastic.models.converting.steps import refuse

CONVOLUTIONS = ("convolution", "depthwise_convolution")
# What an activation becomes that multiplies its own input.
SELF_GATES = {"sigmoid": "silu", HARD_SIGMOID: "hard_silu"}


@dataclasses.dataclass(eq=False)
class ReadBlock:
    """A block of the plan to be.

    Args:
        steps: List of `Step`.
        group: Number of the group of the channels of its output.
        shortcut: List of steps, or `None` for no addition.
        activation: `Step` after the addition, or `None`.
        name: Name of the addition, or `None`.
        is_head: Boolean. Whether it is behind the last map.
    """

    steps: list
    group: int
    shortcut: list | None = None
    activation: Step | None = None
    name: str | None = None
    is_head: bool = False


@dataclasses.dataclass(frozen=True)
class ReadModel:
    """What was read of a model.

    Args:
        blocks: List of `ReadBlock`.
        channels: `Channels`.
        affine: Pair of arrays: the model's own preprocessing, a scale and an
            offset.
        is_flat: Boolean. Whether the model takes one size of images only.
    """

    blocks: list
    channels: Channels
    affine: tuple
    is_flat: bool


def read_blocks(images, output, size):
    """Reads a graph.

    Args:
        images: `Node` of the images.
        output: `Node` of the output.
        size: Integer. Height of the images.

    Returns:
        `ReadModel`.

    Raises:
        ValueError: Something of the graph has no reader.
    """
    return _GraphReader(output).read(images, size)


class _GraphReader:
    def __init__(self, output):
        self.output = output
        self.channels = Channels()
        self.blocks = []

    def read(self, images, size):
        chain = first = Chain(
            self.channels, size, self.channels.new(3), is_first=True
        )
        is_flat = False
        node = images
        while node is not self.output:
            following = self._follow(node, chain)
            if following is None:
                self._flush(chain)
                node, chain = self._read_residual(node, chain)
            else:
                node = following
            is_flat = is_flat or chain.is_flat
        self._end(chain)
        return ReadModel(self.blocks, self.channels, first.affine, is_flat)

    def _flush(self, chain):
        steps = chain.finish()
        check_activations(steps)
        self.blocks.extend(_split(steps, self.blocks))

    def _end(self, chain):
        steps = chain.steps
        last = steps[-1] if steps else None
        if last is not None and last.kind == "activation":
            function = last.arguments["function"]
            if function in ("softmax", "sigmoid"):
                raise ValueError(
                    "`model` must return logits. Received: a model that ends "
                    f"in a {function}, of {last.described}. Build it with "
                    "`classifier_activation=None`, or pass the model up to "
                    "its logits."
                )
        if last is None or last.kind != "dense":
            raise ValueError(
                "`model` must end in a classifier: a Dense layer, or a 1x1 "
                "convolution, behind a global pooling or a Flatten. Received: "
                f"a model that ends in {self.output.described}. Add "
                "`GlobalAveragePooling2D` and `Dense` to it."
            )
        self._flush(chain)

    def _follow(self, node, chain):
        """Reads what one chain goes on with; `None` where it does not."""
        if len(node.users) == 1:
            (user,) = node.users
            if len(user.parents) > 1:
                return None
            for step in read_steps(user):
                chain.append(step)
            return user
        gate = self._gate_of(node)
        if gate is None:
            return None
        chain.append(self._read_gate(node, gate, chain))
        return gate

    # Gates

    def _gate_of(self, node):
        """The product of a node's output and of what is computed of it."""
        products = [u for u in node.users if _is_of_two(u, "Multiply")]
        if len(node.users) == 2 and len(products) == 1:
            return products[0]
        return None

    def _read_gate(self, node, product, chain):
        (first,) = (user for user in node.users if user is not product)
        branch = Chain(self.channels, chain.size, chain.group, chain.is_pooled)
        end = self._read_branch(first, branch)
        if end is not product:
            refuse(product, "a product must be of a map and its own gate")
        steps = branch.finish()
        kinds = [step.kind for step in steps]
        if kinds == ["activation"]:
            function = SELF_GATES.get(steps[0].arguments["function"])
            if function is not None:
                arguments = {"function": function}
                return Step("activation", product.name, arguments)
        if not chain.is_pooled:
            made = _squeeze_excite(product, steps)
            if made is not None:
                return made
        refuse(
            product,
            "a product must be squeeze-excite (a global pooling, two dense "
            "layers or 1x1 convolutions, a sigmoid or hard sigmoid) or an "
            "activation like swish",
        )

    # Residual blocks

    def _read_residual(self, fork, chain):
        if len(fork.users) == 1:
            refuse(
                fork.users[0],
                "what joins two tensors must be an addition, or a product, "
                "of branches that begin at one tensor",
            )
        if len(fork.users) != 2 or chain.is_pooled:
            refuse(
                fork.users[-1],
                f"'{fork.name}' must have two readers at most, and be a map",
            )
        branches, ends = [], []
        for user in fork.users:
            branch = Chain(self.channels, chain.size, chain.group)
            ends.append(self._read_branch(user, branch))
            branches.append(branch)
        addition = self._check_ends(ends)
        main, other = self._sort_branches(addition, branches)
        self.channels.tie(main.group, other.group)
        block = ReadBlock(
            main.steps, main.group, other.steps, name=addition.name
        )
        self.blocks.append(block)
        node = self._read_after(addition, block)
        return node, Chain(self.channels, main.size, main.group)

    def _read_branch(self, first, branch):
        """Reads a branch; returns the node that joins it with another."""
        node = first
        while len(node.parents) == 1:
            for step in read_steps(node):
                branch.append(step)
            node = self._following(node, branch)
        return node

    def _following(self, node, branch):
        """What reads the output of a node of a branch, behind its gates."""
        while len(node.users) != 1:
            gate = self._gate_of(node)
            if gate is None:
                refuse(
                    node,
                    "a branch must end in an addition, and must not have "
                    "branches of its own",
                )
            branch.append(self._read_gate(node, gate, branch))
            node = gate
        return node.users[0]

    def _check_ends(self, ends):
        first, second = ends
        if first is not second or not _is_of_two(first, "Add"):
            refuse(
                first,
                "the two branches of a block must end in one addition of two",
            )
        return first

    def _sort_branches(self, addition, branches):
        """The path that is the block, and the one that is its shortcut."""
        for branch in branches:
            check_activations(branch.finish())
            if branch.is_pooled:
                refuse(addition, "a branch must not have a global pooling")
        shapes = {(b.size, b.num_channels) for b in branches}
        if len(shapes) != 1:
            refuse(addition, "what is added must be of one shape")
        other, main = sorted(branches, key=_weight)
        if not main.steps:
            refuse(addition, "what is added must not be one tensor")
        return main, other

    def _read_after(self, addition, block):
        """Takes an activation behind an addition into the block."""
        if len(addition.users) == 1 and addition is not self.output:
            (user,) = addition.users
            if len(user.parents) == 1:
                steps = read_steps(user)
                if [step.kind for step in steps] == ["activation"]:
                    check_activations(steps)
                    block.activation = steps[0]
                    return user
        return addition


def _weight(branch):
    convolutions = [s for s in branch.steps if s.kind in CONVOLUTIONS]
    return len(convolutions), len(branch.steps)


def _is_of_two(node, kind):
    return type(node.operation).__name__ == kind and len(node.parents) == 2


def _squeeze_excite(product, steps):
    """The step of squeeze-excite, or `None` if the steps are not its."""
    activation = "linear"
    if [s.kind for s in steps[:3]] == ["global_pooling", "dense", "activation"]:
        activation = steps[2].arguments["function"]
        steps = [*steps[:2], *steps[3:]]
    kinds = [step.kind for step in steps]
    if kinds != ["global_pooling", "dense", "dense", "activation"]:
        return None
    _, reduce, expand, gate = steps
    if gate.arguments["function"] not in SELF_GATES:
        return None
    arguments = {
        "reduced": reduce.filters,
        "activation": activation,
        "gate": gate.arguments["function"],
    }
    weights = {"reduce": reduce.weights, "expand": expand.weights}
    return Step("squeeze_excite", product.name, arguments, weights)


def _split(steps, before):
    """Splits a chain into blocks.

    A block begins at each convolution, but for those of an inverted
    bottleneck, which is one block: a depthwise convolution between two others,
    a convolution that widens and one that narrows, or a depthwise convolution
    and the one after it.
    """
    blocks, block = [], None
    places = [i for i, step in enumerate(steps) if step.kind in CONVOLUTIONS]
    starts = _starts([steps[place] for place in places])
    starts = {places[start] for start in starts}
    is_head = any(other.is_head for other in before)
    for index, step in enumerate(steps):
        begins_head = step.begins_head and not is_head
        if block is None or begins_head or (index in starts and not is_head):
            is_head = is_head or begins_head
            block = ReadBlock([], step.group, is_head=is_head)
            blocks.append(block)
        block.steps.append(step)
        block.group = step.group
    return blocks


def _starts(convolutions):
    """Indices of the convolutions at which a block begins."""
    starts, index = [], 0
    while index < len(convolutions):
        starts.append(index)
        index += _length_of_block(convolutions[index:])
    return starts


def _length_of_block(convolutions):
    kinds = [c.kind == "depthwise_convolution" for c in convolutions[:3]]
    filters = [c.filters for c in convolutions[:3]]
    if kinds == [False, True, False] and filters[2] < filters[0]:
        return 3
    if kinds[:2] == [True, False]:
        return 2
    if kinds[:2] == [False, False] and _is_inverted(convolutions):
        return 2
    return 1


def _is_inverted(convolutions):
    first, second = convolutions[:2]
    inputs = first.weights["kernel"].shape[2]
    # The first convolution of the images widens them and is no bottleneck.
    return 3 < inputs < first.filters > second.filters
