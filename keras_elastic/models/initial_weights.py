"""Weights that a supernet begins with: those of a trained network."""

import dataclasses
import functools

import keras
import numpy as np
from keras import ops

from keras_elastic.spaces import plan as primitives


@dataclasses.dataclass(frozen=True)
class InitialWeights:
    """The weights of a trained network, by the names of a plan's operations.

    Args:
        name: String. Where they are from, for messages.
        weights: Dictionary from the names of operations to lists of arrays,
            as the layers of a supernet hold them.
        labels: Tuple of what tells the classes apart, by label: WordNet
            identifiers or names. `None` if nothing is known of them.
        names: Tuple of names that a person can read, by label, or `None`.
        statistics: Dictionary from the names of normalizations to arrays of
            shape (2, channels), or `None`.
    """

    name: str
    weights: dict[str, list]
    labels: tuple[str, ...] | None = None
    names: tuple[str, ...] | None = None
    statistics: dict[str, np.ndarray] | None = None

    @classmethod
    def of_supernet(cls, name, supernet, labels=None, names=None):
        """The weights of a trained supernet.

        Args:
            name: String.
            supernet: `Supernet`.
            labels: As the class.
            names: As the class.
        """
        weights = {
            operation.name: layer.get_weights()
            for operation, layer in layers_of(supernet)
        }
        return cls(name, weights, labels, names)

    @classmethod
    def of_child(cls, name, plan, child, labels=None, names=None):
        """The weights of a network that `build_child` built.

        Args:
            name: String.
            plan: `Plan` of the network.
            child: `keras.Model` whose layers have the plan's names.
            labels: As the class.
            names: As the class.

        Raises:
            ValueError: The network lacks a layer of the plan.
        """
        weights, statistics = {}, {}
        for block in plan.blocks:
            for operation in block.every_operation if block.live else ():
                found = _found(name, operation, child)
                if found is not None:
                    weights[operation.name] = found
                if isinstance(operation, primitives.Normalization):
                    layer = child.get_layer(operation.name)
                    statistics[operation.name] = np.stack(
                        [_numpy(v) for v in layer.non_trainable_variables]
                    )
        return cls(name, weights, labels, names, statistics)

    def give(self, supernet, labels=None):
        """Sets the weights of a supernet.

        The classifier keeps the columns of the classes that both know. The
        others are new, as they were. Without a word on either side's classes
        as many classes are taken for the same.

        Args:
            supernet: `Supernet`. Its weights change in place.
            labels: What tells its classes apart, by label. `None` for a class
                that is new in any case.

        Returns:
            Integer: how many classes of the supernet's were known.

        Raises:
            ValueError: A layer is missing or has another shape. Then nothing
                has changed.
        """
        plan = supernet.family.plan(supernet.space.largest, supernet.classes)
        shared = self._shared_classes(supernet.classes, labels)
        values = []
        for operation, layer in layers_of(supernet):
            given = self._given(operation, layer)
            if operation.name == plan.classifier:
                given = _with_columns(layer.get_weights(), given, *shared)
            values.append((layer, given))
            self._check_shapes(operation, layer, given)
        for layer, given in values:
            layer.set_weights(given)
        return len(shared[0])

    def _given(self, operation, layer):
        if operation.name in self.weights:
            return self.weights[operation.name]
        if isinstance(operation, primitives.Shortcut):
            # The largest subnet does not project here, narrower ones do.
            return layer.get_weights()
        raise ValueError(
            f"`initial` must have the layer '{operation.name}' of the "
            f"supernet. Received: '{self.name}', which has none of that "
            "name. Take weights of the same family."
        )

    def _check_shapes(self, operation, layer, given):
        expected = [tuple(weight.shape) for weight in layer.weights]
        received = [tuple(value.shape) for value in given]
        if expected != received:
            raise ValueError(
                f"`initial` must have weights of the shapes {expected} for "
                f"the layer '{operation.name}', those of the largest subnet. "
                f"Received: '{self.name}' with {received}. Take weights of "
                "the same family, or change the family's largest choices."
            )

    def _shared_classes(self, classes, labels):
        """Pairs of places: in the supernet, and in these weights."""
        known = self._known_classes()
        if labels is None or known is None:
            theirs = self.classes
            same = range(classes) if classes == theirs else ()
            return list(same), list(same)
        pairs = [
            (place, known[label])
            for place, label in enumerate(labels)
            if label in known
        ]
        return [mine for mine, _ in pairs], [theirs for _, theirs in pairs]

    @property
    def classes(self):
        """Number of classes, the length of the last weights."""
        return self.weights[list(self.weights)[-1]][0].shape[-1]

    def _known_classes(self):
        """Places of the classes by label, and by name where it is unique."""
        if self.labels is None:
            return None
        names = self.names or ()
        unique = {n: p for p, n in enumerate(names) if names.count(n) == 1}
        return {**unique, **{n: p for p, n in enumerate(self.labels)}}


def layers_of(supernet):
    """Yields each operation of a supernet's plan that has a layer, and it."""
    plan = supernet.family.plan(supernet.space.largest, supernet.classes)
    for block in plan.blocks:
        for operation in block.every_operation:
            layer = getattr(supernet, operation.name, None)
            if isinstance(layer, keras.layers.Layer) and layer.weights:
                yield operation, layer


def _with_columns(new, given, mine, theirs):
    """The weights of a classifier with some columns of another's."""
    values = []
    for weight, source in zip(new, given, strict=True):
        weight = weight.copy()
        if weight.shape[:-1] != source.shape[:-1]:
            # To be refused, by its own shape.
            return given
        weight[..., mine] = source[..., theirs]
        values.append(weight)
    return values


def _found(name, operation, child):
    try:
        return _read(operation, child)
    except ValueError as error:
        raise ValueError(
            f"`initial` must have the layers of '{operation.name}'. Received: "
            f"'{name}', without them ({error}). Take a network of the same "
            "family."
        ) from error


@functools.singledispatch
def _read(operation, child):
    """The weights of an operation as a supernet's layer holds them."""
    return None


@_read.register(primitives.Convolution)
@_read.register(primitives.DepthwiseConvolution)
@_read.register(primitives.GroupNormalization)
@_read.register(primitives.Dense)
def _(operation, child):
    return child.get_layer(operation.name).get_weights()


@_read.register
def _(operation: primitives.Normalization, child):
    layer = child.get_layer(operation.name)
    return [_numpy(variable) for variable in layer.trainable_variables]


@_read.register
def _(operation: primitives.SqueezeExcite, child):
    return [
        value.reshape(value.shape[2:]) if value.ndim == 4 else value
        for part in ("reduce", "expand")
        for value in child.get_layer(f"{operation.name}_{part}").get_weights()
    ]


@_read.register
def _(operation: primitives.Shortcut, child):
    if not operation.project:
        return None
    return child.get_layer(operation.name).get_weights()


def _numpy(variable):
    return ops.convert_to_numpy(variable)
