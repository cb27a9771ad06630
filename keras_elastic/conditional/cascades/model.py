"""The cascade: one model of several, for images that need more or less."""

import functools
import os
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import TYPE_CHECKING
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_elastic import checks
from keras_elastic import tracing
from keras_elastic.conditional.basisnet.layers import BasisExit
from keras_elastic.conditional.basisnet.layers import BasisPreview
from keras_elastic.layers import kernels
from keras_elastic.models import class_names
from keras_elastic.models.preparation import find
from keras_elastic.models.preparation import remember

if TYPE_CHECKING:
    from keras_elastic.conditional.entry import ConditionalEntry

_NOT_AS_A_WHOLE = (
    "A cascade is not trained as a whole: its networks must be fine-tuned one "
    "by one, and the threshold chosen anew. Received: a cascade to train. "
    "Fine-tune children that `keras_elastic.load` returns, and make a "
    "`Cascade` of them."
)


@keras.saving.register_keras_serializable(package="keras_elastic")
class Cascade(keras.Model):
    """Networks of which the next is asked only when the one before is unsure.

    Each image goes to the first network. Where its largest probability exceeds
    the threshold, that is the answer; the other images of the batch go on to
    the next network. The logits of each are divided by a temperature, so that
    probabilities of different networks mean the same.

    It is a functional model of stock models, so it is saved, evaluated and
    exported as any other. It is not trained as a whole: `fit` is refused.

    Reference:
    - Wisdom of Committees (Wang et al., ICLR 2022), section 4: cascades of
      networks by confidence. IDK Cascades (Wang et al., UAI 2018).

    Args:
        children: Sequence of two or more functional models from square RGB
            images, pixels in 0..255, to logits of the same classes; the
            cheapest first. The result holds copies.
        threshold: Float in 0..1.
        temperatures: Sequence of positive floats, one for each network.
            Defaults to ones.
        flops: Sequence of numbers: multiply-adds of each network, or `None`
            if they are not known.
        name: String.
        **kwargs: Arguments of `keras.Model`.

    Call arguments:
        inputs: Tensor of pixels in 0..255.

    Input shape:
        (batch, resolution, resolution, 3), the largest resolution of the
        networks.

    Output shape:
        (batch, classes), logits.

    Raises:
        ValueError: There are not two networks, they differ in classes or are
            no such models, or a number is out of range.

    Example:

    >>> small = keras_elastic.load("bignas_digits", flops=200e3)
    >>> large = keras_elastic.load("bignas_digits", flops=1e6)
    >>> model = Cascade([small, large], threshold=0.9)
    >>> model(np.zeros((2, 12, 12, 3))).shape
    TensorShape([2, 10])
    """

    why_no_features = (
        "Each of its networks has a trunk of its own. Pass one of "
        "`model.networks`."
    )
    why_one_label = (
        "It compares the largest probability of a softmax with its threshold."
    )

    def __init__(
        self,
        children: Sequence[keras.Model],
        threshold: float,
        temperatures: Sequence[float] | None = None,
        flops: Sequence[float] | None = None,
        name: str = "cascade",
        **kwargs: Any,
    ):
        checks.string(name=name)
        children = _check_children(children)
        checks.fraction(threshold=threshold)
        temperatures = _check_numbers("temperatures", temperatures, children)
        if flops is not None:
            flops = _check_numbers("flops", flops, children)
        networks = [
            _renamed(child, f"network_{number}")
            for number, child in enumerate(children, start=1)
        ]
        size = max(network.input_shape[1] for network in networks)
        images = keras.Input((size, size, 3), name="images")
        *early, outputs = [
            _logits(images, network, temperature)
            for network, temperature in zip(networks, temperatures, strict=True)
        ]
        for number, logits in reversed(list(enumerate(early, start=1))):
            layer = BasisExit(threshold, name=f"exit_{number}")
            outputs = layer(logits, outputs)
        super().__init__(inputs=images, outputs=outputs, name=name, **kwargs)
        # How many images go on is known when it runs, and XLA's shapes are not.
        self.supports_jit = False
        self.threshold = float(threshold)
        self.temperatures = temperatures
        self.flops = flops

    @property
    def networks(self) -> list[keras.Model]:
        """The networks, the cheapest first."""
        numbers = range(1, len(self.temperatures) + 1)
        return [self.get_layer(f"network_{number}") for number in numbers]

    @property
    def classes(self) -> int:
        """Number of classes."""
        return self.output_shape[-1]

    def call(
        self, inputs: Any, training: bool | None = None, mask: Any = None
    ) -> Any:
        if training:
            raise ValueError(_NOT_AS_A_WHOLE)
        images = tracing.as_images(inputs)
        # TensorFlow's convolutions fail on no images.
        return ops.cond(
            ops.shape(images)[0] > 0,
            lambda: self._answer(images, self._run)[0],
            lambda: ops.zeros((0, self.classes)),
        )

    def route(
        self, images: Any, run: Callable[[int, Any], Any] | None = None
    ) -> tuple[Any, Any]:
        """Runs the cascade, and says which network answered each image.

        Args:
            images: Tensor of pixels in 0..255, as the model takes them.
            run: Function from the number of a network, from 0, and images of
                its size to its logits. Defaults to the networks themselves.

        Returns:
            Logits of shape (batch, classes), and int32 numbers of the
            networks, from 0, of shape (batch,).
        """
        return self._answer(tracing.as_images(images), run or self._run)

    def _run(self, number, images):
        return self.networks[number](images, training=False)

    def mean_flops(self, images: np.ndarray, batch_size: int = 256) -> float:
        """Returns the mean multiply-adds of images.

        Args:
            images: Array of shape (count, resolution, resolution, 3).
            batch_size: Integer.

        Raises:
            ValueError: There are no images, or the networks' multiply-adds
                are not known.
        """
        if self.flops is None or not len(images):
            raise ValueError(
                "`mean_flops` needs images, and a cascade made with `flops`. "
                f"Received: {len(images)} images, flops={self.flops}."
            )
        costs = np.cumsum(self.flops)
        parts = (
            tracing.as_images(images[start : start + batch_size])
            for start in range(0, len(images), batch_size)
        )
        answering = [
            ops.convert_to_numpy(self._traced_numbers(part)) for part in parts
        ]
        return float(costs[np.concatenate(answering)].mean())

    @functools.cached_property
    def _traced_numbers(self):
        """Function from images to who answers them, traced once."""
        return tracing.traced(
            lambda images: self.route(images)[1],
            ((None, *self.input_shape[1:]), "float32"),
        )

    def _answer(self, images, run, number=0):
        """Logits of some images, and the numbers of those who answered."""
        network = self.networks[number]
        size = network.input_shape[1]
        own = images
        if tuple(images.shape[1:3]) != (size, size):
            own = kernels.resize(images, size, find(network).interpolation)
        logits = run(number, own) / self.temperatures[number]
        answering = ops.full_like(logits[:, 0], number, dtype="int32")
        if number + 1 == len(self.networks):
            return logits, answering
        decided = self.get_layer(f"exit_{number + 1}").decides(logits)
        places = ops.nonzero(ops.logical_not(decided))[0]

        def ask_next():
            undecided = ops.take(images, places, axis=0)
            later, later_answering = self._answer(undecided, run, number + 1)
            return (
                ops.scatter_update(logits, places[:, None], later),
                ops.scatter_update(answering, places[:, None], later_answering),
            )

        return ops.cond(
            ops.shape(places)[0] > 0, ask_next, lambda: (logits, answering)
        )

    def with_threshold(self, threshold: float) -> "Cascade":
        """Returns a copy with another threshold."""
        return self._copy(self.networks, threshold)

    # What entries ask models with exits for.
    with_exit_threshold = with_threshold

    def with_new_classifier(self, classes: int) -> None:
        """Raises a `ValueError`: networks get new heads one by one."""
        raise ValueError(
            "`classes` makes a new head, and the threshold of a cascade was "
            f"chosen for trained ones. Received: classes={classes!r} for "
            f"{self.name!r}. Load networks of the supernet's entry with "
            "`classes`, fine-tune them, and make a "
            "`keras_elastic.conditional.Cascade` of them."
        )

    def finetuning_stages(self, **settings: Any) -> None:
        """Raises a `ValueError`: networks are fine-tuned one by one."""
        raise ValueError(_NOT_AS_A_WHOLE)

    def write_entry(
        self,
        folder: str | os.PathLike[str],
        *,
        dataset: str = "held-out images",
        test: tuple[Any, Any] | None = None,
    ) -> "ConditionalEntry":
        """Writes an entry, which `keras_elastic.load` reads by mean budget.

        Its front are the thresholds of `report`, on the held-out images that
        `keras_elastic.cascade` was given.

        Args:
            folder: Path of the folder.
            dataset: String. Name of the data set.
            test: Pair of images and integer labels of the test split, to
                report on, or `None`.

        Returns:
            The entry.

        Raises:
            ValueError: `keras_elastic.cascade` has not made this model, or
                the images and labels do not fit.
        """
        from keras_elastic.conditional.cascades import writing

        return writing.write_cascade(self, folder, dataset, test)

    def map_networks(
        self, function: Callable[[keras.Model], keras.Model]
    ) -> "Cascade":
        """Returns a cascade of what a function makes of each network."""
        return self._copy(map(function, self.networks), self.threshold)

    def _copy(self, networks, threshold):
        model = type(self)(
            list(networks),
            threshold,
            self.temperatures,
            self.flops,
            self.name,
        )
        if hasattr(self, "class_names"):
            model.class_names = self.class_names
        remember(model, find(self))
        return model

    def get_config(self) -> dict[str, Any]:
        # Not that of functional models, which lists all layers.
        return {
            "name": self.name,
            "trainable": self.trainable,
            "children": [
                keras.saving.serialize_keras_object(network)
                for network in self.networks
            ],
            "threshold": self.threshold,
            "temperatures": list(self.temperatures),
            "flops": None if self.flops is None else list(self.flops),
            **class_names.described(self),
        }

    @classmethod
    def from_config(
        cls,
        config: dict[str, Any],
        custom_objects: Mapping[str, Any] | None = None,
    ) -> "Cascade":
        children = [
            keras.saving.deserialize_keras_object(child, custom_objects)
            for child in config["children"]
        ]
        return class_names.revived(cls, {**config, "children": children})


