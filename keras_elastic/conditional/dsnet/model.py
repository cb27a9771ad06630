"""The network that chooses its width image by image."""

import types
from collections.abc import Callable
from collections.abc import Mapping
from typing import TYPE_CHECKING
from typing import Any

import keras
from keras import ops

from keras_elastic import checks
from keras_elastic import families
from keras_elastic.checks import check_images
from keras_elastic.conditional.dsnet import fitting as dsnet_fitting
from keras_elastic.conditional.dsnet import routes as dsnet_routes
from keras_elastic.conditional.dsnet import routing as dsnet_routing
from keras_elastic.conditional.dsnet import segments as dsnet_segments
from keras_elastic.conditional.dsnet import weights as dsnet_weights
from keras_elastic.conditional.dsnet.fitting import DSNetFitting
from keras_elastic.conditional.dsnet.for_core import DSNetForCore
from keras_elastic.conditional.dsnet.layers import RoutedNormalization
from keras_elastic.conditional.dsnet.layers import SlimmingGate
from keras_elastic.layers import kernels
from keras_elastic.layers import slicing
from keras_elastic.models import class_names
from keras_elastic.models import elastic_operations
from keras_elastic.spaces import Architecture
from keras_elastic.spaces import plan as primitives

if TYPE_CHECKING:
    from keras_elastic.families.family import Family
    from keras_elastic.models.supernet import Supernet


