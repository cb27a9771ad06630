"""The two stages of a BasisNet as functions of tensors."""

from keras_elastic.models import basisnet_stages as stages
from keras_elastic.models.child import rescale


class TwoStages:
    """The two stages as functions of tensors and of layers to run.

    Args:
        light: `Plan` of the light network.
        specialist: `Plan` of a basis network.
        num_bases: Integer. Number of bases.
        basis_blocks: Numbers of the specialist's blocks with bases.
        activation: Name of the activation of the coefficients.
    """

    def __init__(self, light, specialist, num_bases, basis_blocks, activation):
        self.light = light
        self.specialist = specialist
        self.num_bases = num_bases
        self.basis_blocks = basis_blocks
        self.activation = activation
        self.names = tuple(specialist.blocks[n].name for n in basis_blocks)

    def preview(self, images, layers):
        """Returns logits and coefficients of the light network."""
        trunk, classifier = stages.split_classifier(self.light)
        pixels = layers.preview(self.light.resolution)(images)
        features = rescale(self.light, pixels, layers)
        features = stages.run_blocks(trunk, features, layers)
        logits = stages.run_blocks(classifier, features, layers)
        # Of the feature before its dropout: statistics that are measured in
        # training mode are then those of the coefficients of inference.
        shape = (len(self.names), self.num_bases)
        coefficients = layers.Dense(shape[0] * shape[1], name="coefficients")(
            features
        )
        coefficients = layers.Reshape(shape, name="coefficients_by_block")(
            coefficients
        )
        coefficients = layers.Activation(
            self.activation, dtype="float32", name="coefficients_activation"
        )(coefficients)
        return _as_logits(logits, layers), coefficients

    def specialize(self, images, coefficients, layers):
        """Returns logits of the specialist with given coefficients."""
        by_block = {
            name: coefficients[:, place]
            for place, name in enumerate(self.names)
        }
        logits = stages.run_blocks(
            self.specialist.blocks,
            rescale(self.specialist, images, layers),
            layers,
            by_block,
        )
        return _as_logits(logits, layers)


def _as_logits(features, layers):
    # In float32, whatever the precision of the layers.
    return layers.Activation("linear", dtype="float32", name="logits")(features)
