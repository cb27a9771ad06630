"""A part of a dynamic slimmable network at one of its ways, truly narrow."""

from keras_elastic.models import dsnet_segments
from keras_elastic.models import elastic_operations
from keras_elastic.spaces import plan as primitives


def run_part(model, part, route, features, factors=None):
    """Runs a part of the network, for inference.

    Each normalisation is folded into the convolution before it, whose kernel
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

    return dsnet_segments.run(model.parts[part][route], features, run_chain)


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
