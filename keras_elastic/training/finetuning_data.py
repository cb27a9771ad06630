"""The images of a fine-tuning: how many steps they make, and the first."""

import itertools
import math

from keras_elastic import calibration
from keras_elastic import checks

# Of `Model.fit` where its caller gives none.
_BATCH = 32


class TrainingImages:
    """What `Model.fit` trains on, of what it is given.

    Args:
        x: An array of images, or batches of (images, labels).
        batch_size: Integer, or `None`. Images of a step, of an array.
        steps_per_epoch: Integer, or `None` for all there are.
        validation_split: Number in 0..1, or `None`. The part of an array, at
            its end, that is not trained on.

    Raises:
        ValueError: There are no images, a number is out of range, or `x` has
            no length and `steps_per_epoch` is not given.
    """

    def __init__(
        self, x, batch_size=None, steps_per_epoch=None, validation_split=None
    ):
        for name, value in (
            ("batch_size", batch_size),
            ("steps_per_epoch", steps_per_epoch),
        ):
            if value is not None:
                checks.positive_integer(**{name: value})
        self.x = _checked(x)
        self.is_array = hasattr(x, "shape")
        if validation_split:
            self._leave_out(validation_split)
        self.steps = steps_per_epoch or self._count_steps(batch_size)

    def _leave_out(self, validation_split):
        checks.fraction(validation_split=validation_split)
        if not self.is_array or validation_split >= 1:
            raise ValueError(
                "`validation_split` must be a part, below 1, of an array of "
                f"images. Received: validation_split={validation_split} and x "
                f"of type {type(self.x).__name__}. Pass `validation_data`."
            )
        # As Keras rounds it.
        kept = math.floor(len(self.x) * (1.0 - validation_split))
        self.x = self.x[:kept]
        checks.check_images(self.x)

    def _count_steps(self, batch_size):
        if self.is_array:
            return -(-len(self.x) // (batch_size or _BATCH))
        try:
            return len(self.x)
        except TypeError as error:
            raise ValueError(
                "`steps_per_epoch` must be given for data without a length. "
                f"Received: x={self.x!r} and steps_per_epoch=None."
            ) from error

    def first(self, count):
        """As many of the images as statistics are measured on."""
        if self.is_array:
            return self.x[:count]
        batches = self.x
        if hasattr(batches, "__len__"):
            # What is read by numbers may not say where it ends.
            batches = itertools.islice(batches, self._length())
        return _take(calibration.image_batches(batches), count)

    def _length(self):
        try:
            return len(self.x)
        except TypeError:
            return None


def _checked(x):
    """Returns images, or batches, as they are given."""
    is_batches = hasattr(x, "__iter__") or hasattr(x, "__getitem__")
    if hasattr(x, "shape"):
        checks.check_images(x, "x")
        is_batches = len(x) > 0
    if not is_batches or isinstance(x, (str, bytes, dict, list, tuple)):
        raise ValueError(
            "`x` must be an array of images, of shape (count, height, width, "
            "3), or batches of (images, labels). Received: x of type "
            f"{type(x).__name__}{_length_of(x)}. Pass an array, a "
            "`tf.data.Dataset` or a `keras.utils.PyDataset`."
        )
    return x


def _length_of(x):
    return f" and length {len(x)}" if hasattr(x, "__len__") else ""


def _take(batches, count):
    """Yields batches until they hold so many images."""
    for batch in batches:
        yield batch[:count]
        count -= len(batch)
        if count <= 0:
            return
