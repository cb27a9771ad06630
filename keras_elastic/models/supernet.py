"""The supernet: one set of weights that holds every architecture."""

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING
from typing import Any

import keras
from keras import ops

from keras_elastic import checks
from keras_elastic import families
from keras_elastic.families import registry
from keras_elastic.layers import kernels
from keras_elastic.layers import slicing
from keras_elastic.models import elastic_operations
from keras_elastic.models import statistics as statistics_checks
from keras_elastic.models.extraction import extract_child
from keras_elastic.models.subnet_run import SubnetRun
from keras_elastic.spaces import Architecture
from keras_elastic.spaces import Plan
from keras_elastic.spaces import SearchSpace
from keras_elastic.spaces import plan as primitives

if TYPE_CHECKING:
    from keras_elastic.families.family import Family

_ENCODING = checks.Rule(
    "an `Architecture` or its encoding, an int32 vector",
    lambda value: hasattr(value, "dtype") or checks.INTEGERS.fits(value),
)


@keras.saving.register_keras_serializable(package="keras_elastic")
class Supernet(keras.Model):
    """A model with shared weights that runs at any architecture of a family.

    The architecture is an argument of the call and nothing is kept of it. As
    an int32 vector (`space.encode(arch)`) it may be a tensor, and then one
    trace of a `tf.function` serves every architecture and resolution. As an
    `Architecture` its sizes are constants of the trace.

    The supernet keeps no statistics of normalization: it uses those of the
    batch, or those that `SubnetCalibrator.measure` returned for one subnet.

    Reference:
    - BigNAS: Scaling Up Neural Architecture Search with Big Single-Stage
      Models (Yu et al., ECCV 2020), section 3.

    Args:
        family: Name of a registered family, or a family.
        classes: Integer. Number of classes.
        mode: `"sliced"` computes the live channels only; `"masked"` keeps full
            shapes, for XLA, TPU and backends without dynamic shapes.
            XLA needs constant sizes: there, pass `resolution` too.
        **kwargs: Arguments of `keras.Model`.

    Call arguments:
        images: Tensor of pixels in 0..255, of any size: they are resized to
            the architecture's resolution, by bicubic interpolation unless the
            family has another.
        arch: `Architecture`, or its encoding: an int32 vector.
        statistics: Dictionary from the names of normalizations to tensors of
            shape (2, channels), or `None` for those of the batch.
        dropout_masks: Dictionary from the names of `dropouts` to tensors of
            shape (batch, features) that multiply the features there, and from
            the names of residual blocks to tensors of shape (batch, 1) that
            multiply what is added to the shortcut; or `None`. A call draws
            nothing at random, so a step can be repeated exactly.
        return_statistics: Boolean. Whether to return the batch's statistics.
        resolution: Integer, the resolution of an `arch` that is a tensor, if
            sizes must be constants of the trace, or `None`.

    Input shape:
        (batch, height, width, 3)

    Output shape:
        (batch, classes), logits. With `return_statistics`, a pair of the
        logits and a dictionary like `statistics`.

    Raises:
        ValueError: The family or mode is unknown, `classes` is not positive,
            images are not RGB, `arch` is not in the family's space, or
            `statistics` are none of its.

    Example:

    >>> supernet = keras_elastic.Supernet("bignas_digits", classes=10)
    >>> images = np.zeros((2, 8, 8, 3), "uint8")
    >>> supernet(images, supernet.space.smallest).shape
    TensorShape([2, 10])
    """

    def __init__(
        self,
        family: "Family | str",
        classes: int,
        mode: str = "sliced",
        **kwargs: Any,
    ):
        checks.positive_integer(classes=classes)
        family = registry.named(family)
        classes = checks.plain(classes)
        kwargs.setdefault("name", f"{family.name}_supernet")
        # Statistics stay float32; `_preprocess` casts the images.
        super().__init__(autocast=False, **kwargs)
        self.family: Any = family
        self.classes = classes
        self.mode = slicing.check_mode(mode)
        # Statistics of the largest subnet, where its weights were not made
        # here but came with them: see `elastic`. They are not saved.
        self.initial_statistics: dict[str, Any] | None = None
        self._build_layers()
        self.built = True

    @functools.cached_property
    def space(self) -> SearchSpace:
        """The `SearchSpace` of the family."""
        return self.family.space

    # Every layer is built at its largest size, from one plan over arrays.

    def _build_layers(self):
        plan = elastic_operations.plan_of_extremes(self.family, self.classes)
        self._channels = {}
        self._dropouts = {}
        for block in plan.blocks:
            for operation in block.every_operation:
                self._build_layer(operation)

    def _build_layer(self, operation):
        if isinstance(operation, primitives.Dropout):
            features = elastic_operations.largest(operation.channels)
            self._dropouts[operation.name] = (operation.rate, features)
        if isinstance(operation, primitives.Normalization):
            self._channels[operation.name] = elastic_operations.largest(
                operation.channels
            )
        made = elastic_operations.make_layer(
            operation,
            mode=self.mode,
            dtype=self.dtype_policy,
            name=operation.name,
        )
        if made is not None:
            layer, in_channels = made
            layer.build((None, None, None, in_channels))
            # An attribute of the operation's name: the weights file is then
            # addressed by the names of the plan.
            setattr(self, operation.name, layer)

    @property
    def dropouts(self) -> dict[str, tuple[float, int]]:
        """Rate and largest number of features of every dropout, by name."""
        return dict(self._dropouts)

    @property
    def normalizations(self) -> dict[str, int]:
        """Largest number of channels of every normalization, by name."""
        return dict(self._channels)

    # Calling

    def __call__(self, images: Any, arch: Any, **kwargs: Any) -> Any:
        checks.boolean(return_statistics=kwargs.get("return_statistics", False))
        (checks.SIZE | checks.NONE).check(
            "resolution", kwargs.get("resolution")
        )
        if isinstance(arch, Architecture):
            self.space.validate(arch)
        else:
            _ENCODING.check("arch", arch)
            arch = ops.convert_to_tensor(arch, dtype="int32")
            if tuple(arch.shape) != (len(self.space.genes),):
                raise ValueError(
                    "`arch` must be an `Architecture` or its encoding, an "
                    f"int32 vector of {len(self.space.genes)} genes. "
                    f"Received: arch.shape={tuple(arch.shape)}."
                )
        checks.check_images(images)
        statistics = kwargs.get("statistics")
        if statistics is not None:
            self._check_statistics(statistics, isinstance(arch, Architecture))
        return super().__call__(images, arch=arch, **kwargs)

    def _check_statistics(self, statistics, is_one):
        # One architecture needs those of its own blocks alone.
        needed = {
            name: channels
            for name, channels in self._channels.items()
            if not is_one
            or not isinstance(statistics, Mapping)
            or name in statistics
        }
        statistics_checks.check(statistics, needed)

    def call(
        self,
        images: Any,
        arch: Any,
        statistics: Mapping[str, Any] | None = None,
        dropout_masks: Mapping[str, Any] | None = None,
        return_statistics: bool = False,
        resolution: Any = None,
    ) -> Any:
        plan = self.plan_of(arch, resolution)
        features = self._preprocess(images, plan)
        run = SubnetRun(self, statistics, dropout_masks, return_statistics)
        features, seen = run(plan, features)
        logits = ops.cast(features, "float32")
        return (logits, seen) if return_statistics else logits

    def plan_of(self, arch: Any, resolution: Any = None) -> Plan:
        """Returns the plan of an architecture, or of an encoded one."""
        genes = self._genes(arch, resolution)
        return self.family.plan(genes, self.classes)

    def _genes(self, arch, resolution):
        if isinstance(arch, Architecture):
            return arch
        # A gene without a choice stays a number, and so do sizes made of it.
        values = [
            arch[i] if len(choices) > 1 else choices[0]
            for i, (_, choices) in enumerate(self.space.genes)
        ]
        if resolution is not None:
            values[0] = resolution
        return self.space.unstack(values)

    def _preprocess(self, images, plan):
        images = ops.cast(images, "float32")
        if images.shape[1:3] != (plan.resolution, plan.resolution):
            images = kernels.resize(images, plan.resolution, plan.resize)
        return self.rescale(images, plan)

    def rescale(self, images: Any, plan: Plan) -> Any:
        """Makes of pixels in 0..255 what the first block of a plan reads."""
        return ops.cast(images * plan.scale + plan.offset, self.compute_dtype)

    # Children

    @checks.arguments(
        arch=checks.ARCHITECTURE,
        classes=checks.POSITIVE_INTEGER | checks.NONE,
        name=checks.STRING | checks.NONE,
    )
    def child(
        self,
        arch: Architecture,
        statistics: Mapping[str, Any] | None = None,
        classes: int | None = None,
        name: str | None = None,
    ) -> keras.Model:
        """Extracts an architecture as a model of stock Keras layers.

        Args:
            arch: `Architecture` of this supernet's space.
            statistics: What `SubnetCalibrator.measure` returned for `arch`, or
                `None`. Without, the child's normalizations hold a new layer's
                mean 0 and variance 1: calibrate it before use.
            classes: Integer. Number of classes of a new, untrained classifier
                on the same trunk. Defaults to the supernet's classifier.
            name: String. Name of the model. Defaults to the family's name.

        Returns:
            A functional `keras.Model` from pixels in 0..255 of shape
            (batch, resolution, resolution, 3) to logits (batch, classes).

        Raises:
            ValueError: `arch` is not in the space.
        """
        return extract_child(
            self.family,
            arch,
            lambda operation: getattr(self, operation).get_weights(),
            self.classes,
            statistics=statistics,
            new_classes=classes,
            name=name,
        )

    def get_config(self) -> dict[str, Any]:
        # `Model.get_config` wants to be overridden, and warns of it if called.
        return {
            "name": self.name,
            "dtype": keras.dtype_policies.serialize(self.dtype_policy),
            "family": families.serialize(self.family),
            "classes": self.classes,
            "mode": self.mode,
        }

    @classmethod
    def from_config(
        cls,
        config: dict[str, Any],
        custom_objects: Mapping[str, Any] | None = None,
    ) -> "Supernet":
        family = families.deserialize(config["family"])
        dtype = keras.dtype_policies.deserialize(config["dtype"])
        return cls(**{**config, "family": family, "dtype": dtype})
