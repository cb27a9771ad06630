"""Statistics of batch normalization, measured for one network as it is used.

Statistics belong to a (subnet or child, resolution). They are measured after
training on training images, pooled exactly over all of them.

Reference: BigNAS (Yu et al., ECCV 2020), section 3.1; Universally Slimmable
Networks (Yu and Huang, ICCV 2019), section 3.2, "post-statistics".
"""

import contextlib
import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_elastic import checks
from keras_elastic import tracing
from keras_elastic.checks import check_images
from keras_elastic.layers import kernels
from keras_elastic.models import preparation as preparations
from keras_elastic.models.preparation import central_squares

if TYPE_CHECKING:
    from keras_elastic.models.supernet import Supernet
    from keras_elastic.spaces import Architecture


class PooledStatistics:
    """Means and variances over all images, from those of batches.

    The variance of the whole is the mean of the batches' variances plus the
    variance of their means (law of total variance), each weighted by the
    images of the batch. Averages of variances alone, as usual elsewhere, are
    too small and depend on the batch size.
    """

    def __init__(self):
        self.images = 0
        self._mean = {}
        self._mean_square = {}

    def add(self, statistics, images):
        """Adds a batch.

        Args:
            statistics: Dictionary from names to arrays of shape (2, channels):
                means and biased variances.
            images: Integer. Images in the batch.

        Raises:
            ValueError: A statistic is not finite.
        """
        self._check_finite(statistics, images)
        for name, values in statistics.items():
            # In float64: mean squares cancel against squared means.
            mean, variance = ops.convert_to_numpy(values).astype("float64")
            share = images / (self.images + images)
            square = variance + mean**2
            for pool, value in (
                (self._mean, mean),
                (self._mean_square, square),
            ):
                before = pool.get(name, 0.0)
                pool[name] = before + share * (value - before)
        self.images += images

    def _check_finite(self, statistics, images):
        for name, values in statistics.items():
            if not np.isfinite(ops.convert_to_numpy(values)).all():
                raise ValueError(
                    "Statistics must be finite. Received: NaN or infinite ones "
                    f"of {name!r}, in the batch of images {self.images} to "
                    f"{self.images + images - 1}. Look for pixels beyond "
                    "0..255 in it, and for weights that are not finite."
                )

    def result(self):
        """Returns float32 arrays of shape (2, channels), by name."""
        pooled = {}
        for name, mean in self._mean.items():
            variance = self._mean_square[name] - mean**2
            both = np.stack([mean, np.maximum(variance, 0.0)])
            pooled[name] = both.astype("float32")
        return pooled


class SubnetCalibrator:
    """Measures statistics of a supernet's subnets in one trace for all.

    Args:
        supernet: `Supernet`.
        strategy: `tf.distribute.Strategy` in whose scope the supernet was
            made, to measure on all its replicas, or `None`.

    Example:

    >>> calibrator = SubnetCalibrator(supernet)
    >>> statistics = calibrator.measure(supernet.space.largest, images)
    """

    @checks.arguments(supernet=checks.SUPERNET)
    def __init__(self, supernet: "Supernet", strategy: Any = None):
        self.supernet = supernet
        self._batch_statistics = tracing.OnReplicas(
            lambda images, arch: supernet(images, arch, return_statistics=True)[
                1
            ],
            ((None, None, None, 3), "float32"),
            ((len(supernet.space.genes),), "int32"),
            strategy=strategy,
        )

    @checks.arguments(images=checks.IMAGES, batch_size=checks.POSITIVE_INTEGER)
    def measure(
        self, arch: "Architecture", images: Iterable[Any], batch_size: int = 256
    ) -> dict[str, np.ndarray]:
        """Measures the statistics of one subnet.

        Args:
            arch: `Architecture`.
            images: Array of shape (count, height, width, 3) with pixels in
                0..255, or an iterable of such batches, or of pairs
                (images, labels).
            batch_size: Integer. Used for an array only.

        Returns:
            Dictionary from the names of normalizations to float32 arrays of
            shape (2, channels): means and variances. Empty for a supernet
            without batch normalization.

        Raises:
            ValueError: There are no images, they are not RGB or not finite,
                or `arch` is not in the space.
        """
        arch = tracing.as_argument(self.supernet.space, arch)
        if not self.supernet.normalizations:
            # Groups of channels are normalized image by image.
            return {}
        pooled = PooledStatistics()
        for batch in image_batches(images, batch_size):
            batch = central_squares(batch)
            for count, statistics in self._batch_statistics(batch, arch):
                pooled.add(statistics, count)
        _check_not_empty(pooled.images)
        return pooled.result()


