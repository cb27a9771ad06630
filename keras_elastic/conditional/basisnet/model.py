"""BasisNet: a light network mixes the kernels of a specialist."""

from collections.abc import Iterable
from collections.abc import Mapping
from typing import TYPE_CHECKING
from typing import Any

import keras
from keras import ops

from keras_elastic import checks
from keras_elastic.conditional.basisnet import config as basisnet_config
from keras_elastic.conditional.basisnet import stages
from keras_elastic.conditional.basisnet.convolution import check_method
from keras_elastic.conditional.basisnet.costs import basisnet_costs
from keras_elastic.conditional.basisnet.costs import check_bases
from keras_elastic.conditional.basisnet.fitting import BasisNetFitting
from keras_elastic.conditional.basisnet.for_core import BasisNetForCore
from keras_elastic.conditional.basisnet.layers import BasisExit
from keras_elastic.conditional.basisnet.stages import TwoStages
from keras_elastic.layers import slicing
from keras_elastic.models import class_names

if TYPE_CHECKING:
    from keras_elastic.conditional.basisnet.costs import BasisNetCosts
    from keras_elastic.spaces import Plan

ACTIVATIONS = ("softmax", "sigmoid")

LIGHT = "light_"
SPECIALIST = "specialist_"


@keras.saving.register_keras_serializable(package="keras_elastic")
class BasisNet(BasisNetForCore, keras.Model):
    """A model of two stages: a light network, then a specialist of the image.

    The light network sees the image at its own resolution and has two linear
    heads on one feature: class logits, and coefficients. For each image the
    coefficients mix the kernels of the specialist from `num_bases` bases, one
    vector of coefficients for each block with bases. Only the kernels of
    convolutions have copies there; squeeze-excite, normalization and shortcuts
    are shared, and so are all other blocks.

    It is a functional model of stock layers, `BasisConv2D`,
    `BasisDepthwiseConv2D` and two layers without weights, so it is saved,
    calibrated, evaluated and exported as any other. `preview` and `specialize`
    run one stage alone. `fit` trains both stages; see `configure_training`.

    Reference:
    - BasisNet: Two-stage Model Synthesis for Efficient Inference (Zhang et
      al., 2021), section 3. That coefficients are a softmax over the bases is
      assumed, as is that each block has one vector of them, which the
      published numbers of parameters say.

    Args:
        light: `Plan` of the light network, over integers.
        specialist: `Plan` of a basis network, of as many classes. Its
            resolution is that of the images.
        num_bases: Integer. Number of bases.
        basis_blocks: Iterable of integers: the numbers of the specialist's
            blocks with bases, counted from 1 behind the stem.
        activation: `"softmax"` or `"sigmoid"`, of the coefficients.
        exit_threshold: Float in 0..1, or `None`. Images whose largest
            probability in the first stage exceeds it keep its logits: only the
            others of a batch run the second stage. Not in training.
        method: How basis convolutions are computed, see `BasisConv2D`.
        dtype: Dtype policy of the layers. Defaults to the global policy.
        name: String.
        **kwargs: Arguments of `keras.Model`.

    Call arguments:
        inputs: Tensor of pixels in 0..255.
        training: Boolean.

    Input shape:
        (batch, resolution, resolution, 3)

    Output shape:
        (batch, classes), logits.

    Raises:
        ValueError: There are no bases or no such blocks, the networks differ
            in classes, or an argument is not one of its choices.

    Example:

    >>> family = keras_elastic.families.get("bignas_digits")
    >>> light = family.plan(family.space.smallest, classes=10)
    >>> specialist = family.plan(family.space.largest, classes=10)
    >>> model = BasisNet(light, specialist, 4, basis_blocks=(6, 7, 8))
    >>> model(np.zeros((2, 12, 12, 3))).shape
    TensorShape([2, 10])
    """

    def __init__(
        self,
        light: "Plan",
        specialist: "Plan",
        num_bases: int,
        basis_blocks: Iterable[int],
        activation: str = "softmax",
        exit_threshold: float | None = None,
        method: str = "auto",
        dtype: Any = None,
        name: str = "basisnet",
        **kwargs: Any,
    ):
        checks.PLAN.check("light", light)
        checks.PLAN.check("specialist", specialist)
        checks.string(name=name)
        (checks.FRACTION | checks.NONE).check("exit_threshold", exit_threshold)
        light, specialist = map(basisnet_config.live_plan, (light, specialist))
        slicing.image_axes()
        _check_classes(light, specialist)
        basis_blocks = check_bases(specialist, num_bases, basis_blocks)
        checks.one_of(ACTIVATIONS, activation=activation)
        graph = TwoStages(
            light, specialist, num_bases, basis_blocks, activation
        )
        policy = keras.dtype_policies.get(dtype or keras.config.dtype_policy())
        size = specialist.resolution
        images = keras.Input((size, size, 3), name="images")
        light_logits, coefficients = graph.preview(
            images, stages.NewLayers(LIGHT, policy)
        )
        logits = graph.specialize(
            images,
            coefficients,
            stages.NewLayers(
                SPECIALIST, policy, num_bases, check_method(method)
            ),
        )
        exit_layer = BasisExit(exit_threshold, name="exit")
        super().__init__(
            inputs=images,
            outputs=exit_layer(light_logits, logits),
            name=name,
            **kwargs,
        )
        self.graph = graph
        self.policy = policy
        self.method = method
        self.exit_threshold = exit_threshold
        # How many images go on is known when it runs, and XLA's shapes are not.
        self.supports_jit = False
        self._fitting = BasisNetFitting(self)

    @property
    def light(self) -> "Plan":
        """`Plan` of the light network."""
        return self.graph.light

    @property
    def specialist(self) -> "Plan":
        """`Plan` of a basis network."""
        return self.graph.specialist

    @property
    def plans(self) -> "dict[str, Plan]":
        """`Plan` of each stage, by the prefix of the names of its layers."""
        return {LIGHT: self.light, SPECIALIST: self.specialist}

    @property
    def num_bases(self) -> int:
        """Number of bases."""
        return self.graph.num_bases

    @property
    def basis_blocks(self) -> tuple[int, ...]:
        """Numbers of the blocks with bases."""
        return self.graph.basis_blocks

    @property
    def basis_block_names(self) -> tuple[str, ...]:
        """Names of the blocks with bases, in the order of coefficients."""
        return self.graph.names

    @property
    def classes(self) -> int:
        """Number of classes."""
        return classes_of(self.specialist)

    @property
    def costs(self) -> "BasisNetCosts":
        """`BasisNetCosts`: multiply-adds and parameters."""
        return basisnet_costs(
            self.light, self.specialist, self.num_bases, self.basis_blocks
        )

    @property
    def dropouts(self) -> dict[str, tuple[float, int]]:
        """Rate and number of features of every dropout, by name."""
        return {
            f"{prefix}{name}": value
            for prefix, plan in self.plans.items()
            for name, value in stages.dropouts(plan).items()
        }

    def preview(
        self,
        images: Any,
        training: bool = False,
        dropout_masks: Mapping[str, Any] | None = None,
        drops: bool = False,
    ) -> tuple[Any, Any]:
        """Runs the first stage.

        Args:
            images: Tensor of pixels in 0..255, of any square size.
            training: Boolean. Whether normalizations take the batch's
                statistics.
            dropout_masks: Dictionary from names of `dropouts` to tensors of
                shape (batch, features) that multiply the features there, or
                `None`. Nothing else is drawn at random.
            drops: Boolean. Whether dropouts draw for themselves instead.

        Returns:
            Logits of shape (batch, classes), and coefficients of shape
            (batch, basis blocks, num_bases), both float32.
        """
        layers = self._made_layers(LIGHT, training, dropout_masks, drops)
        return self.graph.preview(as_pixels(images), layers)

    def specialize(
        self,
        images: Any,
        coefficients: Any,
        training: bool = False,
        dropout_masks: Mapping[str, Any] | None = None,
        drops: bool = False,
    ) -> Any:
        """Runs the second stage with given coefficients.

        Args:
            images: Tensor of pixels in 0..255, of the specialist's size.
            coefficients: Tensor of shape (batch, basis blocks, num_bases).
            training: As `preview`.
            dropout_masks: As `preview`.
            drops: As `preview`.

        Returns:
            float32 logits of shape (batch, classes).
        """
        layers = self._made_layers(SPECIALIST, training, dropout_masks, drops)
        return self.graph.specialize(as_pixels(images), coefficients, layers)

    def _made_layers(self, prefix, training, dropout_masks, drops):
        masks = {
            name.removeprefix(prefix): mask
            for name, mask in (dropout_masks or {}).items()
            if name.startswith(prefix)
        }
        by_name = {layer.name: layer for layer in self.layers}
        return stages.MadeLayers(by_name, prefix, training, masks, drops)

    def call(
        self, inputs: Any, training: bool | None = None, mask: Any = None
    ) -> Any:
        if training:
            return self._fitting.run(inputs)
        images = as_pixels(inputs)
        if images.shape[0] == 0:
            return ops.zeros((0, self.classes))
        if self.exit_threshold is None:
            return super().call(images, training=training, mask=mask)
        # TensorFlow's convolution of no images has the shape of its input.
        return ops.cond(
            ops.shape(images)[0] > 0,
            lambda: self._run_with_early_exit(images),
            lambda: ops.zeros((0, self.classes)),
        )

    def _run_with_early_exit(self, images):
        light_logits, coefficients = self.preview(images)
        decided = self.get_layer("exit").decides(light_logits)
        places = ops.nonzero(ops.logical_not(decided))[0]

        def run_undecided():
            logits = self.specialize(
                ops.take(images, places, axis=0),
                ops.take(coefficients, places, axis=0),
            )
            return ops.scatter_update(light_logits, places[:, None], logits)

        return ops.cond(
            ops.shape(places)[0] > 0, run_undecided, lambda: light_logits
        )

    def with_exit_threshold(self, threshold: float | None) -> "BasisNet":
        """Returns a copy with another threshold of early exit, or `None`."""
        model = type(self).from_config(
            {**self.get_config(), "exit_threshold": threshold}
        )
        model.set_weights(self.get_weights())
        return model

    def get_config(self) -> dict[str, Any]:
        # Not that of functional models, which lists all layers.
        return {
            **class_names.described(self),
            "name": self.name,
            "trainable": self.trainable,
            "dtype": keras.dtype_policies.serialize(self.policy),
            "light": basisnet_config.serialize_plan(self.light),
            "specialist": basisnet_config.serialize_plan(self.specialist),
            "num_bases": self.num_bases,
            "basis_blocks": list(self.basis_blocks),
            "activation": self.graph.activation,
            "exit_threshold": self.exit_threshold,
            "method": self.method,
        }

    @classmethod
    def from_config(
        cls,
        config: dict[str, Any],
        custom_objects: Mapping[str, Any] | None = None,
    ) -> "BasisNet":
        plans = {
            name: basisnet_config.deserialize_plan(config[name])
            for name in ("light", "specialist")
        }
        dtype = keras.dtype_policies.deserialize(config["dtype"])
        return class_names.revived(cls, {**config, **plans, "dtype": dtype})


def as_pixels(images):
    """Returns images as a float32 tensor."""
    return ops.cast(ops.convert_to_tensor(images), "float32")


def classes_of(plan):
    """Number of classes of a plan."""
    return plan.blocks[-1].operations[-1].units


def _check_classes(light, specialist):
    if classes_of(light) != classes_of(specialist):
        raise ValueError(
            "`light` must have as many classes as `specialist`. Received: "
            f"{classes_of(light)} and {classes_of(specialist)} classes. Make "
            "both plans with the same `classes`."
        )
