"""Watches how well some subnets do while the supernet learns."""

import keras
import numpy as np


class SubnetValidation(keras.callbacks.Callback):
    """Adds the accuracies of some subnets to the logs of an epoch.

    Args:
        accuracy: Function from an `Architecture` to its accuracy now, with
            calibrated statistics.
        archs: Dictionary from names to `Architecture`; see `watched`.
        every: Integer. Epochs between two validations. In the others the
            columns are empty (not a number). Defaults to 1.
        refresh: Function that is called before each validation, to bring the
            weights up to date where `accuracy` looks at a copy.
    """

    def __init__(self, accuracy, archs, every=1, refresh=lambda: None):
        super().__init__()
        self.accuracy = accuracy
        self.archs = archs
        self.every = every
        self.refresh = refresh

    def on_epoch_end(self, epoch, logs=None):
        """Validates, if it is time."""
        if (epoch + 1) % self.every:
            values = dict.fromkeys(self.archs, np.nan)
        else:
            self.refresh()
            values = {n: self.accuracy(a) for n, a in self.archs.items()}
        for name, value in values.items():
            logs[f"val_{name}_accuracy"] = value


def watched(space, seed=0):
    """The architectures to watch, by name.

    Args:
        space: `SearchSpace`.
        seed: Integer, of the random ones.

    Returns:
        Dictionary with the largest, the smallest and two random ones, which
        are the same in every epoch.
    """
    rng = np.random.default_rng(seed)
    return {
        "largest": space.largest,
        "smallest": space.smallest,
        "random_1": space.sample(rng),
        "random_2": space.sample(rng),
    }
