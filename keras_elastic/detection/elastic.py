"""A detector on a supernet, trained at many architectures at once."""

from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_elastic import checks
from keras_elastic.calibration import PooledStatistics
from keras_elastic.calibration import normalizations
from keras_elastic.detection.encoder import level_of
from keras_elastic.detection.retinanet import IMAGE_SIZE
from keras_elastic.detection.retinanet import check_multiple
from keras_elastic.detection.retinanet import retinanet
from keras_elastic.models import feature_pyramid
from keras_elastic.models.supernet import Supernet
from keras_elastic.spaces import Architecture
from keras_elastic.training.samplers import Sandwich


class ElasticDetector(keras.Model):
    """A RetinaNet on a supernet at any architecture.

    One neck and one pair of heads serve all architectures: narrow maps are
    filled up with zeros, so that of the neck's first convolutions the live
    channels work. An architecture's resolution says how much smaller than
    `image_size` the images of a subnet are: in a space of 128 to 224 pixels,
    one of 112 has half of the height and of the width.

    Reference:
    - MutualNet: Adaptive ConvNet via Mutual Learning from Network Width and
      Resolution (Yang et al., ECCV 2020): one set of weights over widths and
      resolutions. There a detector is trained on each subnet.

    Args:
        supernet: `Supernet`, with the weights to begin with.
        classes: Integer. Number of classes of objects.
        image_size: Pair of integers, height and width in pixels of the images
            at the largest resolution. At each they must be multiples of the
            trunk's coarsest stride.
        name: String. Name of the model.
        **options: `strides`, `anchor_size` and `head_layers`, as `retinanet`.

    Call arguments:
        images: Tensor of pixels in 0..255 of shape (batch, *image_size, 3).
        arch: `Architecture`, or its encoding: an int32 vector.
        resolution: Integer, the resolution of an `arch` that is a tensor.

    Returns:
        Dictionary of `"bbox_regression"` (batch, anchors, 4) and
        `"cls_logits"` (batch, anchors, classes), as keras-hub's detectors.

    Raises:
        ValueError: As `retinanet`, or a size is not such a multiple.

    Example:

    ```python
    supernet = keras_elastic.load_supernet("bignas")
    elastic = ElasticDetector(supernet, classes=80, image_size=(384, 512))
    train_mutually(elastic, batches, keras.optimizers.Adam(1e-4), steps=9000)
    detector = elastic.child(supernet.space.smallest, some_batches)
    ```
    """

    @checks.arguments(
        supernet=checks.SUPERNET,
        classes=checks.POSITIVE_INTEGER,
        image_size=IMAGE_SIZE,
    )
    def __init__(
        self,
        supernet: Supernet,
        classes: int,
        image_size: Sequence[int],
        *,
        name: str = "elastic_retinanet",
        **options: Any,
    ):
        super().__init__(name=name)
        self.supernet = supernet
        self.classes = classes
        self.image_size = tuple(image_size)
        self._options = options
        largest = supernet.child(supernet.space.largest)
        whole = retinanet(largest, classes, self.image_size, **options)
        own = [int(n[1:]) for n in whole.backbone.image_encoder.pyramid_outputs]
        self.pyramid = feature_pyramid(supernet, tuple(2**n for n in own))
        self.neck = whole.backbone.feature_pyramid
        self.box_head = whole.box_head
        self.classification_head = whole.classification_head
        # As a method, of which Keras does not make a layer of this model.
        self._loss_of = whole.compute_loss
        for resolution in supernet.space.resolution:
            size = self.size(resolution)
            check_multiple("image_size", size, self.pyramid.strides[-1])
        self.built = True

    def size(self, resolution: int) -> tuple[int, int]:
        """Height and width of the images at a resolution of the space."""
        most = max(self.supernet.space.resolution)
        height, width = (
            round(side * resolution / most) for side in self.image_size
        )
        return height, width

    def __call__(
        self, images: Any, arch: Any, resolution: int | None = None
    ) -> dict[str, Any]:
        # Keras wants what is no tensor by its name.
        return super().__call__(images, arch=arch, resolution=resolution)

    def call(
        self, images: Any, arch: Any, resolution: int | None = None
    ) -> dict[str, Any]:
        images = self.resize(images, resolution or arch.resolution)
        maps = self.pyramid(images, arch)
        maps = {
            level_of(name): self._fill(features, self.pyramid.channels[stride])
            for stride, (name, features) in zip(
                self.pyramid.strides, maps.items(), strict=True
            )
        }
        maps = self.neck(maps)
        return {
            "bbox_regression": self._rows(self.box_head, maps, 4),
            "cls_logits": self._rows(
                self.classification_head, maps, self.classes
            ),
        }

    def resize(self, images: Any, resolution: int) -> Any:
        """Resizes images of `image_size` for a resolution."""
        size, images = self.size(resolution), tf.cast(images, "float32")
        if size == tuple(images.shape[1:3]):
            return images
        return tf.image.resize(images, size, antialias=True)

    def _fill(self, features, channels):
        """Fills up the last axis with zeros."""
        missing = channels - tf.shape(features)[-1]
        features = tf.pad(features, [[0, 0], [0, 0], [0, 0], [0, missing]])
        return tf.ensure_shape(features, (None, None, None, channels))

    def _rows(self, head, maps, columns):
        rows = [
            tf.reshape(x, (tf.shape(x)[0], -1, columns))
            for x in map(head, maps.values())
        ]
        return tf.concat(rows, axis=1)

    def loss_of(
        self,
        images: Any,
        targets: Mapping[str, Any],
        arch: Any,
        resolution: int,
    ) -> Any:
        """Returns the mean loss of a subnet on a batch.

        Args:
            images: As `detection_batches` makes them, of `image_size`.
            targets: As `detection_batches` makes them.
            arch: Encoded architecture, an int32 vector.
            resolution: Integer, its resolution.
        """
        predictions = self(images, arch, resolution)
        height, width = self.size(resolution)
        shrink = [height / self.image_size[0], width / self.image_size[1]] * 2
        boxes, labels = targets["boxes"], targets["labels"]
        targets = {
            # What stands for no box stays what it is.
            "boxes": tf.where(labels[..., None] < 0, boxes, boxes * shrink),
            "labels": labels,
        }
        # Of the images, the size alone is read.
        pixels = tf.zeros((1, height, width, 3))
        return self._loss_of(pixels, targets, predictions, None)

    # Children

    @checks.arguments(arch=checks.ARCHITECTURE)
    def child(
        self, arch: Architecture, batches: Iterable[Any] | None = None
    ) -> keras.Model:
        """Extracts an architecture as a detector of stock layers.

        Args:
            arch: `Architecture` of the supernet's space.
            batches: Some batches of `detection_batches`, to measure the
                statistics of its normalizations on, or `None`. Without, those
                hold a new layer's mean 0 and variance 1.

        Returns:
            What `retinanet` returns, for images of `size(arch.resolution)`.
        """
        trunk = self.supernet.child(arch)
        size = self.size(arch.resolution)
        detector = retinanet(trunk, self.classes, size, **self._options)
        _copy_neck(self.neck, detector.backbone.feature_pyramid)
        for name in ("box_head", "classification_head"):
            weights = getattr(self, name).get_weights()
            getattr(detector, name).set_weights(weights)
        if batches is not None:
            statistics = self._measure(arch, batches)
            for layer in normalizations(detector):
                mean, variance = statistics[layer.name]
                channels = layer.moving_mean.shape[0]
                layer.moving_mean.assign(mean[:channels])
                layer.moving_variance.assign(variance[:channels])
        return detector

    def _measure(self, arch, batches):
        pooled = PooledStatistics()

        @tf.function(autograph=False)
        def measure(images):
            images = self.resize(images, arch.resolution)
            return self.pyramid(images, arch, return_statistics=True)[1]

        for images, _ in batches:
            pooled.add(measure(images), len(images))
        return pooled.result()


