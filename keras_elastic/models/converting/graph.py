"""The graph of a Keras model: its operations and who reads them."""

import dataclasses
from typing import Any

import keras


@dataclasses.dataclass(eq=False)
class Node:
    """One operation of a graph.

    Args:
        operation: Keras layer or operation; `None` for the images.
        parents: Nodes whose outputs it reads.
        constants: Numbers among its arguments.
        number_first: Boolean. Whether its first argument is a number.
        users: Nodes that read its output, each once for each reading.
    """

    operation: Any
    parents: list
    constants: tuple = ()
    number_first: bool = False
    users: list = dataclasses.field(default_factory=list)

    @property
    def name(self):
        """Name of the operation."""
        return "images" if self.operation is None else self.operation.name

    @property
    def described(self):
        """Kind and name of the operation, for messages."""
        return f"{type(self.operation).__name__} '{self.name}'"


def read_graph(model):
    """Finds the operations of a functional model.

    Models inside of the model are opened.

    Args:
        model: `keras.Model` with one input and one output.

    Returns:
        Pair of the nodes of the images and of the output.

    Raises:
        ValueError: The model has no graph, several inputs or outputs, or a
            layer that is used twice.
    """
    check_model(model)
    images = Node(None, [])
    reader = _Reader()
    output = reader.trace(model, images)
    return images, output


def check_model(model):
    """Raises a `ValueError` unless a model has a graph that can be read."""
    if not isinstance(model, keras.Model):
        raise ValueError(
            "`model` must be a `keras.Model` or the path of a `.keras` file. "
            f"Received: model={model!r} (of type {type(model).__name__})."
        )
    # A subclassed model, or one that was not built, has no such attributes.
    inputs = getattr(model, "inputs", None)
    outputs = getattr(model, "outputs", None)
    if not inputs or not outputs:
        raise ValueError(
            "`model` must be a functional model, or a `Sequential` that is "
            "built: a graph of layers. Received: the model "
            f"'{model.name}' of type {type(model).__name__}, which has no "
            "graph. Write it as `keras.Model(inputs, outputs)`."
        )
    for kind, tensors in (("input", inputs), ("output", outputs)):
        if len(tensors) != 1:
            raise ValueError(
                f"`model` must have one {kind}. Received: the model "
                f"'{model.name}' with {len(tensors)} {kind}s. Take one of "
                "them: `keras.Model(model.inputs[0], model.outputs[0])`."
            )


class _Reader:
    """Makes the nodes of a model and of the models inside of it."""

    def __init__(self):
        self._seen = {}

    def trace(self, model, images):
        """Returns the node of a model's output, given that of its input."""
        nodes = {id(model.inputs[0]): images}
        stack = [model.outputs[0]]
        while stack:
            tensor = stack[-1]
            node = _node_of(tensor)
            waiting = [t for t in node.input_tensors if id(t) not in nodes]
            if id(tensor) not in nodes and waiting:
                stack.extend(waiting)
                continue
            stack.pop()
            if id(tensor) not in nodes:
                parents = [nodes[id(t)] for t in node.input_tensors]
                nodes[id(tensor)] = self._make(node, parents)
        return nodes[id(model.outputs[0])]

    def _make(self, node, parents):
        operation = node.operation
        if isinstance(operation, keras.Model):
            check_model(operation)
            self._check_once(operation)
            return self.trace(operation, parents[0])
        if not parents:
            raise ValueError(
                "`model` must compute its output from its images. Received: "
                f"{type(operation).__name__} '{operation.name}', which reads "
                "something else."
            )
        self._check_once(operation)
        arguments = [*node.arguments.args, *node.arguments.kwargs.values()]
        numbers = tuple(value for value in arguments if _is_number(value))
        first = bool(arguments) and _is_number(arguments[0])
        made = Node(operation, parents, numbers, first)
        for parent in parents:
            parent.users.append(made)
        return made

    def _check_once(self, operation):
        if id(operation) in self._seen:
            raise ValueError(
                "Every layer of `model` must be used once. Received: "
                f"{type(operation).__name__} '{operation.name}', which is "
                "used at several places. Give each place a layer of its own."
            )
        # The operation is kept, so that its `id` stays its own.
        self._seen[id(operation)] = operation


def _is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _node_of(tensor):
    history = tensor._keras_history
    return history.operation._inbound_nodes[history.node_index]
