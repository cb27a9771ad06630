"""Children that run with weights which are stored once."""

import keras

from keras_elastic.export.folding import FoldedChild
from keras_elastic.export.rebuilding import check_layers
from keras_elastic.export.shared_weights import SharedWeights


class SharedChildren:
    """Children of one supernet whose weights are parts of one another's.

    Each reads its own part of them whenever it runs, and multiplies the
    kernels by what was folded into them, which is each child's own.

    Args:
        children: Sequence of functional `keras.Model` of stock layers.

    Attributes:
        weights: `SharedWeights`, for a SavedModel to track.

    Raises:
        ValueError: A child has other layers.
    """

    def __init__(self, children):
        for child in children:
            check_layers(child)
        self._folded = [FoldedChild(child) for child in children]
        self.weights = SharedWeights([f.weights for f in self._folded])

    def call(self, number, images):
        """Runs a child.

        Args:
            number: Integer. Which of the children.
            images: Tensor of pixels in 0..255, of the child's size.

        Returns:
            The logits.
        """
        folded, weights = self._folded[number], self.weights.read(number)

        def read(name):
            scale = folded.scales.get(name)
            return weights[name] if scale is None else weights[name] * scale

        with keras.StatelessScope(state_mapping=folded.state(read)):
            return folded.model(images, training=False)