def _logits(images, network, temperature):
    """The scaled logits of a network, symbolic."""
    preview = BasisPreview(network.input_shape[1], name=f"{network.name}_size")
    scale = keras.layers.Rescaling(
        1 / temperature, name=f"{network.name}_temperature", dtype="float32"
    )
    return scale(network(preview(images)))


def _renamed(child, name):
    """A copy of a model with another name."""
    config = {**child.get_config(), "name": name}
    copy = type(child).from_config(config)
    copy.set_weights(child.get_weights())
    return copy


def _check_children(children):
    children = list(children) if isinstance(children, (list, tuple)) else []
    shapes = [
        (getattr(c, "input_shape", None), getattr(c, "output_shape", None))
        for c in children
    ]
    if len(children) < 2 or not all(
        isinstance(child, keras.Model) and _is_classifier(*shape)
        for child, shape in zip(children, shapes, strict=True)
    ):
        raise ValueError(
            "`children` must be two or more models from square RGB images to "
            f"logits. Received: models of (input, output) shapes {shapes}. "
            "Pass what `keras_elastic.load` returns, the cheapest first."
        )
    classes = [outputs[-1] for _, outputs in shapes]
    if len(set(classes)) > 1:
        raise ValueError(
            "`children` must be of the same classes. Received: models of "
            f"{classes} classes."
        )
    return children


def _is_classifier(inputs, outputs):
    return (
        isinstance(inputs, tuple)
        and isinstance(outputs, tuple)
        and len(inputs) == 4
        and inputs[1] is not None
        and inputs[1] == inputs[2]
        and inputs[3] == 3
        and len(outputs) == 2
    )


def _check_numbers(name, values, children):
    values = [1.0] * len(children) if values is None else values
    (checks.SEQUENCE | checks.ARRAY).check(name, values)
    values = list(values)
    if len(values) != len(children) or not all(map(checks.RATE.fits, values)):
        raise ValueError(
            f"`{name}` must be {len(children)} positive numbers, one for each "
            f"network. Received: {name}={values}."
        )
    return tuple(float(value) for value in values)