def _copy_neck(neck, child_neck):
    """Copies a neck to one that reads narrower maps."""
    for level, layer in child_neck.lateral_conv_layers.items():
        kernel, bias = neck.lateral_conv_layers[level].get_weights()
        layer.set_weights([kernel[:, :, : layer.kernel.shape[2]], bias])
    for level, layer in child_neck.output_conv_layers.items():
        layer.set_weights(neck.output_conv_layers[level].get_weights())


@checks.arguments(
    detector=checks.instance(ElasticDetector),
    batches=checks.having("element_spec", "repeat", what="a `tf.data.Dataset`"),
    optimizer=checks.OPTIMIZER,
    steps=checks.POSITIVE_INTEGER,
    sampler=checks.having("draw", what="a sampler") | checks.NONE,
    seed=checks.COUNT,
)
def train_mutually(
    detector: ElasticDetector,
    batches: tf.data.Dataset,
    optimizer: keras.optimizers.Optimizer,
    steps: int,
    *,
    sampler: Any = None,
    seed: int = 0,
) -> np.ndarray:
    """Trains a detector at several architectures in each step.

    The gradients of the largest, the smallest and some random subnets, at
    resolutions of their own, are summed and applied once. Each learns from
    the true boxes. It runs on one device.

    Args:
        detector: `ElasticDetector`. Changed in place.
        batches: Batches of `detection_batches`, for training, of the
            detector's `image_size`.
        optimizer: `keras.optimizers.Optimizer`.
        steps: Integer.
        sampler: Draws the architectures of a step. Defaults to
            `Sandwich(mutual=True)`, of four subnets.
        seed: Integer, of the sampler.

    Returns:
        float32 array of shape (steps, subnets): the losses.

    Raises:
        ValueError: Batches are of another form or size.
    """
    _check_batches(batches, detector.image_size)
    sampler = sampler or Sandwich(mutual=True)
    variables = detector.trainable_variables
    optimizer.build(variables)

    # A trace for each resolution, for which sizes are constants.
    @tf.function(autograph=False)
    def differentiate(images, targets, arch, resolution):
        with tf.GradientTape() as tape:
            loss = detector.loss_of(images, targets, arch, resolution)
        return loss, tape.gradient(
            loss,
            [variable.value for variable in variables],
            # The classifier of the supernet takes no part.
            unconnected_gradients=tf.UnconnectedGradients.ZERO,
        )

    apply = tf.function(
        lambda *gradients: optimizer.apply(gradients, variables),
        autograph=False,
    )
    history = []
    for step, (images, targets) in enumerate(batches.repeat().take(steps)):
        losses: list[float] = []
        total: list[Any] = []
        for arch in sampler.draw(detector.supernet, seed, step):
            loss, gradients = differentiate(
                images, targets, tf.constant(arch), int(arch[0])
            )
            losses.append(float(loss))
            total = _add(total, gradients) if total else gradients
        apply(*total)
        history.append(losses)
    return np.array(history, "float32")


def _check_batches(batches, image_size):
    spec = batches.element_spec
    shape = spec[0].shape if isinstance(spec, tuple) else None
    if shape is None or tuple(shape[1:3]) != image_size:
        raise ValueError(
            f"`batches` must be those of `detection_batches` with "
            f"image_size={image_size}, as `detector` has. Received: {spec}."
        )


def _add(some, others):
    return [a + b for a, b in zip(some, others, strict=True)]