@keras.saving.register_keras_serializable(package="keras_elastic")
class DSNet(DSNetForCore, keras.Model):
    """A trained supernet with gates that choose the width for each image.

    Up to the first gate every image takes the same layers. There, and at every
    further gate, the image's features decide how wide the layers up to the
    next gate are. In mode "sliced" only the chosen channels are computed: a
    single image takes its width by a switch, a batch is parted by the chosen
    widths, each part runs at its own, and the results are put in order. In
    mode "masked" every image takes the full width and what it did not choose
    is zero, for compilers and accelerators that want one shape.

    `DSNet.from_supernet` makes it of a supernet. Its gates are then to be
    trained, by `fit` or with `keras_elastic.conditional.GateTask`; nothing
    else of it is. One with a new classifier, `keras_elastic.load(...,
    classes=N)`, trains that first, in the first half of the epochs of `fit`,
    at widths that are drawn at random.

    Reference:
    - Dynamic Slimmable Network (Li et al., CVPR 2021), sections 3 and 4.2.

    Args:
        family: Name of a registered family with gates, or such a family.
        classes: Integer. Number of classes.
        window: The widths that the gates choose from: `None` for all of the
            family's; a pair of the narrowest and the widest; or `"S"`, `"M"`
            or `"L"` for the narrowest, middle or widest four. "S" is that of
            the paper, the other two are not given there. Of five widths or
            fewer "S" is all but the widest, "L" all but the narrowest, and
            "M" all.
        resolution: Integer. Defaults to the largest of the family.
        mode: `"sliced"` or `"masked"`, how images are run when it is called.
        **kwargs: Arguments of `keras.Model`.

    Call arguments:
        images: Tensor of pixels in 0..255, of any size: they are resized to
            the resolution by bicubic interpolation.

    Input shape:
        (batch, height, width, 3)

    Output shape:
        (batch, classes), logits.

    Attributes:
        gates: The gates, with the widths of the window only.
        parts: Blocks of each part of the network, for each way through it. The
            ways are the pairs of the width before, slowest, and the width
            chosen at the part's gate; part 0, before all gates, has one.
        widest_parts: Blocks of each part at the widest choice of every gate.
        flops: Multiply-adds of each part, for each way through it.

    Raises:
        ValueError: The family has no gates, the window or the resolution is
            not in its space, or images are not RGB.

    Example:

    >>> model = DSNet("ds_mobilenet_cifar10", classes=10, window=(1, 4))
    >>> model(np.zeros((2, 32, 32, 3))).shape
    TensorShape([2, 10])
    """

    def __init__(
        self,
        family: "Family | str",
        classes: int,
        window: str | tuple[int, int] | None = None,
        resolution: int | None = None,
        mode: str = "sliced",
        **kwargs: Any,
    ):
        family = dsnet_routes.named(family)
        kwargs.setdefault("name", f"{family.name}_dsnet")
        # `stem` casts the images.
        super().__init__(autocast=False, **kwargs)
        checks.positive_integer(classes=classes)
        self.family: Any = family
        self.classes = classes
        self.mode = slicing.check_mode(mode)
        gates = dsnet_routes.check_gates(family)
        self.gates = dsnet_routes.check_window(gates, window)
        # JSON makes a list of a pair.
        self.window = tuple(window) if isinstance(window, list) else window
        self.resolution = dsnet_routes.check_resolution(family, resolution)
        self._plan_parts()
        self._build_layers()
        # Within an object that neither Keras nor TensorFlow looks into.
        self._branches = types.SimpleNamespace(made={})
        self.built = True
        # How many take a width is known when it runs, and XLA needs it before.
        self.supports_jit = False
        self._fitting = DSNetFitting(self)

    # The parts of the network, and the ways through them.

    def _plan_parts(self):
        routes = dsnet_routes.routes_of(
            self.family, self.gates, self.resolution
        )
        # Tuples, which Keras leaves as they are.
        self.parts = tuple(
            tuple(self._split(arch)[part] for arch in archs)
            for part, archs in enumerate(routes)
        )
        widest = dsnet_routes.widest(self.family, self.gates, self.resolution)
        self.widest_parts = self._split(widest)
        plan = self.family.plan(widest, self.classes)
        self._pixels = (plan.scale, plan.offset)
        self.flops = tuple(
            tuple(dsnet_segments.flops(blocks) for blocks in part)
            for part in self.parts
        )

    def _split(self, arch):
        plan = self.family.plan(arch, self.classes)
        return tuple(dsnet_segments.split(plan, self.gates))

    @staticmethod
    def architectures(
        family: "Family | str",
        window: str | tuple[int, int] | None = None,
        resolution: int | None = None,
    ) -> list[Architecture]:
        """The architectures whose statistics a model of a window needs.

        Args:
            family: As `DSNet`.
            window: As `DSNet`.
            resolution: As `DSNet`.

        Returns:
            List of `Architecture`.
        """
        return dsnet_routes.architectures(family, window, resolution)

    @property
    def gate_layers(self) -> list[SlimmingGate]:
        """The `SlimmingGate` of each gate."""
        return [getattr(self, gate.operation) for gate in self.gates]

    def is_gate(self, operation: Any) -> bool:
        """Whether an operation of the plan is the attention of a gate."""
        return any(operation.name == gate.operation for gate in self.gates)

    # Every layer is built once, at the widest choices of the window.

    def _build_layers(self):
        for part, blocks in enumerate(self.widest_parts):
            for operation in (o for b in blocks for o in b.every_operation):
                made = self._make_layer(operation, part)
                if made is not None:
                    layer, channels = made
                    layer.build((None, None, None, channels))
                    layer.trainable = False
                    setattr(self, operation.name, layer)
        for layer in self.gate_layers:
            # Of a gate the slimming head alone is trained.
            layer.trainable = True
            layer.reduce.trainable = False
            layer.expand.trainable = False

    def _make_layer(self, operation, part):
        common = {"dtype": self.dtype_policy, "name": operation.name}
        if self.is_gate(operation):
            gate = self.gates[part - 1]
            layer = SlimmingGate(
                len(gate.choices),
                operation.reduced,
                operation.activation,
                operation.gate,
                **common,
            )
            return layer, operation.channels
        if isinstance(operation, primitives.Normalization):
            layer = RoutedNormalization(len(self.parts[part]), **common)
            return layer, operation.channels
        return elastic_operations.make_layer(operation, mode="sliced", **common)

    # Calling

    def call(self, images: Any, training: bool | None = None) -> Any:
        if training:
            return self._fitting.run(ops.convert_to_tensor(images))
        return self.route(images)[0]

    def route(self, images: Any) -> tuple[Any, Any]:
        """Runs images, and says which widths they took.

        Args:
            images: As the call argument.

        Returns:
            The logits, and an int32 tensor of shape (batch, gates): indices
            among the choices of each gate.
        """
        check_images(images)
        return dsnet_routing.route(self, ops.convert_to_tensor(images))

    def stem(self, images: Any) -> Any:
        """What all images take: the features that the first gate looks at."""
        images = ops.cast(images, "float32")
        if images.shape[1:3] != (self.resolution, self.resolution):
            images = kernels.resize(images, self.resolution)
        scale, offset = self._pixels
        images = images * scale + offset
        return self.run_part(0, 0, ops.cast(images, self.compute_dtype))

    def run_part(
        self, part: int, route: int, features: Any, factors: Any = None
    ) -> Any:
        """Runs a part of the network at one of its ways, truly narrow.

        Args:
            part: Integer. Part 0 is the stem, part 1 follows the first gate.
            route: Integer. See `flops`.
            features: Tensor, what the part's gate has looked at.
            factors: The attention of that gate, (batch, channels).

        Returns:
            Tensor: the features for the next gate, or float32 logits.
        """

        features = dsnet_segments.run_part(self, part, route, features, factors)
        is_last = part == len(self.gates)
        return ops.cast(features, "float32") if is_last else features

    def branch(self, part: int, route: int) -> Callable[..., Any]:
        """A part at one of its ways as a function, made once.

        Args:
            part: Integer, from 1.
            route: Integer. See `flops`.

        Returns:
            Function of the features at the part's gate and their attention.
        """
        made = self._branches.made
        if (part, route) not in made:
            made[part, route] = dsnet_routing.make_branch(self, part, route)
        return made[part, route]

    def run_path(self, features: Any, index: int) -> Any:
        """Runs features of the stem at one choice of all gates.

        Args:
            features: What `stem` returned.
            index: Integer among the choices, -1 for the widest.

        Returns:
            The logits.
        """
        return dsnet_segments.run_path(self, features, index)

    # Making and saving

    @classmethod
    def from_supernet(
        cls,
        supernet: "Supernet",
        statistics: Mapping[Architecture, Mapping[str, Any]],
        **kwargs: Any,
    ) -> "DSNet":
        """Makes a model with the weights of a trained supernet.

        Its gates' attention is the supernet's; their slimming heads are new.

        Args:
            supernet: `Supernet` of a family with gates.
            statistics: Dictionary from each `Architecture` that
                `DSNet.architectures` lists to what `SubnetCalibrator.measure`
                returned for it.
            **kwargs: `window`, `resolution`, `mode` and further arguments of
                `DSNet`.

        Returns:
            `DSNet`.

        Raises:
            ValueError: As `DSNet`, or a width has no statistics or those of
                another width.

        Example:

        >>> supernet = keras_elastic.Supernet("ds_mobilenet_cifar10", 10)
        >>> calibrator = keras_elastic.SubnetCalibrator(supernet)
        >>> images = np.zeros((4, 32, 32, 3))
        >>> archs = DSNet.architectures(supernet.family, window=(1, 2))
        >>> model = DSNet.from_supernet(
        ...     supernet,
        ...     {arch: calibrator.measure(arch, images) for arch in archs},
        ...     window=(1, 2),
        ... )
        """
        kwargs.setdefault("dtype", supernet.dtype_policy)
        model = cls(supernet.family, supernet.classes, **kwargs)
        dsnet_weights.copy(supernet, statistics, model)
        return model

    def get_config(self) -> dict[str, Any]:
        # `Model.get_config` wants to be overridden, and warns of it if called.
        return {
            **class_names.described(self),
            "name": self.name,
            "dtype": keras.dtype_policies.serialize(self.dtype_policy),
            "family": families.serialize(self.family),
            "classes": self.classes,
            # A pair: what a name stands for may change.
            "window": dsnet_routes.as_pair(self.gates, self.window),
            "resolution": self.resolution,
            "mode": self.mode,
            # It is to be trained, also after it was saved.
            **self._fitting.get_config(),
        }

    @classmethod
    def from_config(
        cls,
        config: dict[str, Any],
        custom_objects: Mapping[str, Any] | None = None,
    ) -> "DSNet":
        family = families.deserialize(config["family"])
        dtype = keras.dtype_policies.deserialize(config["dtype"])
        window = dsnet_routes.written_window(family, config["window"])
        config = {**config, "family": family, "dtype": dtype, "window": window}
        has_new_head = config.pop(dsnet_fitting.NEW_HEAD, False)
        model = class_names.revived(cls, config)
        if has_new_head:
            model._fitting.set_stage(dsnet_fitting.BOTH)
        return model