@checks.arguments(
    model=checks.MODEL, images=checks.IMAGES, batch_size=checks.POSITIVE_INTEGER
)
def calibrate(
    model: keras.Model, images: Iterable[Any], batch_size: int = 256
) -> keras.Model:
    """Measures and sets the normalization statistics of a child.

    Upstream normalizations take their batch's statistics while one is
    measured, as in training; beyond that the result does not depend on the
    batch size. All other layers work as in inference, for which statistics
    are: nothing is dropped, and nothing augmented. Two thousand training
    images are enough (MutualNet).

    Args:
        model: A `keras.Model` with `BatchNormalization` layers, of its own or
            in models that are its layers: a child from `Supernet.child` or
            `keras_elastic.load`, or one inside of an outer model. Changed in
            place.
        images: Array of shape (count, height, width, 3) with pixels in 0..255,
            or an iterable of such batches, or of pairs (images, labels). They
            are cropped and resized to the model's resolution as where the
            model is served; those that have it are taken as they are.
        batch_size: Integer. Used for an array only.

    Returns:
        `model`.

    Raises:
        ValueError: There are no images, they are not RGB or not finite, or
            `model` has no normalization to calibrate, or one that does not
            run with it.
    """
    checks.instance_of(keras.Model, model=model)
    layers = normalizations(model)
    if not layers:
        raise ValueError(
            "`model` must be a `keras.Model` with `BatchNormalization` "
            f"layers. Received: {model!r}, which has none to calibrate."
        )
    pooled = PooledStatistics()
    size, preparation = _resolution(model), preparations.find(model)
    with _measuring(layers) as seen:
        measure = _child_statistics(model, layers, seen, preparation)
        for batch in image_batches(images, batch_size):
            if size is not None:
                batch = preparation.patches(batch, size)
            for statistics in measure(tracing.as_images(batch)):
                pooled.add(statistics, len(batch))
    _check_not_empty(pooled.images)
    # An error half-way has left the model as it was.
    for number, (mean, variance) in pooled.result().items():
        layers[number].moving_mean.assign(mean)
        layers[number].moving_variance.assign(variance)
    return model


def _child_statistics(model, layers, seen, preparation):
    """Returns a function from images to the statistics of each layer.

    It returns a list of one dictionary, from the numbers of `layers` to
    statistics; of more where a layer is used more than once.
    """
    size = _resolution(model)
    if hasattr(model, "operations"):
        # The graph alone: a model of its own class may not run all of it.
        model = keras.Model(model.inputs, model.outputs)

    def measure(images):
        if size is not None and images.shape[1:3] != (size, size):
            images = kernels.resize(images, size, preparation.interpolation)
        seen.clear()
        model(images, training=False)
        _check_all_seen(layers, seen)
        uses = max(map(len, seen.values()))
        return [
            {n: values[use] for n, values in seen.items() if use < len(values)}
            for use in range(uses)
        ]

    return tracing.traced(measure, ((None, None, None, 3), "float32"))


def _resolution(model):
    inputs = getattr(model, "inputs", None) or ()
    shapes = [tuple(x.shape) for x in inputs]
    return shapes[0][1] if len(shapes) == 1 and len(shapes[0]) == 4 else None


@contextlib.contextmanager
def _measuring(layers):
    """Lets layers measure their inputs, and normalize with what they measure.

    Yields:
        Dictionary from the numbers of layers to lists of statistics, one for
        each use of a layer in a call. It is for who calls to empty it.
    """
    seen = {}

    def measuring(number, layer):
        def call(inputs, training=None, mask=None):
            features = ops.cast(inputs, "float32")
            axis = layer.axis % len(features.shape)
            axes = [a for a in range(len(features.shape)) if a != axis]
            mean, variance = ops.moments(features, axes=axes)
            seen.setdefault(number, []).append(ops.stack([mean, variance]))
            outputs = ops.batch_normalization(
                features,
                mean,
                variance,
                axis=axis,
                offset=_in_float32(layer.beta),
                scale=_in_float32(layer.gamma),
                epsilon=layer.epsilon,
            )
            return ops.cast(outputs, layer.compute_dtype)

        return call

    try:
        for number, layer in enumerate(layers):
            # Beside the class's method, and past what Keras tracks.
            vars(layer)["call"] = measuring(number, layer)
        yield seen
    finally:
        for layer in layers:
            vars(layer).pop("call", None)


