"""What `keras_elastic.data` offers under its usual names on other backends.

Data sets are loaded into memory, and batches are made on the device.
"""

import contextlib

from keras_elastic.data.arrays import load_arrays
from keras_elastic.data.device_batches import array_batches
from keras_elastic.data.device_batches import evaluation_arrays

training_batches = array_batches
evaluation_batches = evaluation_arrays


def load_dataset(name, data_dir=None, *, limit=None, skip_corrupt=False):
    """Loads a data set into memory; see `load_arrays`.

    Raises:
        ValueError: As `load_arrays`, or `skip_corrupt` is asked for: it is for
            image folders, which need the TensorFlow backend.
    """
    if skip_corrupt:
        raise ValueError(
            "`skip_corrupt` is for image folders, which need the TensorFlow "
            "backend. Received: skip_corrupt=True on another backend."
        )
    return load_arrays(name, data_dir, limit=limit)


def steps_per_epoch(split, batch_size):
    """Returns the number of whole batches in a split.

    Args:
        split: `ArraySplit`.
        batch_size: Images in a batch.

    Raises:
        ValueError: `batch_size` is not positive or exceeds the split.
    """
    if not 1 <= batch_size <= split.size:
        raise ValueError(
            "`batch_size` must be positive and not exceed the number of "
            f"images. Received: batch_size={batch_size}, but the split has "
            f"{split.size} images."
        )
    return split.size // batch_size


def naming_corrupt_files():
    """A context that does nothing: there are no files to read any more."""
    return contextlib.nullcontext()