def _in_float32(weight):
    """A weight that may be of half precision, or `None` where there is none."""
    return None if weight is None else ops.cast(weight, "float32")


def _check_all_seen(layers, seen):
    missed = [x.name for n, x in enumerate(layers) if n not in seen]
    if missed:
        raise ValueError(
            "`model` must run all of its normalizations when it is called. "
            f"Received: a model that does not run {missed}. Calibrate the "
            "model that does."
        )


@checks.arguments(model=checks.having("layers", what="a `keras.Model`"))
def is_calibrated(model: keras.Model) -> bool:
    """Whether a model's normalizations hold measured statistics.

    A new `BatchNormalization` has mean 0 and variance 1 exactly; calibration
    and training change both. One that has not been measured, of a model that
    is a layer too, or with statistics that are not finite, makes a model
    uncalibrated. A model without normalization counts as calibrated.

    Args:
        model: A `keras.Model`.

    Returns:
        Boolean.
    """
    return not any(map(is_unmeasured, normalizations(model)))


def is_unmeasured(layer):
    """Whether a normalization holds a new layer's statistics, or none."""
    if not layer.built:
        return True
    mean = ops.convert_to_numpy(layer.moving_mean)
    variance = ops.convert_to_numpy(layer.moving_variance)
    is_new = not mean.any() and bool((variance == 1).all())
    return is_new or not np.isfinite([mean, variance]).all()


def normalizations(model):
    """The normalizations of a model, and of the models in it."""
    if not isinstance(model, keras.Model):
        return []
    return [
        layer
        for layer in model._flatten_layers()
        if isinstance(layer, keras.layers.BatchNormalization)
    ]


def image_batches(images, batch_size=256):
    """Yields checked batches of images from an array or an iterable.

    Args:
        images: Array of images, or an iterable of batches of images or of
            pairs (images, labels).
        batch_size: Integer. Used for an array only.

    Yields:
        Batches of shape (batch, height, width, 3).

    Raises:
        ValueError: The images are not RGB, or a pixel is NaN or infinite.
    """
    if hasattr(images, "shape"):
        check_images(images)
        array, starts = images, range(0, len(images), batch_size)
        images = (array[start : start + batch_size] for start in starts)
    for number, batch in enumerate(images):
        batch = batch[0] if isinstance(batch, (tuple, list)) else batch
        check_images(batch)
        _check_pixels(batch, number)
        yield batch


def _check_pixels(images, number):
    """Refuses pixels that are not finite, and warns of scaled ones."""
    pixels = ops.convert_to_numpy(images)
    if not len(pixels) or pixels.dtype.kind in "biu":
        return
    # NaN is neither, and stays the least and the greatest.
    least, greatest = float(np.min(pixels)), float(np.max(pixels))
    if not np.isfinite([least, greatest]).all():
        wrong = ~np.isfinite(pixels).all(axis=(1, 2, 3))
        raise ValueError(
            "`images` must have finite pixels. Received: NaN or infinity in "
            f"the batch {number}, counted from 0, in its images "
            f"{np.flatnonzero(wrong)[:5].tolist()}. Mend them, or leave them "
            "out."
        )
    is_scaled = 0 < greatest <= 1 or (least < 0 and greatest < 10)
    if is_scaled and number == 0:
        warnings.warn(
            "`images` must have pixels in 0..255: the model scales them "
            f"itself. Received: pixels from {least:.3g} to {greatest:.3g}. "
            "Pass them as they were before they were scaled.",
            stacklevel=3,
        )


def _check_not_empty(images):
    if not images:
        raise ValueError(
            "`images` must hold at least one image to measure statistics on. "
            "Received: no images. Pass some training images; 2,000 are enough."
        )
